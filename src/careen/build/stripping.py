"""Native code without the symbols that only debuggers and linkers read (binutils, ``strip --strip-unneeded``).

Some wheels carry libraries that were patched in ways that strip turns into files which no loader takes, so what comes
out is looked at: it must ask for the same libraries, and every part must still be aligned as it is mapped.
"""

import mmap
import struct
from pathlib import Path

from careen.blobs.elf import MAGIC, ElfError, read_linkage
from careen.build.interpreter import host_architecture
from careen.errors import MissingToolError
from careen.platforms import Architecture
from careen.process.run import CommandFailedError, find_program, run_checked
from careen.text.values import dataclass

_TIMEOUT = 600.0
_PT_LOAD = 1


@dataclass(frozen=True, slots=True)
class Stripper:
    """``name`` tells versions apart whose results differ."""

    program: Path
    name: str

    def strip(self, path: Path) -> bool:
        """In its place; False when the file has to stay as it was, and what is at ``path`` is not to be used."""
        before = _mapped(path)
        if before is None:
            return False
        size = path.stat().st_size
        try:
            run_checked([self.program, "--strip-unneeded", "--", path], timeout=_TIMEOUT)
        except CommandFailedError:
            return False  # not a file that strip knows
        return path.stat().st_size < size and _mapped(path) == before


def find_stripper(architecture: Architecture) -> Stripper:
    """Raises MissingToolError."""
    package = f"binutils-{architecture.multiarch.replace('_', '-')}"
    try:
        program = find_program(f"{architecture.multiarch}-strip", package=package)
    except MissingToolError:
        if host_architecture() is not architecture:
            raise
        program = find_program("strip", package="binutils")
    version = run_checked([program, "--version"], timeout=_TIMEOUT).stdout.decode("utf-8", "replace")
    return Stripper(program, version.splitlines()[0] if version else program.name)


def can_strip(architecture: Architecture) -> bool:
    """Whether this machine has a strip for the architecture."""
    try:
        find_stripper(architecture)
    except MissingToolError:
        return False
    return True


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
