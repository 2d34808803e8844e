"""Who careen is to a server."""

import netrc
from collections.abc import Callable
from urllib.parse import SplitResult, unquote

from careen.http.addresses import split_address

FindCredentials = Callable[[str], tuple[str, str] | None]
"""Name and password for an address; None to be nobody."""


def credentials_in(parts: SplitResult, bare: str, find: FindCredentials) -> tuple[str, str] | None:
    """Those of the address itself, else those that ``find`` knows for it; ``bare`` is the address without them."""
    if parts.username and parts.password is not None:
        return unquote(parts.username), unquote(parts.password)
    found = find(bare)
    return found if found is not None or not parts.username else (unquote(parts.username), "")


def from_netrc(url: str) -> tuple[str, str] | None:
    host = split_address(url).hostname
    if host is None:
        return None
    try:
        found = netrc.netrc().authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return None
    return (found[0], found[2] or "") if found else None


def hints_about(status: int) -> tuple[str, ...]:
    """What to do about an answer of an index that refuses."""
    if status in {401, 403}:
        return (
            "credentials come from UV_INDEX_<NAME>_USERNAME and UV_INDEX_<NAME>_PASSWORD, or from the index's address",
            "else from ~/.netrc, or from the keyring when uv is told to ask it",
        )
    if status == 404:
        return ("the lock may be older than the index; lock again",)
    return ()
