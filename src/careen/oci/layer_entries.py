"""The tar dialects that layers are written in (image spec, layer.md; pax(1), GNU tar), read strictly, front to back.

Read as Go's archive/tar reads, since that is what every other tool does: global pax headers say nothing, links and
folders have no content, and of a header that says something twice the last word counts. What differs is that sparse
files, which no image tool writes, and names with ``..`` are refused.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from enum import Enum

from careen.oci.decompress import LayerError
from careen.text.values import dataclass

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
_LARGEST_HEADER = 1 << 20
_MOST_ENTRIES = 4_000_000
_PIECE = 1 << 18
_LARGEST_ID = (1 << 32) - 2
_LARGEST_SIZE = 1 << 50
_LARGEST_TIME = 1 << 33
_NANOSECONDS = 1_000_000_000
_ATTRIBUTE = b"SCHILY.xattr."
_SECONDS = re.compile(rb"(-?)([0-9]{1,18})(?:\.([0-9]*))?")


class EntryKind(Enum):
    FILE = "file"
    DIRECTORY = "folder"
    SYMBOLIC_LINK = "symbolic link"
    HARD_LINK = "hard link"
    CHARACTER_DEVICE = "character device"
    BLOCK_DEVICE = "block device"
    PIPE = "named pipe"


_KINDS = {
    b"0": EntryKind.FILE,
    b"\0": EntryKind.FILE,
    b"7": EntryKind.FILE,
    b"1": EntryKind.HARD_LINK,
    b"2": EntryKind.SYMBOLIC_LINK,
    b"3": EntryKind.CHARACTER_DEVICE,
    b"4": EntryKind.BLOCK_DEVICE,
    b"5": EntryKind.DIRECTORY,
    b"6": EntryKind.PIPE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerEntry:
    """``path`` is relative, without ``.`` and ``..``; ``""`` is the root itself.

    ``mode`` holds the twelve permission bits, ``modified`` is in nanoseconds since the epoch, ``size`` is 0 for all
    but files. ``target`` is a symbolic link's text, or the path of the file that a hard link shares.
    """

    path: str
    kind: EntryKind
    mode: int
    uid: int = 0
    gid: int = 0
    modified: int = 0
    size: int = 0
    target: str = ""
    device: tuple[int, int] = (0, 0)
    attributes: Mapping[str, bytes] = field(default_factory=dict)


class LayerEntries:
    """Iterates over a tar stream; ``content`` belongs to the entry given last. Raises LayerError."""

    def __init__(self, read: Callable[[int], bytes], skip: Callable[[int], None] | None = None) -> None:
        """``read(n)`` gives n bytes, fewer only at the end; ``skip(n)`` passes over as many, or raises LayerError."""
        self._read = read
        self._skip = skip
        self._left = 0
        self._padding = 0

    def __iter__(self) -> Iterator[LayerEntry]:
        overrides: dict[bytes, bytes] = {}
        for _ in range(_MOST_ENTRIES):
            self._pass_over()
            header = self._read(_BLOCK)
            if not header or header == _ZEROS:
                self._expect_end(header)
                return
            if len(header) != _BLOCK:
                raise LayerError("it ends inside a header")
            _check_sum(header)
            kind, size = header[156:157], _number(header[124:136])
            if kind in b"xgLK":
                overrides.update(self._extension(kind, size))
                continue
            entry = _entry(header, overrides)
            overrides = {}
            self._left, self._padding = entry.size, -entry.size % _BLOCK
            yield entry
        raise LayerError(f"it has more than {_MOST_ENTRIES} entries")

    def content(self) -> Iterator[bytes]:
        while self._left:
            data = self._read(min(self._left, _PIECE))
            if not data:
                raise LayerError("it ends inside a file")
            self._left -= len(data)
            yield data

    def _pass_over(self) -> None:
        if self._skip is not None and self._left:
            self._skip(self._left)
            self._left = 0
        for _ in self.content():
            pass
        if self._padding and len(self._read(self._padding)) != self._padding:
            raise LayerError("it ends inside a file")
        self._padding = 0

    def _expect_end(self, header: bytes) -> None:
        """Either nothing more at all, or two blocks of zeros."""
        if header and self._read(_BLOCK).strip(b"\0"):
            raise LayerError("it has a header of zeros between its entries")

    def _extension(self, kind: bytes, size: int) -> dict[bytes, bytes]:
        if not 0 <= size <= _LARGEST_HEADER:
            raise LayerError("it has an extended header that is too large")
        padded = size + -size % _BLOCK
        data = self._read(padded)
        if len(data) != padded:
            raise LayerError("it ends inside a header")
        match kind:
            case b"L":
                return {b"path": data[:size].partition(b"\0")[0]}
            case b"K":
                return {b"linkpath": data[:size].partition(b"\0")[0]}
            case b"x":
                return dict(_records(data[:size]))
            case _:
                return {}


def _entry(header: bytes, overrides: Mapping[bytes, bytes]) -> LayerEntry:
    name = overrides.get(b"path") or _name(header)
    flag = header[156:157]
    kind = _KINDS.get(flag)
    if kind is None or any(key.startswith(b"GNU.sparse.") for key in overrides):
        raise LayerError(f"it has an entry of unknown kind {flag!r}: {_shown(name)}")
    if flag == b"\0" and name.endswith(b"/"):
        kind = EntryKind.DIRECTORY
    path = _inside(name)
    if kind is not EntryKind.DIRECTORY and not path:
        raise LayerError(f"it has a {kind.value} without a name")
    size = _whole(overrides, b"size", _number(header[124:136]))
    target = overrides.get(b"linkpath") or _text(header[157:257])
    link = ""
    if kind is EntryKind.HARD_LINK:
        link = _inside(target)
    elif kind is EntryKind.SYMBOLIC_LINK:
        link = target.decode("utf-8", "surrogateescape")
    if kind in (EntryKind.HARD_LINK, EntryKind.SYMBOLIC_LINK) and not link:
        raise LayerError(f"it has a {kind.value} to nothing: {_shown(name)}")
    devices = kind in (EntryKind.CHARACTER_DEVICE, EntryKind.BLOCK_DEVICE)
    return LayerEntry(
        path=path,
        kind=kind,
        mode=_number(header[100:108]) & 0o7777,
        uid=_bounded(_whole(overrides, b"uid", _number(header[108:116])), _LARGEST_ID, name),
        gid=_bounded(_whole(overrides, b"gid", _number(header[116:124])), _LARGEST_ID, name),
        modified=_modified(header, overrides),
        size=_bounded(size, _LARGEST_SIZE, name) if kind is EntryKind.FILE else 0,
        target=link,
        device=(_number(header[329:337]), _number(header[337:345])) if devices else (0, 0),
        attributes=_attributes(overrides) if overrides else {},
    )


def _attributes(overrides: Mapping[bytes, bytes]) -> dict[str, bytes]:
    return {
        key.removeprefix(_ATTRIBUTE).decode("utf-8", "surrogateescape"): value
        for key, value in overrides.items()
        if key.startswith(_ATTRIBUTE)
    }


def _records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """``<length> <key>=<value>\\n``, the length counting all of it, in decimal."""
    at = 0
    while at < len(data):
        digits = data[at : data.find(b" ", at, at + 20)] if b" " in data[at : at + 20] else b""
        length = int(digits) if digits.isdigit() else 0
        record = data[at + len(digits) + 1 : at + length]
        key, equals, value = record.partition(b"=")
        if length <= len(digits) + 1 or len(record) != length - len(digits) - 1 or not record.endswith(b"\n"):
            raise LayerError("it has a malformed extended header")
        value = value[:-1]
        if not (key and equals) or (key in (b"path", b"linkpath") and b"\0" in value):
            raise LayerError("it has a malformed extended header")
        yield key, value
        at += length


def _check_sum(header: bytes) -> None:
    """Old writers summed signed bytes."""
    expected = _number(header[148:156])
    unsigned = sum(header) - sum(header[148:156]) + 8 * ord(" ")
    if expected != unsigned and expected != unsigned - 256 * sum(byte > 127 for byte in header[:148] + header[156:]):
        raise LayerError("it has a damaged header, or is no tar stream")


def _number(field: bytes) -> int:
    if field[0] & 0x80:  # GNU: the rest is a big-endian number, the next bit its sign
        return int.from_bytes(bytes([field[0] & 0x7F | (field[0] & 0x40) << 1]) + field[1:], signed=True)
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        raise LayerError("it has a malformed number in a header")
    return int(digits or b"0", 8)


def _whole(overrides: Mapping[bytes, bytes], key: bytes, otherwise: int) -> int:
    value = overrides.get(key)
    if not value:
        return otherwise
    if not value.isdigit() or len(value) > 20:
        raise LayerError(f"it has a malformed {key.decode()} in an extended header")
    return int(value)


def _modified(header: bytes, overrides: Mapping[bytes, bytes]) -> int:
    value = overrides.get(b"mtime")
    if not value:
        seconds, fraction = _number(header[136:148]), 0
    else:
        found = _SECONDS.fullmatch(value)
        if found is None:
            raise LayerError("it has a malformed time in an extended header")
        fraction = int((found[3] or b"0")[:9].ljust(9, b"0"))
        seconds = int(found[2])
        if found[1]:
            seconds, fraction = -seconds, -fraction
    return max(-_LARGEST_TIME, min(_LARGEST_TIME, seconds)) * _NANOSECONDS + fraction


def _bounded(number: int, most: int, name: bytes) -> int:
    if not 0 <= number <= most:
        raise LayerError(f"it has an impossible number in the header of {_shown(name)}")
    return number


def _name(header: bytes) -> bytes:
    name = _text(header[:100])
    if header[257:263] != b"ustar\0" or not (prefix := _text(header[345:500])):
        return name
    return prefix + b"/" + name


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _inside(name: bytes) -> str:
    """The name below the root. Absolute ones are taken as relative; those with ``..`` are refused."""
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if b".." in parts:
        raise LayerError(f"it has a name that climbs out: {_shown(name)}")
    return b"/".join(parts).decode("utf-8", "surrogateescape")


def _shown(name: bytes) -> str:
    return repr(name[:120].decode("utf-8", "replace"))
