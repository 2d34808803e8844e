"""The tar dialect of .deb members (deb(5)): v7, ustar, and GNU's long names; read strictly, once, front to back.

The standard library's reader takes a damaged header for the end of the archive; here it is an error.
"""

from collections.abc import Callable, Iterator
from enum import Enum

from careen.errors import CareenError
from careen.text.values import dataclass

_BLOCK = 512
_LONGEST_NAME = 4096
_PIECE = 1 << 20
_CHECKSUM = slice(148, 156)


class TarError(CareenError):
    """Not the tar stream that deb(5) describes."""


class EntryKind(Enum):
    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symbolic link"
    HARDLINK = "hard link"


_KINDS = {
    b"0": EntryKind.FILE,
    b"\0": EntryKind.FILE,
    b"7": EntryKind.FILE,
    b"1": EntryKind.HARDLINK,
    b"2": EntryKind.SYMLINK,
    b"5": EntryKind.DIRECTORY,
}
_REFUSED = {b"3": "a character device", b"4": "a block device", b"6": "a named pipe"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """``path`` is relative, without ``.`` and ``..``; ``""`` is the root itself.

    ``mode`` holds the twelve permission bits. ``target`` is a symbolic link's text, or the path of the file that a
    hard link shares. ``content`` is None when the reader was told to pass it over.
    """

    path: str
    mode: int
    kind: EntryKind
    target: str = ""
    content: bytes | None = None


def read_tar(
    read: Callable[[int], bytes], *, limit: int, wanted: Callable[[str], bool] | None = None
) -> Iterator[FileEntry]:
    """``read(n)`` gives n bytes, fewer only at the end. ``limit`` bounds the sum of the contents in bytes.

    Raises TarError.
    """
    total = 0
    long_name = long_target = None
    while True:
        header = read(_BLOCK)
        if not header.strip(b"\0"):
            if len(header) not in (0, _BLOCK):
                raise TarError("the tar stream ends inside a header")
            return
        if len(header) != _BLOCK:
            raise TarError("the tar stream ends inside a header")
        _check(header)
        size, kind = _number(header[124:136]), header[156:157]
        if kind in b"LK":
            if size > _LONGEST_NAME:
                raise TarError("the tar stream has a name that is too long")
            text = _text(_take(read, size))
            long_name, long_target = (text, long_target) if kind == b"L" else (long_name, text)
            continue
        path = _inside(long_name if long_name is not None else _name(header))
        target_text = long_target if long_target is not None else _text(header[157:257])
        long_name = long_target = None
        if kind in _REFUSED:
            raise TarError(f"the package has {_REFUSED[kind]}: {path}")
        if kind not in _KINDS:
            raise TarError(f"the package has an entry of unknown kind {kind!r}: {path}")
        entry_kind = _KINDS[kind]
        target = ""
        if entry_kind is EntryKind.HARDLINK:
            target = _inside(target_text)
        elif entry_kind is EntryKind.SYMLINK:
            target = target_text
        content = None
        if entry_kind is EntryKind.FILE:
            total += size
            if total > limit:
                raise TarError(f"the package unpacks to more than {limit} bytes")
            if wanted is None or wanted(path):
                content = _take(read, size)
            else:
                _pass(read, size)
        if entry_kind is EntryKind.FILE and path == "":
            raise TarError("the package has a file without a name")
        yield FileEntry(
            path=path,
            mode=_number(header[100:108]) & 0o7777,
            kind=entry_kind,
            target=target,
            content=content,
        )


def _check(header: bytes) -> None:
    blanked = sum(header) - sum(header[_CHECKSUM]) + 8 * 0x20
    if _number(header[_CHECKSUM]) != blanked:
        raise TarError("the tar stream has a damaged header")


def _take(read: Callable[[int], bytes], size: int) -> bytes:
    padded = size + -size % _BLOCK
    data = read(padded)
    if len(data) != padded:
        raise TarError("the tar stream ends inside a file")
    return data[:size]


def _pass(read: Callable[[int], bytes], size: int) -> None:
    left = size + -size % _BLOCK
    while left:
        data = read(min(left, _PIECE))
        if not data:
            raise TarError("the tar stream ends inside a file")
        left -= len(data)


def _number(field: bytes) -> int:
    if field[0] & 0x80:  # GNU: the rest is a big-endian number
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:])
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        raise TarError("the tar stream has a malformed number")
    return int(digits or b"0", 8)


def _name(header: bytes) -> str:
    name, prefix = _text(header[:100]), _text(header[345:500])
    return f"{prefix}/{name}" if header[257:263] == b"ustar\0" and prefix else name


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _inside(name: str) -> str:
    """The name below the root. Absolute ones are taken as relative; climbing ones are refused."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise TarError(f"the package has a name that climbs out: {name[:120]!r}")
    return "/".join(parts)
