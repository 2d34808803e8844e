"""Layers that are put together from parts which were packed before (image spec, layer.md).

A part is a piece of a tar stream, cut at fixed lengths, each piece a gzip member (RFC 1952, 2.2) or zstd frame of
its own (RFC 8878, 3). Members and frames may follow one another, as entries of tar streams may, so a layer is its
parts one after the other: packing is paid once for a part, and can be done by several threads with the same bytes
as result.

What remains for every layer is the digest of its tar stream, for which the parts have to be unpacked. Inflating takes
four times as long as hashing, so a part that is kept may have a copy of each piece beside it that unpacks faster.
"""

import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from careen.blobs.digest import ByteSink, Digest, DigestingSink
from careen.errors import CareenError
from careen.oci.media_types import Compression
from careen.oci.tarwriter import END_OF_ARCHIVE
from careen.text.values import dataclass

PIECE_BYTES = 4 << 20
"""Length of the pieces that are packed by themselves; part of what a layer's digest depends on."""

_READ_BYTES = 1 << 20
_GZIP_LEVEL = 1
_ZSTD_LEVEL = 3
_COPY_LEVEL = -20
"""zstd's: two thirds larger than gzip's fastest, packed in half of the time, and unpacked five times as fast, at more
than the speed of hashing. Higher levels are smaller and slower at both, lower ones hardly faster to write and read.
"""

_AHEAD = 2

Pack = Callable[[bytes | memoryview], bytes]
Unpack = Callable[[bytes], bytes]


class DamagedPartError(CareenError):
    """A part on disk does not unpack to what was packed."""


@dataclass(frozen=True, slots=True)
class Packer:
    """``name`` tells packers apart whose bytes differ."""

    name: str
    compression: Compression
    pack: Pack


@lru_cache(maxsize=3)
def packer(compression: Compression) -> Packer:
    """gzip by ISA-L where it is installed, else by zlib; zstd with checksums."""
    if compression is Compression.ZSTD:
        import zstandard  # noqa: PLC0415 - only for those who ask for it

        def pack(data: bytes | memoryview) -> bytes:
            return zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compress(data)

        return Packer(f"zstd-{_ZSTD_LEVEL}", compression, pack)
    if compression is Compression.NONE:
        return Packer("none", compression, bytes)
    try:
        from isal import igzip_lib  # noqa: PLC0415 - a run that finds every layer needs none of it
    except ImportError:
        return Packer("zlib-6", compression, _zlib_member)
    level, gzip, memory = _GZIP_LEVEL, igzip_lib.COMP_GZIP, igzip_lib.MEM_LEVEL_LARGE
    return Packer(f"isal-{level}", compression, lambda data: igzip_lib.compress(data, level, gzip, memory))


def _zlib_member(data: bytes | memoryview) -> bytes:
    packing = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packing.compress(data) + packing.flush()


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a packed piece, and of its copy, which follows it, or 0; ``check`` is the CRC-32 of both."""

    packed: int
    check: int
    copy: int = 0


class PartWriter:
    """Packs a tar stream, several pieces at once, and writes the packed pieces to ``target`` in their order.

    With ``copies``, each is followed by its copy where that unpacks faster: such a part is to be joined with others
    later, and no layer as it is. ``size`` counts the bytes of the stream, ``pieces`` are what was written, complete
    after :meth:`finish`. At most a few pieces are in memory.
    """

    def __init__(self, target: ByteSink, packer: Packer, pool: ThreadPoolExecutor, *, copies: bool = False) -> None:
        self._target = target
        self._pack = packer.pack
        self._copies = copies and packer.compression is Compression.GZIP
        self._pool = pool
        self._waiting: list[bytes] = []
        self._length = 0
        self._packing: deque[Future[tuple[Piece, bytes, bytes]]] = deque()
        self.size = 0
        self.pieces: list[Piece] = []

    def write(self, data: bytes) -> None:
        self.size += len(data)
        self._waiting.append(data)
        self._length += len(data)
        if self._length >= PIECE_BYTES:
            self._send(b"".join(self._waiting))

    def _send(self, data: bytes) -> None:
        whole = len(data) - len(data) % PIECE_BYTES
        view = memoryview(data)  # pieces are no copies of what was just put together
        for start in range(0, whole, PIECE_BYTES):
            self._submit(view[start : start + PIECE_BYTES])
        rest = data[whole:]
        self._waiting, self._length = [rest] if rest else [], len(rest)

    def _submit(self, piece: bytes | memoryview) -> None:
        self._packing.append(self._pool.submit(self._packed, piece))
        self._drain(_AHEAD)

    def _packed(self, piece: bytes | memoryview) -> tuple[Piece, bytes, bytes]:
        packed = self._pack(piece)
        copy = _copied(piece) if self._copies else b""
        return Piece(len(packed), _check(packed, copy), len(copy)), packed, copy

    def _drain(self, limit: int) -> None:
        while len(self._packing) > limit:
            piece, packed, copy = self._packing.popleft().result()
            self.pieces.append(piece)
            self._target.write(packed)
            if copy:
                self._target.write(copy)

    def finish(self) -> None:
        if self._length:
            self._submit(b"".join(self._waiting))
            self._waiting, self._length = [], 0
        self._drain(0)


@dataclass(frozen=True, slots=True)
class Part:
    """A packed part on disk; its pieces unpack to ``tar_bytes``."""

    path: Path
    pieces: tuple[Piece, ...]
    tar_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDigests:
    """``digest`` is that of the layer as stored, ``diff_id`` that of its tar stream."""

    digest: Digest
    diff_id: Digest
    packed_bytes: int
    tar_bytes: int


def join_parts(
    head: bytes, parts: Sequence[Part], target: ByteSink, packer: Packer, pool: ThreadPoolExecutor
) -> LayerDigests:
    """Writes a layer: ``head`` (entries that come first), the parts, and the end of the archive.

    What is packed goes through unchanged; it, or its copy, is unpacked beside, for the digest of the tar stream.
    Raises DamagedPartError, or OSError when a part cannot be read.
    """
    # A target that hashes what it is given from the start does not have to be asked twice.
    stored = target if isinstance(target, DigestingSink) and not target.size else DigestingSink(target)
    stream = DigestingSink()
    underway: deque[Future[tuple[bytes, bytes]]] = deque()

    def drain(limit: int) -> None:
        while len(underway) > limit:
            packed, unpacked = underway.popleft().result()
            stored.write(packed)
            stream.write(unpacked)

    unpack = _unpacking(packer.compression)
    if head:
        underway.append(pool.submit(lambda: (packer.pack(head), head)))
    for part in parts:
        for piece in _pieces(part):
            underway.append(pool.submit(_verified, piece, unpack))
            drain(_AHEAD)
    drain(0)
    expected = len(head) + sum(part.tar_bytes for part in parts)
    if stream.size != expected:
        raise DamagedPartError(f"the parts of a layer unpack to {stream.size} bytes, not to {expected}")
    stored.write(packer.pack(END_OF_ARCHIVE))
    stream.write(END_OF_ARCHIVE)
    return LayerDigests(
        digest=stored.digest(), diff_id=stream.digest(), packed_bytes=stored.size, tar_bytes=stream.size
    )


def part_chunks(part: Part, packer: Packer) -> Iterator[bytes]:
    """The tar stream of a part. Raises DamagedPartError, or OSError."""
    unpack = _unpacking(packer.compression)
    for piece in _pieces(part):
        yield _verified(piece, unpack)[1]


def _pieces(part: Part) -> Iterator[tuple[Piece, bytes, bytes]]:
    with part.path.open("rb") as stream:
        for piece in part.pieces:
            packed, copy = stream.read(piece.packed), stream.read(piece.copy)
            if (len(packed), len(copy)) != (piece.packed, piece.copy):
                raise DamagedPartError(f"{part.path.name} ends too early")
            yield piece, packed, copy


def _verified(found: tuple[Piece, bytes, bytes], unpack: Unpack) -> tuple[bytes, bytes]:
    """The packed bytes, and what they unpack to."""
    piece, packed, copy = found
    if _check(packed, copy) != piece.check:
        raise DamagedPartError("a packed piece is damaged")
    return packed, _unzstd(copy) if copy else unpack(packed)


def _check(packed: bytes, copy: bytes) -> int:
    try:
        from isal import isal_zlib  # noqa: PLC0415 - a run that finds every layer needs none of it
    except ImportError:
        return zlib.crc32(copy, zlib.crc32(packed))
    return isal_zlib.crc32(copy, isal_zlib.crc32(packed))


def _copied(piece: bytes | memoryview) -> bytes:
    import zstandard  # noqa: PLC0415 - as above

    return zstandard.ZstdCompressor(level=_COPY_LEVEL).compress(piece)


def _unpacking(compression: Compression) -> Unpack:
    if compression is Compression.NONE:
        return bytes
    if compression is Compression.ZSTD:
        return _unzstd
    return _gunzip


def _gunzip(packed: bytes) -> bytes:
    try:
        from isal import igzip_lib  # noqa: PLC0415 - a run that finds every layer needs none of it
    except ImportError:
        unpacking = zlib.decompressobj(31)
        try:
            unpacked = unpacking.decompress(packed, PIECE_BYTES)
        except zlib.error as error:
            raise DamagedPartError(f"a packed piece is damaged: {error}") from error
        if not unpacking.eof:
            raise DamagedPartError("a packed piece is longer than a piece can be") from None
        return unpacked
    try:
        return igzip_lib.decompress(packed, igzip_lib.DECOMP_GZIP, bufsize=PIECE_BYTES)
    except igzip_lib.error as error:  # type: ignore[misc]  # the stub calls the class an instance
        raise DamagedPartError(f"a packed piece is damaged: {error}") from error


def _unzstd(packed: bytes) -> bytes:
    import zstandard  # noqa: PLC0415 - a run that finds every layer needs none of it

    try:
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=PIECE_BYTES)
    except zstandard.ZstdError as error:
        raise DamagedPartError(f"a packed piece is damaged: {error}") from error
