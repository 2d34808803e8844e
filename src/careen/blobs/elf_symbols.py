"""Native code without what only linkers and debuggers read: symbol tables, and the sections with debugging information.

What the loader maps stays byte by byte, at the same addresses; only where it lies in the file may change, by whole
multiples of the alignment that a part asks for (System V gABI, chapter 5: offset and address must be congruent), and a
part that asks for more than the processor's largest page, and holds nothing that does, is let off with that. That
holds for libraries whose parts were moved to the end of the file, too (patchelf, auditwheel), which binutils' strip
turns into files that no loader takes. Sections keep their numbers, so what refers to one does so still.

A file is changed in its place, a megabyte at a time, however large it is.
"""

import os
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from careen.text.values import dataclass

FORMAT = 2
"""Raised when the same file becomes another."""

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_IDENTIFICATION = b"\x7fELF\x02\x01\x01"
_ET_EXEC, _ET_DYN = 2, 3
_PT_LOAD = 1
_SHT_SYMTAB, _SHT_STRTAB, _SHT_RELA, _SHT_NOBITS, _SHT_REL, _SHT_SYMTAB_SHNDX = 2, 3, 4, 8, 9, 18
_SHF_ALLOC = 2
_PAGES = {62: 1 << 12, 183: 1 << 16}
"""The largest of a processor (x86-64, AArch64) that its kernels may be built with, by its number in the header."""

_PIECE = 1 << 20
_MOST_SECTIONS = 4096
_LARGEST_NAMES = 1 << 20
_LARGEST_ALIGNMENT = 1 << 24
_LONGEST_PADDING = 1 << 12
_FOR_DEBUGGERS = re.compile(rb"\.(?:z?debug_.*|gdb_index|gnu_debugdata|gnu\.debuglto_.*|stab.*|line)")


@dataclass(frozen=True, slots=True)
class _Section:
    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int

    @property
    def is_loaded(self) -> bool:
        return bool(self.flags & _SHF_ALLOC)

    @property
    def in_file(self) -> int:
        return 0 if self.kind == _SHT_NOBITS else self.size


@dataclass(frozen=True, slots=True)
class _Segment:
    kind: int
    flags: int
    offset: int
    address: int
    physical: int
    in_file: int
    in_memory: int
    alignment: int


@dataclass(frozen=True, slots=True)
class _Block:
    """A range of the file that stays together; ``place`` is where it goes."""

    start: int
    end: int
    alignment: int
    place: int = 0


class _NotUnderstoodError(Exception):
    """Left as it is."""


def drop_symbols(path: Path) -> bool:
    """In its place; False, and nothing is changed, where there is nothing to drop or the file is not understood."""
    with path.open("r+b") as stream:
        try:
            layout = _read(stream.fileno())
        except (_NotUnderstoodError, struct.error):
            return False
        if layout.new_size >= layout.size:
            return False
        layout.write(stream.fileno())
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    size: int
    header: tuple[int | bytes, ...]
    segments: tuple[_Segment, ...]
    sections: tuple[_Section, ...]
    blocks: tuple[_Block, ...]

    @property
    def sections_at(self) -> int:
        """Where the table of sections goes: where it was if that stays, since it may be in a part that is loaded."""
        old, length = int(self.header[6]), len(self.sections) * _SECTION.size
        if any(block.start <= old and old + length <= block.end for block in self.blocks):
            return self.moved(old)
        return _up(self.blocks[-1].place + self.blocks[-1].end - self.blocks[-1].start, 8)

    @property
    def new_size(self) -> int:
        last = self.blocks[-1]
        return max(last.place + last.end - last.start, self.sections_at + len(self.sections) * _SECTION.size)

    def moved(self, offset: int) -> int:
        """Where what was at an offset is now; of what has no bytes in the file, near what comes before it."""
        before = [block for block in self.blocks if block.start <= offset]
        block = before[-1]
        return block.place + min(offset, block.end) - block.start

    def write(self, file: int) -> None:
        end = 0
        for block in self.blocks:
            os.pwrite(file, bytes(block.place - end), end)
            _move(file, block)
            end = block.place + block.end - block.start
        header = list(self.header)
        header[5], header[6] = self.moved(int(self.header[5])), self.sections_at
        os.pwrite(file, bytes(max(0, self.sections_at - end)), end)
        os.pwrite(file, _HEADER.pack(*header), 0)
        table = b"".join(self._segment(segment) for segment in self.segments)
        os.pwrite(file, table, int(header[5]))
        os.pwrite(file, b"".join(self._section(section) for section in self.sections), self.sections_at)
        os.ftruncate(file, self.new_size)

    def _segment(self, segment: _Segment) -> bytes:
        if segment.in_file:
            offset = self.moved(segment.offset)
        elif segment.kind == _PT_LOAD and segment.alignment > 1:
            offset = segment.address % segment.alignment
        else:
            offset = 0
        kind, flags = segment.kind, segment.flags
        rest = (segment.address, segment.physical, segment.in_file, segment.in_memory, segment.alignment)
        return _SEGMENT.pack(kind, flags, offset, *rest)

    def _section(self, section: _Section) -> bytes:
        if not section.kind:
            return bytes(_SECTION.size)
        head = (section.name, section.kind, section.flags, section.address)
        tail = (section.size, section.link, section.info, section.alignment, section.entry_size)
        return _SECTION.pack(*head, self.moved(section.offset), *tail)


def _read(file: int) -> _Layout:
    size = os.fstat(file).st_size
    header = _HEADER.unpack(os.pread(file, _HEADER.size, 0))
    _, kind, _, _, _, segments_at, sections_at, _, _, segment_size, segment_count, section_size, section_count, _ = (
        header
    )
    if not header[0].startswith(_IDENTIFICATION) or kind not in (_ET_EXEC, _ET_DYN):
        raise _NotUnderstoodError
    if segment_size != _SEGMENT.size or section_size != _SECTION.size or not 0 < section_count <= _MOST_SECTIONS:
        raise _NotUnderstoodError
    segments = tuple(
        _Segment(*fields) for fields in _SEGMENT.iter_unpack(_exactly(file, segment_count * _SEGMENT.size, segments_at))
    )
    sections = tuple(
        _Section(*fields) for fields in _SECTION.iter_unpack(_exactly(file, section_count * _SECTION.size, sections_at))
    )
    page = _PAGES.get(header[2], 1 << 62)
    dropped = _dropped(sections, header[13], _names(file, sections, header[13]))
    table = (sections_at, sections_at + section_count * _SECTION.size)
    _check(segments, sections, dropped)
    _check_end(file, size, max(table[1], *_ends(segments, sections)))
    kept = tuple(
        section if number not in dropped else _Section(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        for number, section in enumerate(sections)
    )
    segments = tuple(_let_off(segment, sections, page) for segment in segments)
    head = [(0, _HEADER.size, 1), (segments_at, segments_at + segment_count * _SEGMENT.size, 8)]
    blocks = _blocks([*head, *_ranges(segments, kept)])
    return _Layout(size=size, header=header, segments=segments, sections=kept, blocks=tuple(_placed(blocks)))


def _let_off(segment: _Segment, sections: Iterable[_Section], page: int) -> _Segment:
    """Linkers prepare for large pages, with which patchelf pads a library of some kilobytes to megabytes."""
    if segment.kind != _PT_LOAD or segment.alignment <= page:
        return segment
    start, end = segment.address, segment.address + segment.in_memory
    inside = (section for section in sections if section.is_loaded and start <= section.address < end)
    return replace(segment, alignment=max([page, *(section.alignment for section in inside)]))


def _exactly(file: int, length: int, offset: int) -> bytes:
    if not 0 <= offset < 1 << 62:
        raise _NotUnderstoodError
    data = os.pread(file, length, offset)
    if len(data) != length:
        raise _NotUnderstoodError
    return data


def _names(file: int, sections: Sequence[_Section], number: int) -> bytes:
    if number >= len(sections) or sections[number].size > _LARGEST_NAMES or sections[number].kind != _SHT_STRTAB:
        raise _NotUnderstoodError
    return _exactly(file, sections[number].size, sections[number].offset)


def _dropped(sections: Sequence[_Section], names_in: int, names: bytes) -> frozenset[int]:
    """By their numbers. Nothing that stays may refer to one of them."""
    tables = {
        number
        for number, section in enumerate(sections)
        if section.kind in (_SHT_SYMTAB, _SHT_SYMTAB_SHNDX) and not section.is_loaded
    }
    dropped = set(tables)
    for number, section in enumerate(sections):
        name = names[section.name : names.find(b"\0", section.name)]
        if section.is_loaded or section.kind == _SHT_NOBITS or number == names_in:
            continue
        relocates = section.kind in (_SHT_RELA, _SHT_REL) and section.link in tables
        strings = section.kind == _SHT_STRTAB and any(sections[table].link == number for table in tables)
        if relocates or strings or _FOR_DEBUGGERS.fullmatch(name):
            dropped.add(number)
    for number, section in enumerate(sections):
        if number not in dropped and section.link in dropped:
            raise _NotUnderstoodError
    return frozenset(dropped)


def _ends(segments: Iterable[_Segment], sections: Iterable[_Section]) -> Iterable[int]:
    yield from (segment.offset + segment.in_file for segment in segments)
    yield from (section.offset + section.in_file for section in sections if section.kind)


def _check_end(file: int, size: int, end: int) -> None:
    """Behind the last thing that the tables name there is padding at the most: some programs carry data there."""
    if end > size or size - end > _LONGEST_PADDING or any(os.pread(file, _LONGEST_PADDING, end)):
        raise _NotUnderstoodError


def _check(segments: Sequence[_Segment], sections: Sequence[_Section], dropped: frozenset[int]) -> None:
    for segment in segments:
        if segment.alignment > _LARGEST_ALIGNMENT or segment.alignment & (segment.alignment - 1):
            raise _NotUnderstoodError
        wanted = segment.alignment > 1 and segment.kind == _PT_LOAD
        if wanted and (segment.offset - segment.address) % segment.alignment:
            raise _NotUnderstoodError
    for number in dropped:
        section = sections[number]
        start, end = section.offset, section.offset + section.size
        if any(segment.offset < end and start < segment.offset + segment.in_file for segment in segments):
            raise _NotUnderstoodError  # loaded after all


def _ranges(segments: Iterable[_Segment], sections: Iterable[_Section]) -> Iterable[tuple[int, int, int]]:
    """Start, end and alignment of what stays."""
    for segment in segments:
        if segment.in_file:
            yield segment.offset, segment.offset + segment.in_file, max(1, segment.alignment)
    for section in sections:
        if section.in_file:
            if section.alignment > _LARGEST_ALIGNMENT or section.alignment & (section.alignment - 1):
                raise _NotUnderstoodError
            yield section.offset, section.offset + section.in_file, max(1, section.alignment)


def _blocks(ranges: Iterable[tuple[int, int, int]]) -> list[_Block]:
    """What overlaps stays together."""
    found: list[_Block] = []
    for start, end, alignment in sorted(ranges):
        if found and start < found[-1].end:
            last = found[-1]
            found[-1] = _Block(last.start, max(last.end, end), max(last.alignment, alignment))
        else:
            found.append(_Block(start, end, alignment))
    return found


def _placed(blocks: Iterable[_Block]) -> Iterable[_Block]:
    """Each as near to the beginning as its alignment allows, never behind where it was."""
    end = 0
    for block in blocks:
        place = end + (block.start - end) % block.alignment
        end = place + block.end - block.start
        yield replace(block, place=place)


def _move(file: int, block: _Block) -> None:
    if block.place == block.start:
        return
    for done in range(0, block.end - block.start, _PIECE):
        data = _exactly(file, min(_PIECE, block.end - block.start - done), block.start + done)
        os.pwrite(file, data, block.place + done)


def _up(position: int, alignment: int) -> int:
    return position + -position % alignment
