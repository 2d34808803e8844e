"""Where the user's choices stand: careen.toml of the folder, else ``[tool.careen]`` of a pyproject.toml."""

from collections.abc import Iterator
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


def settings_of_nobody(config: Config, workspace: Workspace) -> Iterator[str]:
    """A note for each service that the configuration names and the stack has not: it may be one of another file."""
    names = [service.name for service in workspace.services]
    for name in config.services:
        if name not in names:
            import difflib  # noqa: PLC0415 - only a name that nobody has pays for it

            near = difflib.get_close_matches(name, names, n=1)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            yield f"the configuration speaks of a service {name}, which this stack has not: {meant}"
