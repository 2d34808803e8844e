"""What a command does to the image: installs, changes of ownership, downloads, clean-ups."""

from collections.abc import Sequence
from dataclasses import dataclass

from careen.dockerfile.shell import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """``manager`` is apt, apk, dnf, pip, uv, poetry, pdm, pipenv, conda or npm; ``whole_project`` a sync from a lock.

    ``groups`` are the dependency groups asked for, ``development`` whether development dependencies come along.
    """

    manager: str
    packages: tuple[str, ...]
    options: frozenset[str]
    requirement_files: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    whole_project: bool = False
    development: bool = False
    installs_project: bool = False
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOwner:
    """``chown`` or ``chmod``; ``recursive`` with -R."""

    program: str
    recursive: bool
    paths: tuple[str, ...]
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    urls: tuple[str, ...]
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUp:
    """Removal of files or of installed packages."""

    paths: tuple[str, ...]
    packages: tuple[str, ...]
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUser:
    name: str
    command: Command


Action = Install | ChangeOwner | Download | CleanUp | CreateUser

_SYSTEM_MANAGERS = {
    "apt-get": ("apt", {"install"}),
    "apt": ("apt", {"install"}),
    "aptitude": ("apt", {"install"}),
    "apk": ("apk", {"add"}),
    "dnf": ("dnf", {"install"}),
    "yum": ("dnf", {"install"}),
    "microdnf": ("dnf", {"install"}),
    "npm": ("npm", {"install", "ci", "i"}),
    "yarn": ("npm", {"install", "add"}),
    "pnpm": ("npm", {"install", "add", "i"}),
    "conda": ("conda", {"install", "create"}),
    "mamba": ("conda", {"install", "create"}),
    "micromamba": ("conda", {"install", "create"}),
}
_PIP_VALUES = frozenset(
    {"-r", "--requirement", "-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-t", "--target",
     "--prefix", "--root", "--python", "-p", "-f", "--find-links", "--cache-dir", "--trusted-host", "--timeout",
     "--platform", "--python-version", "--torch-backend", "--index", "--default-index", "--config-settings"}
)  # fmt: skip
_UV_SYNC_VALUES = frozenset(
    {"--group", "--only-group", "--no-group", "--extra", "--no-extra", "--package", "--python", "-p", "--project",
     "--directory", "--index", "--default-index", "--no-install-package", "--cache-dir", "--link-mode"}
)  # fmt: skip
_POETRY_VALUES = frozenset({"--with", "--without", "--only", "-E", "--extras", "-C", "--directory", "-P", "--project"})
_APT_VALUES = frozenset({"-o", "-t", "-c", "--target-release", "--option"})
_CHOWN_OPERANDS_BEFORE_PATHS = 1


@dataclass(frozen=True, slots=True)
class _Line:
    options: tuple[tuple[str, str | None], ...]
    operands: tuple[str, ...]

    def has(self, *names: str) -> bool:
        return any(name in names for name, _ in self.options)

    def values(self, *names: str) -> tuple[str, ...]:
        found: list[str] = []
        for name, value in self.options:
            if name in names and value is not None:
                found += [part for part in value.replace(",", " ").split() if part]
        return tuple(found)


def _split(words: Sequence[str], with_value: frozenset[str]) -> _Line:
    options: list[tuple[str, str | None]] = []
    operands: list[str] = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if not word.startswith("-") or word == "-":
            operands.append(word)
            continue
        name, equals, value = word.partition("=")
        if equals:
            options.append((name, value))
        elif name in with_value and index < len(words):
            options.append((name, words[index]))
            index += 1
        elif name[:2] in with_value and not name.startswith("--") and len(name) > 2:
            options.append((name[:2], name[2:]))
        else:
            options.append((name, None))
    return _Line(tuple(options), tuple(operands))


def action_of(command: Command) -> Action | None:
    """None for a command that changes nothing careen knows of."""
    argv = command.argv
    name = command.name
    if name.startswith("python") and argv[1:2] == ("-m",) and len(argv) > 2:
        argv = argv[2:]
        name = argv[0]
    if name in _SYSTEM_MANAGERS:
        return _system(name, argv, command)
    if name in {"pip", "pip3"} or (name.startswith("pip3.") and name[5:].isdigit()):
        return _pip(argv[1:], command, manager="pip")
    if name == "uv":
        return _uv(argv[1:], command)
    if name in {"poetry", "pdm", "pipenv"}:
        return _project_tool(name, argv[1:], command)
    if name in {"chown", "chmod", "chgrp"}:
        line = _split(argv[1:], frozenset())
        recursive = line.has("--recursive") or any("R" in option for option, _ in line.options if option[:2] != "--")
        return ChangeOwner(
            program=name, recursive=recursive, paths=line.operands[_CHOWN_OPERANDS_BEFORE_PATHS:], command=command
        )
    if name in {"curl", "wget"}:
        urls = tuple(word for word in argv[1:] if "://" in word)
        return Download(urls=urls, command=command) if urls else None
    if name == "rm":
        return CleanUp(paths=_split(argv[1:], frozenset()).operands, packages=(), command=command)
    if name in {"useradd", "adduser"}:
        operands = _split(
            argv[1:], frozenset({"-u", "--uid", "-g", "--gid", "-d", "--home", "-s", "--shell", "-c", "-G", "-h", "-r"})
        ).operands
        return CreateUser(name=operands[-1] if operands else "", command=command)
    return None


def _system(name: str, argv: Sequence[str], command: Command) -> Action | None:
    manager, verbs = _SYSTEM_MANAGERS[name]
    line = _split(argv[1:], _APT_VALUES)
    if not line.operands:
        return None
    verb, packages = line.operands[0], line.operands[1:]
    if verb in verbs:
        return Install(
            manager=manager,
            packages=packages,
            options=frozenset(option for option, _ in line.options),
            development=manager == "npm",
            command=command,
        )
    if verb in {"remove", "purge", "autoremove", "del", "clean", "erase"}:
        return CleanUp(paths=(), packages=packages, command=command)
    return None


def _pip(words: Sequence[str], command: Command, *, manager: str) -> Action | None:
    line = _split(words, _PIP_VALUES)
    if line.operands[:1] == ("uninstall",):
        return CleanUp(paths=(), packages=line.operands[1:], command=command)
    if line.operands[:1] not in {("install",), ("sync",)}:
        return None
    packages = line.operands[1:]
    files = line.values("-r", "--requirement")
    if line.operands[0] == "sync":
        packages, files = (), (*files, *packages)
    return Install(
        manager=manager,
        packages=packages,
        options=frozenset(option for option, _ in line.options),
        requirement_files=files,
        installs_project=any(package.split("[")[0] in {".", "./"} for package in packages),
        development=any("dev" in name or "test" in name for name in files),
        command=command,
    )


def _uv(words: Sequence[str], command: Command) -> Action | None:
    # Global options may stand in front: `uv --no-cache sync`.
    while words and words[0].startswith("-"):
        words = words[1:]
    if words[:1] == ("pip",):
        return _pip(words[1:], command, manager="uv")
    if words[:1] not in {("sync",), ("run",)}:
        return None
    line = _split(words[1:], _UV_SYNC_VALUES)
    if words[0] == "run" and (line.has("--no-sync") or not line.operands):
        return None
    only = line.values("--only-group")
    everything = line.has("--all-groups")
    excluded = line.has("--no-dev", "--no-default-groups") or "dev" in line.values("--no-group")
    excluded = excluded or any(name == "UV_NO_DEV" and value not in {"", "0"} for name, value in command.assignments)
    return Install(
        manager="uv",
        packages=(),
        options=frozenset(option for option, _ in line.options),
        groups=(*only, *line.values("--group")),
        whole_project=True,
        development=everything
        or not (excluded or only or line.has("--no-default-groups"))
        or line.has("--dev", "--only-dev"),
        installs_project=not (line.has("--no-install-project", "--no-install-workspace") or bool(only)),
        command=command,
    )


def _project_tool(name: str, words: Sequence[str], command: Command) -> Action | None:
    line = _split(words, _POETRY_VALUES)
    if line.operands[:1] not in {("install",), ("sync",)}:
        return None
    if name == "poetry":
        only = line.values("--only")
        without = {*line.values("--without")}
        development = not (line.has("--no-dev", "--only-root") or only or "dev" in without)
    elif name == "pdm":
        development = not line.has("--prod", "--production", "--no-dev")
    else:
        development = line.has("--dev", "-d")
    return Install(
        manager=name,
        packages=line.operands[1:],
        options=frozenset(option for option, _ in line.options),
        groups=line.values("--with", "--only"),
        whole_project=True,
        development=development,
        installs_project=not line.has("--no-root", "--no-self"),
        command=command,
    )
