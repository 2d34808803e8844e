"""The bytes of a layer as a tar stream, whatever it is packed with: told by its first bytes, as every tool does.

Several gzip members or zstd frames one after another are one stream.
"""

import io
import zlib
from collections.abc import Callable
from typing import IO, Protocol, cast

from careen.blobs.digest import Digest, DigestingSink
from careen.errors import CareenError

LARGEST_LAYER = 64 << 30
"""Bytes that a layer may unpack to; the largest ones of today are CUDA's, of some 9 GB."""

_GZIP = b"\x1f\x8b"
_ZSTANDARD = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = tuple(bytes((0x50 + number, 0x2A, 0x4D, 0x18)) for number in range(16))
_LARGEST_WINDOW = 1 << 27
_PIECE = 1 << 18


class LayerError(CareenError):
    """A layer is no tar stream, is damaged, or holds what no image should."""


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class LayerStream:
    """Hashes the tar stream as it passes. Every failure of the packing is a LayerError."""

    def __init__(self, packed: _Readable, *, limit: int = LARGEST_LAYER, verified: Digest | None = None) -> None:
        """``verified`` is the digest that ``packed`` answers for itself: what is not packed is not hashed again."""
        self._read, self._errors = _unpacker(packed)
        self._sink = DigestingSink()
        self._verified = None if self._errors else verified  # what nothing can go wrong with is not packed
        self._size = 0
        self._limit = limit
        self._buffer = b""
        self._at = 0

    def read(self, size: int) -> bytes:
        """Exactly as many bytes, fewer only at the end."""
        end = self._at + size
        if end <= len(self._buffer):
            data = self._buffer[self._at : end]
            self._at = end
            return data
        pieces = [self._buffer[self._at :]]
        missing = size - len(pieces[0])
        while missing > 0 and (piece := self._next()):
            pieces.append(piece)
            missing -= len(piece)
        self._buffer, self._at = pieces[-1], len(pieces[-1])
        if missing < 0:
            self._at += missing
            pieces[-1] = pieces[-1][:missing]
        return b"".join(pieces)

    def drain(self) -> None:
        """Passes over what is left, so that it is counted and hashed."""
        self._buffer, self._at = b"", 0
        while self._next():
            pass

    @property
    def size(self) -> int:
        return self._size

    def digest(self) -> Digest:
        """Of everything read so far; of the whole, after drain."""
        return self._verified or self._sink.digest()

    def _next(self) -> bytes:
        try:
            piece = self._read(_PIECE)
        except self._errors as error:
            raise LayerError(f"it cannot be unpacked: {error}") from error
        if self._verified is None:
            self._sink.write(piece)
        self._size += len(piece)
        if self._size > self._limit:
            raise LayerError(f"it unpacks to more than {self._limit} bytes")
        return piece


class _Pushback(io.RawIOBase):
    """A stream whose first bytes were looked at, as the decompressors want one."""

    def __init__(self, head: bytes, rest: _Readable) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        data = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(data) :]
        buffer[: len(data)] = data
        return len(data)


def _unpacker(packed: _Readable) -> tuple[Callable[[int], bytes], tuple[type[Exception], ...]]:
    head = packed.read(4)
    stream = _Pushback(head, packed)
    if head.startswith(_GZIP):
        from isal import igzip, isal_zlib  # noqa: PLC0415 - only those who open a layer need it

        unpacked = igzip.IGzipFile(fileobj=stream, mode="rb")  # type: ignore[no-untyped-call]
        errors = (OSError, EOFError, zlib.error, cast("type[Exception]", isal_zlib.error))
        return cast("Callable[[int], bytes]", unpacked.read), errors
    if head == _ZSTANDARD or head in _SKIPPABLE:
        import zstandard  # noqa: PLC0415

        unpacker = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        reader = unpacker.stream_reader(cast("IO[bytes]", stream), read_across_frames=True)
        return reader.read, (zstandard.ZstdError,)
    return lambda size: stream.read(size) or b"", ()
