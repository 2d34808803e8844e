"""``/etc/ld.so.cache``, where the dynamic linker finds a library by its name (ld.so(8)).

The format is that of glibc since 2.32, without extensions: ::

    "glibc-ld.so.cache1.1"  count:u32  bytes of strings:u32  flags:u8  3 zero bytes  4 x u32 zero     48 bytes
    count x (kind:u32  name:u32  path:u32  zero:u32  zero:u64)                                       24 bytes each
    strings, each with its zero byte; name and path count from the start of the file

Entries stand in descending order of their names, where digits compare as numbers, for the linker's binary search.
"""

import re
import struct
from collections.abc import Iterable

from careen.platforms import Architecture
from careen.text.values import dataclass

_MAGIC = b"glibc-ld.so.cache1.1"
_HEADER = struct.Struct("<20sIIB3xIIII")
_ENTRY = struct.Struct("<IIIIQ")
_LITTLE_ENDIAN = 2
_KINDS = {Architecture.AMD64: 0x0303, Architecture.ARM64: 0x0A03}
_PARTS = re.compile(r"[0-9]+|[^0-9]")


@dataclass(frozen=True, slots=True)
class CachedLibrary:
    """``path`` is absolute."""

    name: str
    path: str


def render_ld_cache(libraries: Iterable[CachedLibrary], architecture: Architecture) -> bytes:
    found = sorted(libraries, key=lambda library: (_order(library.name), library.path), reverse=True)
    strings = bytearray()
    start = _HEADER.size + _ENTRY.size * len(found)
    rows = []
    for library in found:
        name = start + len(strings)
        strings += library.name.encode() + b"\0"
        path = start + len(strings)
        strings += library.path.encode() + b"\0"
        rows.append(_ENTRY.pack(_KINDS[architecture], name, path, 0, 0))
    header = _HEADER.pack(_MAGIC, len(found), len(strings), _LITTLE_ENDIAN, 0, 0, 0, 0)
    return header + b"".join(rows) + bytes(strings)


def _order(name: str) -> tuple[tuple[int, int], ...]:
    """glibc's ``_dl_cache_libcmp``: a number is more than any other character, the end less."""
    return tuple((1, int(part)) if part.isdecimal() else (0, ord(part)) for part in _PARTS.findall(name))


LISTING_PROGRAM = b'''#!/usr/bin/python3 -IS
"""Lists the dynamic linker's cache, as ctypes.util.find_library asks for it (ldconfig -p)."""
import struct
import sys

if sys.argv[1:] not in (["-p"], ["--print-cache"]):
    sys.exit("ldconfig: the cache of this image is fixed; only -p is supported")
with open("/etc/ld.so.cache", "rb") as stream:
    data = stream.read()
print(f"{struct.unpack_from('<I', data, 20)[0]} libs found in cache `/etc/ld.so.cache'")
for kind, name, path, _, _ in struct.iter_unpack("<IIIIQ", data[48 : 48 + 24 * struct.unpack_from("<I", data, 20)[0]]):
    name, path = (data[at : data.index(b"\\0", at)].decode() for at in (name, path))
    print(f"\\t{name} (libc6{',x86-64' if kind == 0x303 else ',AArch64'}) => {path}")
'''
"""Stands in for ``ldconfig`` (1 MB) in trimmed images, where nothing else calls it."""
