"""What a program or shared library asks of the dynamic linker (System V gABI, chapter 5: program loading).

Only program headers are read, as the loader does, so stripped files are no different. Nothing is read twice
and no count in the file is believed beyond the file's own size.
"""

import mmap
import struct
from collections.abc import Callable

from careen.errors import CareenError
from careen.text.values import dataclass

Bytes = bytes | mmap.mmap
"""A file in memory, or mapped when it is too large for that."""

MAGIC = b"\x7fELF"
_HEADER_SIZES = {1: 52, 2: 64}
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NULL, _DT_NEEDED, _DT_STRTAB, _DT_STRSZ, _DT_SONAME, _DT_RPATH, _DT_RUNPATH = 0, 1, 5, 10, 14, 15, 29
_NAMES = frozenset({_DT_NEEDED, _DT_SONAME, _DT_RPATH, _DT_RUNPATH})
_LONGEST_NAME = 4096
_MACHINES = {62: "x86_64", 183: "aarch64", 3: "i686", 40: "armv7l", 243: "riscv64", 21: "ppc64le", 22: "s390x"}


class ElfError(CareenError):
    """The bytes are not an ELF file, or contradict themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linkage:
    """``needed`` are SONAMEs in their order; ``search`` are the folders of RPATH or RUNPATH, ``$ORIGIN`` unexpanded.

    ``machine`` is the kernel's name (``x86_64``), or ``em-<number>`` for one that careen has no name for.
    All but ``machine`` are empty for a static program.
    """

    machine: str
    needed: tuple[str, ...] = ()
    soname: str | None = None
    search: tuple[str, ...] = ()
    interpreter: str | None = None


@dataclass(frozen=True, slots=True)
class _Segment:
    kind: int
    offset: int
    address: int
    length: int


def is_elf(data: Bytes) -> bool:
    return data[:4] == MAGIC


def read_linkage(data: Bytes) -> Linkage:
    """Raises ElfError."""
    try:
        return _read(data)
    except struct.error as error:
        raise ElfError("the ELF file ends before its own headers do") from error


def unread_part(data: Bytes, has: Callable[[int, int], bool]) -> tuple[int, int] | None:
    """Offset and length of the next part of a file that :func:`read_linkage` needs, for files that are read in parts.

    ``data`` is as long as the file, with its beginning and the parts that ``has`` tells of in it, and zeros elsewhere.
    None when nothing is missing, or the file is none that can be read. Raises ElfError.
    """
    if len(data) < max(_HEADER_SIZES.values()) or data[4] not in _HEADER_SIZES or data[5] not in (1, 2):
        return None
    wide, order = data[4] == 2, {1: "<", 2: ">"}[data[5]]
    if wide:
        table, size, count = *struct.unpack_from(f"{order}Q", data, 32), *struct.unpack_from(f"{order}HH", data, 54)
    else:
        table, size, count = *struct.unpack_from(f"{order}I", data, 28), *struct.unpack_from(f"{order}HH", data, 42)
    if table + size * count > len(data):
        return None
    if not has(table, size * count):
        return table, size * count
    segments = _segments(data, wide=wide, order=order)
    for segment in segments:
        length = min(segment.length, max(0, len(data) - segment.offset))
        if segment.kind in (_PT_DYNAMIC, _PT_INTERP) and length and not has(segment.offset, length):
            return segment.offset, length
    dynamic = next((segment for segment in segments if segment.kind == _PT_DYNAMIC), None)
    if dynamic is None:
        return None
    entries = _dynamic_entries(data, dynamic, f"{order}qQ" if wide else f"{order}iI")
    values = dict(reversed(entries))
    names = [value for tag, value in entries if tag in _NAMES]
    if _DT_STRTAB not in values or not names:
        return None
    table = _file_offset(segments, values[_DT_STRTAB])
    end = min(table + min(max(names) + _LONGEST_NAME, values.get(_DT_STRSZ, len(data))), len(data))
    start = min(table + min(names), end)  # the names of all symbols may be in the table, too
    return None if has(start, end - start) else (start, end - start)


def _read(data: Bytes) -> Linkage:
    if not is_elf(data):
        raise ElfError("not an ELF file")
    if len(data) < max(_HEADER_SIZES.values()):
        raise ElfError("the ELF file ends before its own headers do")
    width, order = data[4], {1: "<", 2: ">"}.get(data[5])
    if width not in _HEADER_SIZES or order is None:
        raise ElfError("the ELF file has an unknown class or byte order")
    number = struct.unpack_from(f"{order}H", data, 18)[0]
    machine = _MACHINES.get(number, f"em-{number}")
    segments = _segments(data, wide=width == 2, order=order)
    interpreter = next((_text(data, s.offset, s.length) for s in segments if s.kind == _PT_INTERP), None)
    dynamic = next((segment for segment in segments if segment.kind == _PT_DYNAMIC), None)
    if dynamic is None:
        return Linkage(machine=machine, interpreter=interpreter)
    entries = _dynamic_entries(data, dynamic, f"{order}qQ" if width == 2 else f"{order}iI")
    values = dict(reversed(entries))
    if _DT_STRTAB not in values:
        return Linkage(machine=machine, interpreter=interpreter)
    start = _file_offset(segments, values[_DT_STRTAB])
    length = values.get(_DT_STRSZ, len(data))

    def name(offset: int) -> str:
        if offset >= length:
            raise ElfError("the ELF file names a string outside its string table")
        return _text(data, start + offset, min(_LONGEST_NAME, length - offset))

    search = values.get(_DT_RUNPATH, values.get(_DT_RPATH))
    return Linkage(
        machine=machine,
        interpreter=interpreter,
        needed=tuple(name(value) for tag, value in entries if tag == _DT_NEEDED),
        soname=name(values[_DT_SONAME]) if _DT_SONAME in values else None,
        search=tuple(part for part in name(search).split(":") if part) if search is not None else (),
    )


def _segments(data: Bytes, *, wide: bool, order: str) -> tuple[_Segment, ...]:
    if wide:
        table, size, count = *struct.unpack_from(f"{order}Q", data, 32), *struct.unpack_from(f"{order}HH", data, 54)
    else:
        table, size, count = *struct.unpack_from(f"{order}I", data, 28), *struct.unpack_from(f"{order}HH", data, 42)
    layout = f"{order}IIQQQQQQ" if wide else f"{order}IIIIIIII"
    if count and size < struct.calcsize(layout):
        raise ElfError("the ELF file has program headers that are too short")
    found = []
    for index in range(count):
        if table + index * size >= len(data):
            raise ElfError("the ELF file ends before its own headers do")
        fields = struct.unpack_from(layout, data, table + index * size)
        if wide:
            kind, _, offset, address, _, length, _, _ = fields
        else:
            kind, offset, address, _, length, _, _, _ = fields
        found.append(_Segment(kind, offset, address, length))
    return tuple(found)


def _dynamic_entries(data: Bytes, dynamic: _Segment, layout: str) -> list[tuple[int, int]]:
    if dynamic.offset + dynamic.length > len(data):
        raise ElfError("the ELF file ends before its dynamic section does")
    size = struct.calcsize(layout)
    section = data[dynamic.offset : dynamic.offset + dynamic.length - dynamic.length % size]
    entries = []
    for tag, value in struct.iter_unpack(layout, section):
        if tag == _DT_NULL:
            break
        entries.append((tag, value))
    return entries


def _file_offset(segments: tuple[_Segment, ...], address: int) -> int:
    for segment in segments:
        if segment.kind == _PT_LOAD and segment.address <= address < segment.address + segment.length:
            return segment.offset + address - segment.address
    raise ElfError("the ELF file's string table is in no part that is loaded")


def _text(data: Bytes, offset: int, limit: int) -> str:
    if offset >= len(data):
        raise ElfError("the ELF file names a string outside itself")
    raw = data[offset : offset + min(limit, _LONGEST_NAME)]
    end = raw.find(b"\0")
    if end < 0:
        raise ElfError("the ELF file has a string without an end")
    return raw[:end].decode("utf-8", "backslashreplace")
