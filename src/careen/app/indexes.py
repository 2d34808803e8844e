"""The indexes that uv and pip are configured for: variables, pip's files, and else what uv itself answers.

pip: ``PIP_INDEX_URL``, ``PIP_EXTRA_INDEX_URL``, ``PIP_FIND_LINKS``, and ``pip.conf`` ("Configuration" in pip's
documentation). uv: ``UV_DEFAULT_INDEX``, ``UV_INDEX``, ``UV_INDEX_URL``, ``UV_EXTRA_INDEX_URL``, ``UV_FIND_LINKS``, and
``uv.toml``, which uv is asked about.
"""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from careen.app.uv import uv_program
from careen.blobs.digest import Digest
from careen.errors import CareenError
from careen.text.values import dataclass

_PATIENCE_SECONDS = 30


class NoIndexError(CareenError):
    """A lock names no addresses, and nothing says which index has its files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredIndexes:
    """``addresses`` in order; ``links`` as ``--find-links``."""

    addresses: tuple[str, ...]
    links: tuple[str, ...]


def configured_indexes(environment: Mapping[str, str], folder: Path) -> ConfiguredIndexes:
    """``folder`` is the project's, whose ``uv.toml`` counts. Raises NoIndexError."""
    pip = _pip_settings(environment)
    main = _words(environment.get("UV_DEFAULT_INDEX") or environment.get("UV_INDEX_URL"))[:1]
    main = main or _words(environment.get("PIP_INDEX_URL") or pip.get("index-url"))[:1]
    more = [
        *_words(environment.get("UV_INDEX")),
        *_words(environment.get("UV_EXTRA_INDEX_URL")),
        *_words(environment.get("PIP_EXTRA_INDEX_URL") or pip.get("extra-index-url")),
    ]
    links = [
        *_words(environment.get("UV_FIND_LINKS"), separators=","),
        *_words(environment.get("PIP_FIND_LINKS") or pip.get("find-links")),
    ]
    addresses = [*(main or _told_by_uv(environment, folder)), *(_address(word) for word in more)]
    if not addresses and not links:
        raise NoIndexError(
            "the lock names no addresses, and no index is configured",
            hints=(
                "name it: UV_DEFAULT_INDEX, PIP_INDEX_URL or index-url in pip.conf",
                "or install uv, which knows one",
            ),
        )
    return ConfiguredIndexes(
        addresses=tuple(dict.fromkeys(address.rstrip("/") for address in addresses)),
        links=tuple(dict.fromkeys(links)),
    )


CPU_BUILDS_VARIABLE = "TORCH_CPU_INDEX"
"""Names the index of torch's builds for the processor, for the advice of plans."""

_VARIABLES = (
    CPU_BUILDS_VARIABLE,
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
)


def index_settings(environment: Mapping[str, str]) -> Digest:
    """Of everything outside a project that names indexes to a plan; passwords may stand in it."""
    rows: list[tuple[str, str | None]] = [(name, environment.get(name)) for name in _VARIABLES]
    for path in (*_pip_files(environment), *_uv_files(environment)):
        with contextlib.suppress(OSError):
            rows.append((str(path), path.read_bytes().hex()))
    return Digest.of(repr(rows).encode())


def _uv_files(environment: Mapping[str, str]) -> Iterator[Path]:
    """Beside the project's own ("Configuration files" in uv's documentation)."""
    yield Path("/etc/uv/uv.toml")
    home, configuration = environment.get("HOME"), environment.get("XDG_CONFIG_HOME")
    if configuration or home:
        yield (Path(configuration) if configuration else Path(home or "") / ".config") / "uv" / "uv.toml"
    if environment.get("UV_CONFIG_FILE"):
        yield Path(environment["UV_CONFIG_FILE"])


def _address(word: str) -> str:
    """``UV_INDEX`` may give an index a name: ``name=address``."""
    name, equals, address = word.partition("=")
    return address if equals and "/" not in name else word


def _words(text: str | None, *, separators: str = "") -> list[str]:
    for separator in separators:
        text = (text or "").replace(separator, " ")
    return (text or "").split()


def _pip_settings(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The ``[global]`` and ``[install]`` sections of every file that pip would read, later ones on top."""
    import configparser  # noqa: PLC0415 - remembered plans need no more than the files' digests

    found: dict[str, str] = {}
    for path in _pip_files(environment):
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(path.read_text("utf-8", "replace"))
        except (OSError, configparser.Error):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                found.update({name.replace("_", "-"): value for name, value in parser.items(section)})
    return found


def _pip_files(environment: Mapping[str, str]) -> Iterator[Path]:
    named = environment.get("PIP_CONFIG_FILE")
    if named == "/dev/null":
        return
    for folder in environment.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"):
        yield Path(folder) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")
    home = environment.get("HOME")
    if home:
        yield Path(home) / ".pip" / "pip.conf"
        yield Path(environment.get("XDG_CONFIG_HOME") or Path(home) / ".config") / "pip" / "pip.conf"
    if environment.get("VIRTUAL_ENV"):
        yield Path(environment["VIRTUAL_ENV"]) / "pip.conf"
    if named:
        yield Path(named)


def _told_by_uv(environment: Mapping[str, str], folder: Path) -> list[str]:
    """uv writes the indexes that it would ask above an empty list of requirements; nothing without uv."""
    from careen.process.run import run  # noqa: PLC0415 - few locks name no addresses

    program = uv_program()
    if program is None:
        return []
    with tempfile.NamedTemporaryFile(suffix=".in") as empty:
        done = run(
            [program, "pip", "compile", empty.name, "--emit-index-url", "--offline", "--quiet", "--no-header"],
            timeout=_PATIENCE_SECONDS,
            cwd=folder,
            environment=environment,
        )
    lines = done.stdout.decode("utf-8", "replace").splitlines() if done.succeeded else []
    return [line.partition(" ")[2].strip() for line in lines if line.startswith(("--index-url ", "--extra-index-url "))]
