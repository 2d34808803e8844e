"""Where the user's choices stand: careen.toml of the folder, else ``[tool.careen]`` of a pyproject.toml."""

from pathlib import PurePosixPath

from careen.config import Config, read_config
from careen.workspace.model import Workspace

_OWN = PurePosixPath("careen.toml")
_AT_ROOT = PurePosixPath("pyproject.toml")


def configuration_of(workspace: Workspace) -> Config:
    """The folder's own careen.toml, else its pyproject.toml, else that of the first service's project.

    Raises what :func:`careen.config.read_config` raises.
    """
    files = workspace.files
    if files.exists(_OWN):
        return read_config(files.read(_OWN), table=())
    if files.exists(_AT_ROOT):
        return read_config(files.read(_AT_ROOT), table=("tool", "careen"))
    for service in workspace.services:
        if service.project is not None:
            return read_config(service.project.pyproject.source, table=("tool", "careen"))
    return Config()
