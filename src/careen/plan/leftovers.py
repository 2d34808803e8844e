"""What installs leave in a layer beside what they install: downloads that nobody removes, bytecode, apt's files.

Checked against built images: pip keeps every wheel as it was packed and compiles what it installs; uv keeps wheels
unpacked and links them into environments, which costs nothing within a layer, unless it is told to copy.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from careen.dockerfile.actions import CleanUp, Install
from careen.text.values import dataclass
from careen.workspace.installers import cache_folder, keeps_nothing
from careen.workspace.steps import RunStep

APT_LISTS_BYTES = 20_000_000
"""Of Debian bookworm in the packed form that images are set to keep them in."""

_APT_TABLES_BYTES = 80_000_000
"""``pkgcache.bin`` and ``srcpkgcache.bin`` for bookworm, which images are set to do without."""

_COMPILERS = frozenset({"pip", "pipenv", "pipx"})
_FALSE = frozenset({"", "0", "false", "no", "off"})
_CLEAN_SETTING = "docker-clean"
"""The file below ``/etc/apt`` by which Debian's images throw away what apt has fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """Bytes of distributions or packages: as installed, as packed for download, and of bytecode for all modules."""

    installed: int
    packed: int = 0
    bytecode: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    what: str
    place: PurePosixPath
    bytes: int


def bytecode_written(install: Install, environment: Mapping[str, str], weight: Weight) -> int:
    """What an installer compiles of its own accord, or since it is told to."""
    settings = {**environment, **dict(install.command.assignments)}
    if install.manager in _COMPILERS:
        return 0 if "--no-compile" in install.options else weight.bytecode
    if install.manager == "uv":
        asked = "--compile-bytecode" in install.options or "--compile" in install.options
        told = settings.get("UV_COMPILE_BYTECODE", "").lower() not in _FALSE
        return weight.bytecode if asked or told else 0
    return weight.bytecode if "--compile" in install.options else 0


def downloads_left(install: Install, step: RunStep, environment: Mapping[str, str], weight: Weight) -> Left | None:
    """The cache of an installer of distributions, when it stays in the layer."""
    if keeps_nothing(install, environment) is not None:
        return None
    folder = cache_folder(install, step, environment)
    if folder is None or _is_elsewhere(step, folder) or _is_emptied(step, install, folder):
        return None
    if install.manager == "uv":
        settings = {**environment, **dict(install.command.assignments)}
        copies = settings.get("UV_LINK_MODE") == "copy" or _value(install, "--link-mode") == "copy"
        return Left(what="uv's cache, copied from and left", place=folder, bytes=weight.installed) if copies else None
    return Left(what=f"{install.manager}'s downloads, left in its cache", place=folder, bytes=weight.packed)


def apt_leavings(step: RunStep, before: bool, packed: int) -> Iterator[Left]:
    """``before`` says whether an earlier step had apt keep what it fetches; ``packed`` weighs that."""
    if _leaves_lists(step):
        yield Left(what="apt's lists, left in the layer", place=PurePosixPath("/var/lib/apt"), bytes=APT_LISTS_BYTES)
    archives = PurePosixPath("/var/cache/apt")
    if not (before or keeps_archives(step)) or _is_elsewhere(step, archives) or _is_cleaned(step):
        return
    if packed:
        yield Left(what="apt's downloads, left in its cache", place=archives, bytes=packed)
    if packed or _updates(step):
        yield Left(what="apt's tables of packages", place=archives, bytes=_APT_TABLES_BYTES)


def keeps_archives(step: RunStep) -> bool:
    """Whether it removes the setting by which an image throws away what apt fetches."""
    return any(
        path.endswith(_CLEAN_SETTING) for action in step.actions if isinstance(action, CleanUp) for path in action.paths
    )


def _is_elsewhere(step: RunStep, folder: PurePosixPath) -> bool:
    """Whether a mount takes what is written there."""
    return any(
        mount.kind in {"cache", "tmpfs"} and mount.target is not None and folder.is_relative_to(mount.target)
        for mount in step.mounts
    )


def _is_emptied(step: RunStep, install: Install, folder: PurePosixPath) -> bool:
    """Whether the same step removes the folder, or has the installer do it, once it has installed."""
    after = False
    for action in step.actions:
        if action is install:
            after = True
        elif after and isinstance(action, CleanUp):
            words = action.command.argv
            by_name = words[0].rpartition("/")[2].rstrip("0123456789.") == install.manager and "cache" in words
            if by_name or any(_covers(path, folder) for path in action.paths):
                return True
    return False


def _covers(path: str, folder: PurePosixPath) -> bool:
    """``~`` and ``$HOME`` stand for whatever home the cache is in."""
    for home in ("~/", "$HOME/", "${HOME}/"):
        if path.startswith(home):
            return f"/{path.removeprefix(home).rstrip('/*')}/" in f"{folder}/"
    return folder.is_relative_to(path.rstrip("*")) if path.startswith("/") else False


def _is_cleaned(step: RunStep) -> bool:
    return any(
        isinstance(action, CleanUp)
        and (
            any(path.startswith("/var/cache/apt") for path in action.paths)
            or ("clean" in action.command.argv and action.command.argv[0].rpartition("/")[2] in {"apt", "apt-get"})
        )
        for action in step.actions
    )


def _updates(step: RunStep) -> bool:
    return any(
        command.argv and command.argv[0].rpartition("/")[2] in {"apt", "apt-get"} and "update" in command.argv[1:]
        for command in step.commands
    )


def _leaves_lists(step: RunStep) -> bool:
    """Whether ``apt-get update`` filled apt's folder and nothing emptied it in the same layer, nor is it a mount."""
    if any(mount.target is not None and mount.target.startswith("/var/lib/apt") for mount in step.mounts):
        return False
    emptied = any(
        path.startswith("/var/lib/apt")
        for action in step.actions
        if isinstance(action, CleanUp)
        for path in action.paths
    )
    return _updates(step) and not emptied


def _value(install: Install, option: str) -> str | None:
    words = install.command.argv
    for word, following in zip(words, (*words[1:], ""), strict=True):
        name, equals, value = word.partition("=")
        if name == option:
            return value if equals else following
    return None
