"""Native code without the symbols that only debuggers and linkers read, and a second look at what comes out.

The file must ask for the same libraries as before, and every part must be mapped to the same place, aligned.
"""

import mmap
import struct
from pathlib import Path

from careen.blobs.elf import MAGIC, ElfError, read_linkage
from careen.blobs.elf_symbols import FORMAT, drop_symbols

STRIPPER = f"careen {FORMAT}"
"""Tells results apart that differ."""

_PT_LOAD = 1


def strip(path: Path) -> bool:
    """In its place; False when the file has to stay as it was, and what is at ``path`` is not to be used."""
    before = _mapped(path)
    return before is not None and drop_symbols(path) and _mapped(path) == before


def _mapped(path: Path) -> tuple[object, ...] | None:
    """What the loader is asked for and where; None when it would refuse the file."""
    if path.stat().st_size < 64:
        return None
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:6] != MAGIC + b"\x02\x01":  # 64 bits, little-endian: all that careen builds for
            return None
        try:
            linkage = read_linkage(data)
        except ElfError:
            return None
        start, size, count = *struct.unpack_from("<Q", data, 32), *struct.unpack_from("<HH", data, 54)
        parts = []
        for index in range(count):
            kind, flags, offset, address, _, _, length, align = struct.unpack_from(
                "<IIQQQQQQ", data, start + index * size
            )
            if kind == _PT_LOAD:
                if align > 1 and (offset - address) % align:
                    return None
                parts.append((flags, address, length))
        return (linkage, *parts)
