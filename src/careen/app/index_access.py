"""Credentials of private indexes: uv's configuration, netrc, and the keyring where uv is told to ask it."""

import netrc
import threading
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from urllib.parse import urlsplit

from careen.errors import CareenError
from careen.process.run import CommandFailedError, find_program, run
from careen.python.index_credentials import IndexAddress, index_for, indexes_in, indexes_of, keyring_wanted
from careen.text.values import dataclass

_LARGEST_FILE = 1 << 20
_KEYRING_SECONDS = 60.0
_DEPTH = 3
_NOT_LOOKED_INTO = frozenset({"node_modules", "__pycache__", "venv"})

Credentials = tuple[str, str]


class KeyringError(CareenError):
    """uv is told to ask the keyring, which gives no answer."""


@dataclass(slots=True, kw_only=True)
class IndexAccess:
    """``project`` is the folder that the user named: the configuration of uv's projects in it counts, and of those
    that it lies in. Everything is read when a first address is asked about. Safe to use from several threads.
    """

    environment: Mapping[str, str]
    project: Path | None = None
    _indexes: tuple[IndexAddress, ...] | None = None
    _keyring: bool = False
    _answers: dict[str, Credentials | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, url: str) -> Credentials | None:
        """Name and password for an address; None to be nobody. Raises KeyringError, MissingToolError."""
        with self._lock:
            if self._indexes is None:
                self._read()
            index = index_for(url, self._indexes or ())
            if index is not None and index.password is not None:
                return index.username, index.password
            host = urlsplit(url).hostname or ""
            found = _from_netrc(host, self.environment)
            if found is not None or index is None or not self._keyring:
                return found
            if index.url not in self._answers:
                self._answers[index.url] = self._ask(index, host)
            return self._answers[index.url]

    def _read(self) -> None:
        texts = list(_files(self.project, self.environment))
        found = [*indexes_of(self.environment)]
        found += [item for text, kind in texts for item in indexes_in(text, self.environment, is_uv_toml=kind)]
        self._keyring = keyring_wanted(texts, self.environment)
        self._indexes = tuple(found)

    def _ask(self, index: IndexAddress, host: str) -> Credentials | None:
        """As uv asks it: for the index's address, then for its host; without a name only where one is kept."""
        keyring = find_program("keyring", package="python3-keyring")
        username = index.username
        for service in (index.url, host):
            words = ["get", service, username] if username else ["--mode", "creds", "get", service, ""]
            try:
                done = run([keyring, *words], timeout=_KEYRING_SECONDS, environment=self.environment)
            except CommandFailedError as error:
                raise KeyringError(f"the keyring does not answer for {host}: {error.message}") from error
            lines = done.stdout.decode("utf-8", "replace").splitlines()
            if done.succeeded and username and lines:
                return username, lines[0]
            if done.succeeded and len(lines) == 2:
                return lines[0], lines[1]
        return None


def _files(project: Path | None, environment: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """Texts of configuration files, the nearest first, each with whether it is a ``uv.toml``."""
    named = environment.get("UV_CONFIG_FILE")
    if named:
        yield from _text(Path(named), is_uv_toml=True)
    if project is not None:
        folder = project.resolve()
        for place in (*_below(folder, _DEPTH), *folder.parents):
            yield from _text(place / "uv.toml", is_uv_toml=True)
            yield from _text(place / "pyproject.toml", is_uv_toml=False)
    home = environment.get("HOME")
    user = environment.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else None)
    for place in (*((Path(user),) if user else ()), Path("/etc")):
        yield from _text(place / "uv/uv.toml", is_uv_toml=True)


def _below(folder: Path, depth: int) -> Iterator[Path]:
    yield folder
    if not depth:
        return
    try:
        inside = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink())
    except OSError:
        return
    for entry in inside:
        if not entry.name.startswith(".") and entry.name not in _NOT_LOOKED_INTO:
            yield from _below(entry, depth - 1)


def _text(path: Path, *, is_uv_toml: bool) -> Iterator[tuple[str, bool]]:
    try:
        if path.is_file():
            with path.open("rb") as stream:
                yield stream.read(_LARGEST_FILE).decode("utf-8", "replace"), is_uv_toml
    except OSError:
        return


def _from_netrc(host: str, environment: Mapping[str, str]) -> Credentials | None:
    named, home = environment.get("NETRC"), environment.get("HOME")
    path = Path(named) if named else Path(home, ".netrc") if home else None
    if path is None:
        return None
    try:
        found = netrc.netrc(path).authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return None
    return (found[0], found[2] or "") if found else None
