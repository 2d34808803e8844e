"""Tar entries as bytes: ustar (POSIX.1-1988), with a pax header only where ustar has no room for a value.

Nothing of the machine gets in: owners are numbers, times are one number, names of users are empty. An entry is its
header, its content and padding to 512 bytes, so entries, and streams of them, are joined by joining their bytes;
whoever has the last one adds :data:`END_OF_ARCHIVE`.
"""

from careen.errors import CareenError
from careen.text.values import dataclass

BLOCK = 512
END_OF_ARCHIVE = bytes(2 * BLOCK)

_NAME, _PREFIX, _LINK = 100, 155, 100
_LARGEST_SIZE = 8**11 - 1
_LARGEST_TIME = 8**11 - 1
_LARGEST_OWNER = 8**7 - 1
_FILE, _SYMLINK, _FOLDER, _PAX = b"0", b"2", b"5", b"x"
_BLANK_CHECKSUM = 8 * 0x20
_MAGIC = b"ustar\x0000" + bytes(32 + 32 + 8 + 8)
_REST = bytes(12)


class TarValueError(CareenError):
    """A value that no tar entry of a layer may have."""


def padding(size: int) -> bytes:
    """What follows a content of ``size`` bytes."""
    return bytes(-size % BLOCK)


@dataclass(frozen=True, slots=True)
class TarHeaders:
    """Headers that all carry one time of modification, in seconds since 1970.

    Paths are relative to the root, without a leading and, for folders too, without a trailing slash.
    """

    time: int

    def __post_init__(self) -> None:
        if not 0 <= self.time <= _LARGEST_TIME:
            raise TarValueError(f"not a time that a layer can have: {self.time}")

    def file(self, path: str, size: int, *, mode: int = 0o644) -> bytes:
        return self._entry(_FILE, path, mode=mode, size=size)

    def folder(self, path: str, *, mode: int = 0o755, owner: int = 0) -> bytes:
        """``owner`` is both user and group."""
        return self._entry(_FOLDER, f"{path}/", mode=mode, owner=owner)

    def symlink(self, path: str, target: str) -> bytes:
        return self._entry(_SYMLINK, path, mode=0o777, target=target)

    def _entry(self, kind: bytes, path: str, *, mode: int, owner: int = 0, size: int = 0, target: str = "") -> bytes:
        if not path.strip("/") or path.startswith("/") or "\0" in path or "\0" in target:
            raise TarValueError(f"not a path that a layer can have: {path[:120]!r}")
        if not 0 <= owner <= _LARGEST_OWNER:
            raise TarValueError(f"not a number of a user that a layer can have: {owner}")
        name, link = _encoded(path), _encoded(target)
        split = (b"", name) if len(name) <= _NAME and name.isascii() else _split(name)
        records = b""
        if split is None:
            records += _record(b"path", name)
            split = (b"", _ascii(name)[:_NAME])
        if len(link) > _LINK or not link.isascii():
            records += _record(b"linkpath", link)
            link = _ascii(link)[:_LINK]
        stored = size
        if size > _LARGEST_SIZE:
            records += _record(b"size", b"%d" % size)
            stored = 0
        header = self._header(kind, split, mode=mode, owner=owner, size=stored, link=link)
        if not records:
            return header
        extended = self._header(_PAX, (b"", b"PaxHeaders"), mode=0o644, owner=0, size=len(records), link=b"")
        return extended + records + padding(len(records)) + header

    def _header(
        self, kind: bytes, name: tuple[bytes, bytes], *, mode: int, owner: int, size: int, link: bytes
    ) -> bytes:
        head = b"%b%07o\0%07o\0%07o\0%011o\0%011o\0" % (
            name[1].ljust(_NAME, b"\0"),
            mode,
            owner,
            owner,
            size,
            self.time,
        )
        tail = b"%b%b%b%b%b" % (kind, link.ljust(_LINK, b"\0"), _MAGIC, name[0].ljust(_PREFIX, b"\0"), _REST)
        return b"%b%06o\0 %b" % (head, sum(head) + sum(tail) + _BLANK_CHECKSUM, tail)


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise TarValueError(f"not a path that a layer can have: {text[:120]!r}") from error


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """Prefix and name at a slash such that both have room; None when there is no such slash."""
    if not name.isascii() or len(name) > _PREFIX + 1 + _NAME:
        return None
    cut = name.find(b"/", len(name) - _NAME - 1)
    if not 0 < cut <= _PREFIX or cut + 1 == len(name):
        return None
    return name[:cut], name[cut + 1 :]


def _ascii(text: bytes) -> bytes:
    """For readers that know no pax: never shorter for it, never a name that means something else."""
    return bytes(byte if byte < 0x80 else 0x5F for byte in text)


def _record(key: bytes, value: bytes) -> bytes:
    """``<length> <key>=<value>\\n``, where the length counts its own digits too (POSIX.1-2001, pax)."""
    rest = b" %b=%b\n" % (key, value)
    length = len(rest)
    while len(rest) + len(b"%d" % length) != length:
        length = len(rest) + len(b"%d" % length)
    return b"%d%b" % (length, rest)
