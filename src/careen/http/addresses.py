"""Addresses: taken apart, joined, and shown without what nobody should see."""

from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from careen.http.failures import HttpError


def split_address(url: str) -> SplitResult:
    """Raises HttpError for what is no address, whoever made it up."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        shown = url.rpartition("@")[2].partition("?")[0]
        raise HttpError(f"not an address: {shown[:80]!r}") from error
    return parts


def joined(url: str, place: str) -> str:
    """Where a Location header leads from ``url``. Raises HttpError."""
    try:
        return urljoin(url, place)
    except ValueError as error:
        raise HttpError(f"{redacted(url)} leads to what is not an address") from error


def redacted(url: str) -> str:
    """The address without user, password, query and fragment."""
    try:
        parts = split_address(url)
    except HttpError:
        return "a malformed address"
    host = parts.hostname or ""
    return urlunsplit((parts.scheme, f"{host}:{parts.port}" if parts.port else host, parts.path, "", ""))
