"""Indices of suites, kept unpacked with the tables by which they are asked; all under the digest that was signed.

Files are written aside and renamed, so processes may share the folder.
"""

import lzma
import mmap
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from careen.blobs.digest import Digest
from careen.debian.indices import SuiteIndex, read_contents, read_packages
from careen.debian.tables import Table
from careen.errors import CareenError
from careen.text.values import dataclass

_LARGEST_UNPACKED = 1 << 30
_CHUNK = 1 << 20


class UnpackingError(CareenError):
    """An index is not packed as its name says, or unpacks to more than any index has."""


@dataclass(frozen=True, slots=True)
class KeptLists:
    """What it has not in ``folder``, it asks ``fetch`` for."""

    folder: Path

    def packages(self, digest: Digest, fetch: Callable[[], bytes], *, suite: str, mirror: str) -> SuiteIndex:
        """``fetch`` gives a Packages.xz. Raises UnpackingError, IndexFormatError, OSError, or what ``fetch`` raises."""
        text, packages, provides = (
            self.folder / f"{digest.hex}.{kind}" for kind in ("text-1", "packages-2", "provides-2")
        )
        if not all(path.is_file() for path in (text, packages, provides)):
            with aside(text) as stream:
                tables = read_packages(_unpacked(fetch()), stream.write)
            write_aside(provides, tables.provides)
            write_aside(packages, tables.packages)
        return SuiteIndex(
            suite=suite, mirror=mirror, packages=Table.map(packages), provides=Table.map(provides), text=_mapped(text)
        )

    def libraries(self, digest: Digest, fetch: Callable[[], bytes]) -> Table:
        """``fetch`` gives a Contents.gz. Raises as ``packages`` does."""
        table = self.folder / f"{digest.hex}.libraries-1"
        if not table.is_file():
            write_aside(table, read_contents(_gunzipped(fetch())))
        return Table.map(table)


def _mapped(path: Path) -> bytes | mmap.mmap:
    with path.open("rb") as stream:
        if path.stat().st_size == 0:  # which cannot be mapped
            return b""
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)


def _unpacked(data: bytes) -> Iterator[bytes]:
    unpacker = lzma.LZMADecompressor(format=lzma.FORMAT_XZ)
    total, piece = 0, data
    while not unpacker.eof:
        try:
            chunk = unpacker.decompress(piece, _CHUNK)
        except (lzma.LZMAError, EOFError) as error:
            raise UnpackingError(f"an index of the mirror cannot be unpacked: {error}") from error
        if not chunk and unpacker.needs_input and not unpacker.eof:
            raise UnpackingError("an index of the mirror ends too early")
        piece = b""
        total += len(chunk)
        if total > _LARGEST_UNPACKED:
            raise UnpackingError("an index of the mirror is too large when unpacked")
        yield chunk


def _gunzipped(data: bytes) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(wbits=31)
    total, piece = 0, data
    while not unpacker.eof:
        try:
            chunk = unpacker.decompress(piece, _CHUNK)
        except zlib.error as error:
            raise UnpackingError(f"an index of the mirror cannot be unpacked: {error}") from error
        if not chunk and not unpacker.unconsumed_tail and not unpacker.eof:
            raise UnpackingError("an index of the mirror ends too early")
        piece = unpacker.unconsumed_tail
        total += len(chunk)
        if total > _LARGEST_UNPACKED:
            raise UnpackingError("an index of the mirror is too large when unpacked")
        yield chunk


@contextmanager
def aside(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when all of it is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_aside(path: Path, data: bytes) -> None:
    with aside(path) as stream:
        stream.write(data)
