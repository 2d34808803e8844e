"""What a wheel holds, read from its central directory alone (PKWARE APPNOTE 4.3; wheel format, PEP 427).

The directory stands at the end of the file, so its tail is enough: two range requests answer for a wheel of
a gigabyte. Inputs are hostile: counts, sizes and names are checked before they are believed.
"""

import struct
from collections.abc import Iterator
from pathlib import PurePosixPath

from careen.errors import CareenError
from careen.text.values import dataclass

_END = struct.Struct("<4sHHHHIIH")
_END_SIGNATURE = b"PK\x05\x06"
_END64_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQHHIIQQQQ")
_ENTRY = struct.Struct("<4sHHHHHHIIIHHHHHII")
_ENTRY_SIGNATURE = b"PK\x01\x02"
_LARGEST_COMMENT = 65_535
TAIL_BYTES = 65_536
"""What to ask for first; holds the whole directory of most wheels."""

_LOCAL_BYTES = 30
"""Of the header that stands before every file, without its name."""

_MOST_INFLATED = 1032
"""How many bytes deflate can make of one (zlib's technical details)."""

_SLACK = 1 << 16
_MOST_ENTRIES = 500_000
_LARGEST_DIRECTORY = 256 * 1024 * 1024


class WheelFormatError(CareenError):
    """Not a zip archive that careen would install."""


@dataclass(frozen=True, slots=True)
class WheelEntry:
    """One file; sizes in bytes. ``offset`` is that of its local header, ``crc`` its CRC-32."""

    path: str
    size: int
    compressed_size: int
    offset: int
    crc: int
    method: int
    mode: int


@dataclass(frozen=True, slots=True)
class DirectoryPlace:
    """Where the central directory stands in the file: offset and size in bytes, and how many entries it has."""

    offset: int
    size: int
    entries: int


@dataclass(frozen=True, slots=True)
class WheelDirectory:
    entries: tuple[WheelEntry, ...]

    def files(self) -> Iterator[WheelEntry]:
        return (entry for entry in self.entries if not entry.path.endswith("/"))

    @property
    def unpacked_bytes(self) -> int:
        return sum(entry.size for entry in self.files())


def locate_directory(tail: bytes, file_size: int) -> DirectoryPlace:
    """From the last bytes of a file of ``file_size`` bytes. Raises WheelFormatError."""
    position = tail.rfind(_END_SIGNATURE, max(0, len(tail) - _END.size - _LARGEST_COMMENT))
    if position == -1 or position + _END.size > len(tail):
        raise WheelFormatError("not a zip archive: it has no end record")
    _, _, _, _, entries, size, offset, _ = _END.unpack_from(tail, position)
    locator = position - _END64_LOCATOR.size
    if (
        (0xFFFFFFFF in (size, offset) or entries == 0xFFFF)
        and locator >= 0
        and tail[locator : locator + 4] == b"PK\x06\x07"
    ):
        _, _, end64, _ = _END64_LOCATOR.unpack_from(tail, locator)
        inside = end64 - (file_size - len(tail))
        if not 0 <= inside <= len(tail) - _END64.size:
            raise WheelFormatError("a zip64 end record that lies elsewhere")
        _, _, _, _, _, _, _, entries, size, offset = _END64.unpack_from(tail, inside)
    if offset + size > file_size or size > _LARGEST_DIRECTORY or entries > _MOST_ENTRIES:
        raise WheelFormatError("a central directory that is not inside the file")
    return DirectoryPlace(offset, size, entries)


def read_directory(data: bytes, place: DirectoryPlace) -> WheelDirectory:
    """From the bytes of the directory itself. Raises WheelFormatError.

    Files that overlap, or that would unpack to more than their bytes can hold, are not believed.
    """
    entries: list[WheelEntry] = []
    names: set[str] = set()
    position, left = 0, place.offset
    for _ in range(place.entries):
        if position + _ENTRY.size > len(data) or data[position : position + 4] != _ENTRY_SIGNATURE:
            raise WheelFormatError("a central directory that breaks off")
        fields = _ENTRY.unpack_from(data, position)
        flags, method, crc, packed, size = fields[3], fields[4], fields[7], fields[8], fields[9]
        name_length, extra_length, comment_length = fields[10], fields[11], fields[12]
        attributes, offset = fields[15], fields[16]
        position += _ENTRY.size
        raw = data[position : position + name_length]
        extra = data[position + name_length : position + name_length + extra_length]
        position += name_length + extra_length + comment_length
        size, packed, offset = _zip64(extra, size, packed, offset)
        path = _path(raw, utf8=bool(flags & 0x800))
        left -= packed + _LOCAL_BYTES + name_length
        if left < 0 or offset >= place.offset or size > packed * _MOST_INFLATED + _SLACK:
            raise WheelFormatError(f"a central directory that cannot be true of {path[:120]}")
        if path in names:
            raise WheelFormatError(f"the archive holds {path} twice")
        names.add(path)
        entries.append(WheelEntry(path, size, packed, offset, crc, method, attributes >> 16))
    return WheelDirectory(tuple(entries))


def _zip64(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        if kind == 1:
            values = (
                list(struct.unpack_from(f"<{length // 8}Q", extra, position + 4))
                if position + 4 + length <= len(extra)
                else []
            )
            marks = [size == 0xFFFFFFFF, packed == 0xFFFFFFFF, offset == 0xFFFFFFFF]
            if len(values) < sum(marks):
                raise WheelFormatError("a zip64 field that breaks off")
            size = values.pop(0) if marks[0] else size
            packed = values.pop(0) if marks[1] else packed
            offset = values.pop(0) if marks[2] else offset
        position += 4 + length
    return size, packed, offset


def _path(raw: bytes, *, utf8: bool) -> str:
    try:
        path = raw.decode("utf-8" if utf8 else "cp437")
    except UnicodeDecodeError as error:
        raise WheelFormatError("a file name that is not text") from error
    parts = PurePosixPath(path).parts
    if not path or "\\" in path or "\0" in path or path.startswith("/") or ".." in parts:
        raise WheelFormatError(f"a file name that leads out of the archive: {path[:120]!r}")
    return path
