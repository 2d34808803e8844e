"""Parts of files, and files that a server encodes unasked."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from careen.http.addresses import redacted
from careen.http.failures import HttpError, RangeRefusedError
from careen.text.values import dataclass

if TYPE_CHECKING:
    import httpx

REFUSED_RANGES = frozenset({400, 405, 416, 501})
"""Statuses of servers that have a file and give no parts of it."""

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_PACKED_NAMES = (".gz", ".tgz")
"""Of files that some servers announce as encoded although that is what they are."""


@dataclass(frozen=True, slots=True)
class TailAnswer:
    """The last bytes of a file and its whole size; ``data`` is all of it where the server knows no ranges."""

    data: bytes
    file_size: int


@dataclass(frozen=True, slots=True)
class Part:
    """By the server's word: where a part begins in the file, and the file's whole size."""

    start: int
    whole: int


def part_of(response: "httpx.Response") -> Part | None:
    """None for an answer that is no part, or does not say of what (RFC 9110, section 14.4)."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    if response.status_code != 206 or match is None:
        return None
    return Part(int(match[1]), int(match[3]))


def untruthful(url: str) -> HttpError:
    return HttpError(
        f"{redacted(url)}: the server does not answer ranges truthfully",
        hints=("tell the owner of the index; what is asked for by range cannot be had from it",),
    )


def own_bytes(response: "httpx.Response", url: str, *, in_part: bool) -> Iterator[bytes]:
    """The file's own bytes, of a server too that encodes them unasked. Raises RangeRefusedError for encoded parts."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding in {"", "identity"} or urlsplit(url).path.endswith(_PACKED_NAMES):
        return response.iter_raw()
    if in_part and response.status_code == 206:
        raise RangeRefusedError(f"{redacted(url)}: the server encodes parts ({coding})")
    return response.iter_bytes()
