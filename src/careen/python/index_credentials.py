"""Who to be at a private index, by uv's own configuration ("Authentication" and "Indexes" in uv's documentation).

Addresses of indexes and their names come from ``[[tool.uv.index]]`` of ``pyproject.toml``, ``[[index]]`` of
``uv.toml``, and from variables: ``UV_INDEX="name=address …"``, ``UV_DEFAULT_INDEX``, ``UV_INDEX_URL``,
``UV_EXTRA_INDEX_URL``; pip's too. Credentials stand in the address, or in ``UV_INDEX_<NAME>_USERNAME`` and
``UV_INDEX_<NAME>_PASSWORD``. They go to whatever lies on the index's own host, and nowhere else.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from careen.text.values import dataclass

_NAMED = ("UV_INDEX", "UV_DEFAULT_INDEX")
_PLAIN = ("UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")
_NAME = re.compile(r"([A-Za-z0-9][\w.-]*)=(.+)")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAddress:
    """``url`` is without credentials. ``username`` may be known without the password, which a keyring then has."""

    url: str
    name: str = ""
    username: str = ""
    password: str | None = field(default=None, repr=False)

    def reach(self, url: str) -> int:
        """How much of the path of ``url`` is the index's own; -1 for another host."""
        mine, other = _parts(self.url), _parts(url)
        if mine is None or other is None or _realm(mine) != _realm(other):
            return -1
        own, asked = mine.path.rstrip("/").split("/"), other.path.split("/")
        count = 0
        for one, two in zip(own, asked, strict=False):
            if one != two:
                break
            count += 1
        return count


def indexes_in(text: str, environment: Mapping[str, str], *, is_uv_toml: bool) -> Iterator[IndexAddress]:
    """Of a configuration file; none in one that is not TOML, which whoever needs it will say."""
    try:
        document: object = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    table = document if is_uv_toml else _member(_member(document, "tool"), "uv")
    listed = _member(table, "index")
    for item in listed if isinstance(listed, list) else []:
        url, name = _member(item, "url"), _member(item, "name")
        if isinstance(url, str):
            yield from _address(url, name if isinstance(name, str) else "", environment)
    for key in ("index-url", "extra-index-url"):
        found = _member(table, key)
        for url in found if isinstance(found, list) else [found]:
            if isinstance(url, str):
                yield from _address(url, "", environment)


def indexes_of(environment: Mapping[str, str]) -> Iterator[IndexAddress]:
    """Of variables."""
    for variable in _NAMED:
        for word in environment.get(variable, "").split():
            named = _NAME.fullmatch(word)
            if named is not None and "://" in named[2] and "://" not in named[1]:
                yield from _address(named[2], named[1], environment)
            else:
                yield from _address(word, "", environment)
    for variable in _PLAIN:
        for word in environment.get(variable, "").split():
            yield from _address(word, "", environment)


def keyring_wanted(texts: Iterable[tuple[str, bool]], environment: Mapping[str, str]) -> bool:
    """``texts`` are configuration files, each with whether it is a ``uv.toml``."""
    named = environment.get("UV_KEYRING_PROVIDER")
    if named is not None:
        return named == "subprocess"
    for text, is_uv_toml in texts:
        try:
            document: object = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            continue
        if _member(document if is_uv_toml else _member(_member(document, "tool"), "uv"), "keyring-provider") == (
            "subprocess"
        ):
            return True
    return False


def index_for(url: str, indexes: Iterable[IndexAddress]) -> IndexAddress | None:
    """The index on the same host that says most about who is asking: the nearest by its path, the first of those."""
    fitting = [index for index in indexes if index.reach(url) >= 0]
    known = [index for index in fitting if index.username or index.password is not None] or fitting
    return max(known, key=lambda index: index.reach(url), default=None)


def _address(url: str, name: str, environment: Mapping[str, str]) -> Iterator[IndexAddress]:
    parts = _parts(url)
    if parts is None or parts.scheme not in _PORTS:
        return
    prefix = f"UV_INDEX_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"
    username = (environment.get(f"{prefix}_USERNAME") if name else None) or unquote(parts.username or "")
    password = environment.get(f"{prefix}_PASSWORD") if name else None
    if password is None and parts.password is not None:
        password = unquote(parts.password)
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    yield IndexAddress(url=bare, name=name, username=username, password=password)


def _realm(parts: SplitResult) -> tuple[str, str, int | None]:
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme)


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None
