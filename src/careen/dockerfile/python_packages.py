"""Managers of Python distributions: pip, uv, pipx, poetry, pdm, pipenv, setup.py."""

from collections.abc import Sequence

from careen.dockerfile.command import Command
from careen.dockerfile.command_line import CommandLine, split_line
from careen.dockerfile.effects import Action, CleanUp, Install

_PIP_VALUES = frozenset(
    {"-r", "--requirement", "--requirements", "-c", "--constraint", "--constraints", "-i", "--index-url",
     "--extra-index-url", "-t", "--target", "--prefix", "--root", "--python", "-p", "-f", "--find-links",
     "--cache-dir", "--trusted-host", "--timeout", "--default-timeout", "--retries", "--proxy", "--platform",
     "--python-version", "--implementation", "--abi", "--only-binary", "--no-binary", "--no-build-isolation-package",
     "--torch-backend", "--index", "--default-index", "--config-settings", "-C", "--log", "--exists-action",
     "--progress-bar", "--src", "-b", "--override", "--build-constraint", "--group", "--extra", "--link-mode",
     "--index-strategy", "--resolution", "--prerelease", "--exclude-newer", "-P", "--upgrade-package",
     "--upgrade-strategy", "--use-feature", "--directory", "--project", "--keyring-provider", "-e", "--editable"}
)  # fmt: skip
_UV_VALUES = frozenset(
    {"--group", "--only-group", "--no-group", "--extra", "--no-extra", "--package", "--python", "-p", "--project",
     "--directory", "--index", "--default-index", "-i", "--index-url", "--extra-index-url", "-f", "--find-links",
     "--no-install-package", "--cache-dir", "--link-mode", "--config-file", "--allow-insecure-host", "--with",
     "--with-requirements", "--with-editable", "--from", "--env-file", "-P", "--upgrade-package", "--resolution",
     "--prerelease", "--exclude-newer", "--index-strategy", "--refresh-package", "--reinstall-package", "-C",
     "--config-setting", "--no-build-package", "--no-binary-package", "--keyring-provider", "--color",
     "--python-platform", "--inexact-package", "--script", "-m", "--module", "-w"}
)  # fmt: skip
_UV_GLOBAL_VALUES = frozenset(
    {"--project", "--directory", "--cache-dir", "--config-file", "--color", "--allow-insecure-host"}
)
_PROJECT_VALUES = frozenset(
    {"--with", "--without", "--only", "-E", "--extras", "-C", "--directory", "-P", "--project", "-G", "--group", "-p",
     "-L", "--lockfile", "--python", "--categories", "-r", "--requirements", "--index", "--extra-pip-args",
     "--pypi-mirror"}
)  # fmt: skip
_PROJECT_FOLDERS = frozenset({".", "$PWD", "/app", "/code", "/src"})
_NO = frozenset({"", "0", "false", "no", "off"})


def python_action(argv: Sequence[str], command: Command) -> Action | None:
    """None for other programs, and for verbs that install nothing."""
    name = argv[0].rpartition("/")[2]
    words = tuple(argv[1:])
    if name.startswith(("python", "pypy")):
        if words[:1] and words[0].rpartition("/")[2] == "setup.py" and words[1:2] in {("install",), ("develop",)}:
            return _project_itself(words[1:], command)
        at = words.index("-m") if "-m" in words[:-1] else None
        if at is None or not all(word.startswith("-") for word in words[:at]):
            return None
        name, words = words[at + 1], words[at + 2 :]
    if name == "pip" or (name.startswith("pip") and name[3:].replace(".", "").isdigit()):
        return _pip(words, command, manager="pip")
    if name == "uv":
        return _uv(words, command)
    if name == "uvx":
        return _uv_tool(words, command)
    if name == "pipx":
        line = split_line(words, _PIP_VALUES)
        is_install = line.operands[:1] in {("install",), ("inject",)}
        return (
            Install(manager="pipx", packages=line.operands[1:], options=line.names, command=command)
            if is_install
            else None
        )
    if name in {"poetry", "pdm", "pipenv"}:
        return _project_tool(name, words, command)
    if name == "easy_install":
        return Install(
            manager="pip", packages=split_line(words, _PIP_VALUES).operands, options=frozenset(), command=command
        )
    return None


def _project_itself(words: Sequence[str], command: Command) -> Install:
    options = split_line(words, frozenset()).names
    return Install(manager="pip", packages=(".",), options=options, installs_project=True, command=command)


def _pip(words: Sequence[str], command: Command, *, manager: str) -> Action | None:
    line = split_line(words, _PIP_VALUES)
    verb = line.operands[:1]
    if verb == ("uninstall",):
        return CleanUp(paths=(), packages=line.operands[1:], command=command)
    if verb == ("cache",):
        return CleanUp(paths=(), packages=(), command=command)
    if verb not in {("install",), ("sync",), ("wheel",), ("download",)}:
        return None
    editable = line.values("-e", "--editable")
    packages = (*line.operands[1:], *editable)
    files = line.values("-r", "--requirement", "--requirements")
    groups = line.items("--group")
    if verb == ("sync",):
        packages, files = (), (*files, *packages)
    return Install(
        manager=manager,
        packages=packages,
        options=line.names | ({"wheel"} if verb in {("wheel",), ("download",)} else frozenset()),
        requirement_files=files,
        groups=groups,
        extras=line.items("--extra"),
        installs_project=any(_is_project(package) for package in packages),
        development=any(_sounds_like_development(name) for name in (*files, *groups)),
        command=command,
    )


def _is_project(package: str) -> bool:
    return package.partition("[")[0].rstrip("/") in _PROJECT_FOLDERS


def _sounds_like_development(name: str) -> bool:
    return any(word in name.rpartition("/")[2] or f"{word}/" in name for word in ("dev", "test", "lint"))


def _uv(words: Sequence[str], command: Command) -> Action | None:
    # Global options may stand in front: `uv --no-cache --directory /app sync`.
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] in _UV_GLOBAL_VALUES else words[1:]
    verb = words[0] if words else ""
    if verb == "pip":
        return _pip(words[1:], command, manager="uv")
    if verb == "tool":
        return _uv_tool(words[2:], command) if words[1:2] in {("install",), ("run",)} else None
    if verb == "cache":
        return CleanUp(paths=(), packages=(), command=command) if words[1:2] in {("clean",), ("prune",)} else None
    if verb not in {"sync", "run", "add"}:
        return None
    line = split_line(_own_words(words[1:]) if verb == "run" else words[1:], _UV_VALUES)
    if verb == "run" and (
        line.has("--no-sync", "--no-project", "--isolated") or not (line.operands or line.has("-m", "--module"))
    ):
        return None
    only = (*line.items("--only-group"), *(("dev",) if line.has("--only-dev") else ()))
    excluded = (
        line.has("--no-dev", "--no-default-groups") or "dev" in line.items("--no-group") or _set(command, "UV_NO_DEV")
    )
    return Install(
        manager="uv",
        packages=line.operands if verb == "add" else (),
        options=line.names,
        groups=(*only, *line.items("--group")),
        extras=line.items("--extra"),
        whole_project=True,
        development=line.has("--all-groups", "--dev", "--only-dev") or not (excluded or only),
        installs_project=not (
            line.has("--no-install-project", "--no-install-workspace", "--no-install-local") or bool(only)
        ),
        command=command,
    )


def _own_words(words: Sequence[str]) -> Sequence[str]:
    """Those of ``uv run`` itself: what stands behind the program belongs to it."""
    index = 0
    while index < len(words) and words[index].startswith("-") and words[index] not in {"--", "-m", "--module"}:
        index += 2 if words[index] in _UV_VALUES else 1
    return words[: index + 2]


def _uv_tool(words: Sequence[str], command: Command) -> Install:
    line = split_line(_own_words(words), _UV_VALUES)
    packages = (*(line.values("--from") or line.operands[:1]), *line.items("--with"))
    return Install(manager="uv", packages=packages, options=line.names | {"tool"}, command=command)


def _set(command: Command, variable: str) -> bool:
    return any(name == variable and value.lower() not in _NO for name, value in command.assignments)


def _project_tool(name: str, words: Sequence[str], command: Command) -> Action | None:
    line = split_line(words, _PROJECT_VALUES)
    verb = line.operands[:1]
    if verb == ("cache",) or (name == "pipenv" and line.has("--clear") and not verb):
        return CleanUp(paths=(), packages=(), command=command)
    if verb not in {("install",), ("sync",), ("add",)}:
        return None
    return Install(
        manager=name,
        packages=line.operands[1:],
        options=line.names,
        requirement_files=line.values("-r", "--requirements") if name == "pipenv" else (),
        groups=line.items("--with", "--only", "-G", "--group", "--categories"),
        extras=line.items("-E", "--extras"),
        whole_project=not line.operands[1:] or name != "pipenv",
        development=_brings_development(name, line),
        installs_project=not line.has("--no-root", "--no-self"),
        command=command,
    )


def _brings_development(name: str, line: CommandLine) -> bool:
    if name == "poetry":
        only = line.items("--only")
        return not (line.has("--no-dev", "--only-root", "--without-dev") or only or "dev" in line.items("--without"))
    if name == "pdm":
        return line.has("-d", "--dev") or not line.has("--prod", "--production", "--no-dev")
    return line.has("--dev", "-d")
