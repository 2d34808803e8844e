"""Where installers keep their downloads, and what makes them keep none."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from careen.dockerfile.actions import Install
from careen.workspace.steps import RunStep

_VARIABLES = {
    "pip": "PIP_CACHE_DIR",
    "uv": "UV_CACHE_DIR",
    "poetry": "POETRY_CACHE_DIR",
    "pdm": "PDM_CACHE_DIR",
    "pipenv": "PIPENV_CACHE_DIR",
}
_FOLDERS = {"pip": "pip", "uv": "uv", "poetry": "pypoetry", "pdm": "pdm", "pipenv": "pipenv"}
_SYSTEM_FOLDERS = {"apt": "/var/cache/apt", "apk": "/var/cache/apk", "dnf": "/var/cache"}
PYTHON_INSTALLERS = frozenset(_FOLDERS)
_OFF_OPTIONS = frozenset({"--no-cache-dir", "--no-cache", "-n"})
_OFF_VARIABLES = {"pip": "PIP_NO_CACHE_DIR", "uv": "UV_NO_CACHE", "poetry": "POETRY_NO_CACHE", "pdm": "PDM_NO_CACHE"}
_TRUE = frozenset({"1", "true", "yes", "on", "off"})
"""``off`` too: pip once read PIP_NO_CACHE_DIR=off as it is meant by nobody, and files still say it."""


def home(run: RunStep, environment: Mapping[str, str]) -> PurePosixPath | None:
    """The home of the user that runs a step; None when nobody can know it."""
    if "HOME" in environment:
        return PurePosixPath(environment["HOME"])
    name = (run.user or "root").partition(":")[0]
    if name in {"root", "0", ""}:
        return PurePosixPath("/root")
    return None if name.isdigit() or "$" in name else PurePosixPath("/home") / name


def cache_folder(install: Install, run: RunStep, environment: Mapping[str, str]) -> PurePosixPath | None:
    """Where an installer looks for earlier downloads; None when that is not known."""
    if install.manager in _SYSTEM_FOLDERS:
        return PurePosixPath(_SYSTEM_FOLDERS[install.manager])
    words = install.command.argv
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == "--cache-dir":
            return PurePosixPath(value if equals else words[index + 1]) if equals or index + 1 < len(words) else None
    named = {**environment, **dict(install.command.assignments)}.get(_VARIABLES.get(install.manager, ""))
    if named:
        return PurePosixPath(named)
    if install.manager not in _FOLDERS:
        return None
    caches = environment.get("XDG_CACHE_HOME")
    folder = home(run, environment)
    if caches:
        return PurePosixPath(caches) / _FOLDERS[install.manager]
    return None if folder is None else folder / ".cache" / _FOLDERS[install.manager]


def keeps_nothing(install: Install, environment: Mapping[str, str]) -> str | None:
    """What tells an installer to keep no downloads, as it is written; None when nothing does."""
    for option in sorted(_OFF_OPTIONS & install.options):
        if option != "-n" or install.manager == "uv":
            return option
    variable = _OFF_VARIABLES.get(install.manager, "")
    value = {**environment, **dict(install.command.assignments)}.get(variable, "")
    return f"{variable}={value}" if value.lower() in _TRUE else None


_TOOL_NAMES = (
    "pip setuptools wheel build uv poetry poetry-core poetry-plugin-export pdm pipenv hatch hatchling flit flit-core "
    "virtualenv pip-tools setuptools-scm setuptools-rust cython maturin meson-python scikit-build-core twine pipx"
)
_TOOLS = frozenset(_TOOL_NAMES.split())
"""Distributions that install or build others."""


def is_heavy(install: Install) -> bool:
    """Whether an install brings a project's dependencies, and not just a tool or two."""
    named = [package for package in install.packages if not package.startswith(("-", ".", "/"))]
    wanted = [package for package in named if _bare(package) not in _TOOLS]
    alone = {"--no-deps", "--no-index"} & install.options
    # A wheel, a folder or an archive is an application more often than not, and brings what it depends on.
    whole = any(_is_one_artefact(package) for package in install.packages) and not alone
    return bool(
        install.whole_project
        or install.requirement_files
        or install.groups
        or install.installs_project
        or whole
        or len(wanted) > 2
    )


def _is_one_artefact(package: str) -> bool:
    return "*" not in package and (package.startswith(("/", "./")) or package.endswith(".whl") or "://" in package)


def _bare(package: str) -> str:
    return re.split(r"[\[<>=!~;@ ]", package.strip("\"'"), maxsplit=1)[0].lower().replace("_", "-")
