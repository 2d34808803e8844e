"""The contents of a wheel's files, straight from the zip (PKWARE APPNOTE 4.3), with everything that is said checked.

A file's local header must say what the central directory says; a file unpacks to exactly the size that was announced,
with the announced CRC-32. So nothing can unpack to more than the directory, which was read before, admits.
"""

import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from careen.python.wheels import (
    TAIL_BYTES,
    WheelDirectory,
    WheelEntry,
    WheelFormatError,
    locate_directory,
    read_directory,
)
from careen.text.values import dataclass

_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_STORED, _DEFLATED = 0, 8
_WHOLE_BYTES = 4 << 20
"""Files up to this size are unpacked at once; larger ones piece by piece."""

_PIECE = 1 << 20
_UNPACKED_PIECE = 1 << 18
"""What becomes of a large file at a time: in pieces of megabytes the heap of a build grows by half of them again."""

_LARGEST_UNPACKED = 32 * 1024**3
_NAMES_AND_EXTRA = 4096
"""Read along with a local header, which is nearly always all of it and, for small files, the content too."""


@dataclass(frozen=True, slots=True)
class _Inflater:
    """The functions of zlib, by ISA-L where it is installed."""

    decompress: Callable[[bytes, int, int], bytes]
    decompressobj: Callable[[int], Any]
    crc32: Callable[[bytes, int], int]
    error: type[Exception]


def _inflater() -> _Inflater:
    try:
        from isal import isal_zlib  # noqa: PLC0415 - a run that finds every segment needs none of it
    except ImportError:
        return _Inflater(zlib.decompress, zlib.decompressobj, zlib.crc32, zlib.error)
    return _Inflater(isal_zlib.decompress, isal_zlib.decompressobj, isal_zlib.crc32, isal_zlib.error)  # type: ignore[arg-type]


class WheelArchive:
    """An open wheel; safe to read from several threads. ``name`` is its file name, where the path has another.

    Raises WheelFormatError, or OSError.
    """

    def __init__(self, path: Path, name: str = "") -> None:
        self.name = name or path.name
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._size = os.fstat(self._descriptor).st_size
            self.directory = self._read_directory()
        except BaseException:
            self.close()
            raise
        self._inflater = _inflater()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def read(self, entry: WheelEntry) -> bytes:
        """All of a file, which the caller knows to be small enough."""
        return b"".join(self.chunks(entry))

    def chunks(self, entry: WheelEntry) -> Iterator[bytes]:
        head = os.pread(self._descriptor, _LOCAL.size + _NAMES_AND_EXTRA, entry.offset)
        start = self._content_start(entry, head)
        end = start + entry.compressed_size
        if end > self._size:
            raise self._error(entry, "ends outside the archive")
        if entry.size <= _WHOLE_BYTES and entry.compressed_size <= _WHOLE_BYTES + _PIECE:
            within = start - entry.offset
            packed = head[within : within + entry.compressed_size]
            if len(packed) < entry.compressed_size:
                packed = os.pread(self._descriptor, entry.compressed_size, start)
            yield self._whole(entry, packed)
        else:
            yield from self._pieces(entry, start, end)

    def _whole(self, entry: WheelEntry, packed: bytes) -> bytes:
        if entry.method == _STORED:
            data = packed
        else:
            unpacking = self._inflater.decompressobj(-15)
            try:
                data = unpacking.decompress(packed, entry.size + 1)
            except self._inflater.error as error:
                raise self._error(entry, f"is damaged: {error}") from error
        if len(data) != entry.size:
            raise self._error(entry, "does not unpack to the size that is announced")
        if self._inflater.crc32(data, 0) != entry.crc:
            raise self._error(entry, "is damaged: it has another checksum")
        return data

    def _pieces(self, entry: WheelEntry, start: int, end: int) -> Iterator[bytes]:
        crc = produced = 0
        for data in self._unpacked(entry, start, end):
            produced += len(data)
            if produced > entry.size:
                break
            crc = self._inflater.crc32(data, crc)
            yield data
        if produced != entry.size:
            raise self._error(entry, "does not unpack to the size that is announced")
        if crc != entry.crc:
            raise self._error(entry, "is damaged: it has another checksum")

    def _unpacked(self, entry: WheelEntry, start: int, end: int) -> Iterator[bytes]:
        unpacking = self._inflater.decompressobj(-15) if entry.method == _DEFLATED else None
        for position in range(start, end, _PIECE):
            data = os.pread(self._descriptor, min(_PIECE, end - position), position)
            if unpacking is None:
                yield data
                continue
            while data and not unpacking.eof:
                try:
                    unpacked = unpacking.decompress(data, _UNPACKED_PIECE)
                except self._inflater.error as error:
                    raise self._error(entry, f"is damaged: {error}") from error
                if unpacked:
                    yield unpacked
                data = unpacking.unconsumed_tail
        if unpacking is not None and not unpacking.eof:
            yield from self._last(entry, unpacking)

    def _last(self, entry: WheelEntry, unpacking: Any) -> Iterator[bytes]:
        """What the inflater still holds back, a piece at a time."""
        while not unpacking.eof:
            try:
                unpacked = unpacking.decompress(unpacking.unconsumed_tail, _UNPACKED_PIECE)
            except self._inflater.error as error:
                raise self._error(entry, f"is damaged: {error}") from error
            if not unpacked:
                raise self._error(entry, "breaks off")
            yield unpacked

    def _content_start(self, entry: WheelEntry, head: bytes) -> int:
        if stat.S_ISLNK(entry.mode):
            raise self._error(entry, "is a symbolic link, which no wheel may have")
        if entry.mode and stat.S_IFMT(entry.mode) not in (0, stat.S_IFREG):
            raise self._error(entry, "is not a regular file")
        if len(head) < _LOCAL.size or head[:4] != _LOCAL_SIGNATURE:
            raise self._error(entry, "has no local header")
        _, _, flags, method, _, _, _, _, _, name_length, extra_length = _LOCAL.unpack_from(head)
        if flags & 0x1:
            raise self._error(entry, "is encrypted")
        name = head[_LOCAL.size : _LOCAL.size + name_length].decode("utf-8" if flags & 0x800 else "cp437", "replace")
        if name != entry.path or method != entry.method:
            raise self._error(entry, "is described differently in its local header")
        if method not in (_STORED, _DEFLATED):
            raise self._error(entry, f"is packed in a way that wheels may not use (method {method})")
        if method == _STORED and entry.size != entry.compressed_size:
            raise self._error(entry, "does not unpack to the size that is announced")
        return entry.offset + _LOCAL.size + int(name_length) + int(extra_length)

    def _read_directory(self) -> WheelDirectory:
        start = max(0, self._size - TAIL_BYTES)
        tail = os.pread(self._descriptor, self._size - start, start)
        try:
            place = locate_directory(tail, self._size)
            if place.offset >= start:
                data = tail[place.offset - start : place.offset - start + place.size]
            else:
                data = os.pread(self._descriptor, place.size, place.offset)
            directory = read_directory(data, place)
        except WheelFormatError as error:
            raise WheelFormatError(f"{self.name}: {error.message}", hints=error.hints) from error
        if directory.unpacked_bytes > _LARGEST_UNPACKED:
            raise WheelFormatError(f"{self.name}: unpacks to {directory.unpacked_bytes} bytes")
        return directory

    def _error(self, entry: WheelEntry, problem: str) -> WheelFormatError:
        return WheelFormatError(f"{self.name}: {entry.path} {problem}")
