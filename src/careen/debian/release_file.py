"""The ``Release`` file of a suite: what its indices are and how long they hold (Debian wiki, RepositoryFormat)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from careen.blobs.digest import Digest, InvalidDigestError
from careen.debian.control import ControlError, read_paragraph
from careen.errors import CareenError
from careen.text.values import dataclass


class ReleaseFileError(CareenError):
    """The Release file is malformed, expired, or that of something else."""


@dataclass(frozen=True, slots=True)
class IndexFile:
    digest: Digest
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFile:
    """``files`` by their path below the suite's folder. ``by_hash``: the mirror also offers them by their digest."""

    origin: str
    suite: str
    codename: str
    date: datetime
    valid_until: datetime | None
    by_hash: bool
    files: Mapping[str, IndexFile]


def parse_release_file(text: str) -> ReleaseFile:
    """Raises ReleaseFileError."""
    try:
        fields = read_paragraph(text)
    except ControlError as error:
        raise ReleaseFileError(f"the Release file is malformed: {error.message}") from error
    return ReleaseFile(
        origin=fields.get("origin", ""),
        suite=fields.get("suite", ""),
        codename=fields.get("codename", ""),
        date=_time(fields.get("date", "")),
        valid_until=_time(fields["valid-until"]) if "valid-until" in fields else None,
        by_hash=fields.get("acquire-by-hash", "no").lower() == "yes",
        files=dict(_file(line) for line in fields.get("sha256", "").splitlines() if line.strip()),
    )


def _file(line: str) -> tuple[str, IndexFile]:
    words = line.split()
    if len(words) != 3 or not words[1].isdecimal() or len(words[1]) > 15:
        raise ReleaseFileError(f"the Release file has a malformed entry: {line[:80]!r}")
    digest, size, path = words
    try:
        return path, IndexFile(Digest(digest), int(size))
    except InvalidDigestError as error:
        raise ReleaseFileError(f"the Release file has a malformed digest for {path[:80]}") from error


def _time(text: str) -> datetime:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise ReleaseFileError(f"the Release file has a malformed date: {text[:40]!r}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
