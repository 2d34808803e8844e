"""What a file asks of the dynamic linker, for files that pass in pieces and are never in memory as a whole.

Of libtorch_cuda.so some kilobytes of its gigabyte are looked at. The headers, which come first, say where the dynamic
section is, and that says where its strings are. What is still to come by then is kept as it passes; only for what has
passed already the file has to pass again, as far as that.
"""

import mmap
from collections.abc import Callable, Iterable, Iterator
from typing import Self

from careen.blobs.elf import MAGIC, ElfError, Linkage, read_linkage, unread_part

_HEAD_BYTES = 1 << 20


def streamed_linkage(size: int, first: Iterable[bytes], again: Callable[[], Iterable[bytes]]) -> Linkage | None:
    """``first`` is taken to its end; ``again`` gives the pieces anew, of which no more are taken than are wanted.

    None for what is no ELF file, or one that the linker would refuse as well, such as test data of a package.
    """
    with _Parts(size) as parts:
        parts.keep(_placed(first), 0, _HEAD_BYTES, ahead=True)
        return parts.linkage(again)


def linkage_of(size: int, chunks: Callable[[], Iterable[bytes]]) -> Linkage | None:
    """The same for those who want nothing else of the file: no more of it is read than that takes."""
    with _Parts(size) as parts:
        parts.keep(_until(_placed(chunks()), _HEAD_BYTES), 0, _HEAD_BYTES)
        return parts.linkage(chunks)


class _Parts:
    """The file with zeros wherever nothing was kept: pages that nothing is written to take no memory."""

    def __init__(self, size: int) -> None:
        self._sparse = mmap.mmap(-1, max(1, size))
        self._size = size
        self._known: list[tuple[int, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sparse.close()

    def keep(self, pieces: Iterable[tuple[int, bytes]], start: int, length: int, *, ahead: bool = False) -> None:
        """With ``ahead``, also what turns out to be wanted while it has not passed yet."""
        for position, piece in pieces:
            following = position + len(piece)
            while True:
                limit = min(start + length, self._size)
                begin, end = max(position, start), min(following, limit)
                if begin < end:
                    self._sparse[begin:end] = piece[begin - position : end - position]
                if not ahead or following < limit:
                    break
                self._known.append((start, length))
                wanted = self._wanted()
                ahead = wanted is not None and wanted[0] >= position
                if wanted is not None and ahead:
                    start, length = wanted
        if not self._has(start, length):
            self._known.append((start, length))

    def _wanted(self) -> tuple[int, int] | None:
        if self._sparse[:4] != MAGIC:
            return None
        try:
            return unread_part(self._sparse, self._has)
        except ElfError:
            return None

    def linkage(self, again: Callable[[], Iterable[bytes]]) -> Linkage | None:
        if self._sparse[:4] != MAGIC:
            return None
        try:
            while (wanted := unread_part(self._sparse, self._has)) is not None:
                start, length = wanted
                self.keep(_until(_placed(again()), start + length), start, length)
            return read_linkage(self._sparse)
        except ElfError:
            return None

    def _has(self, start: int, length: int) -> bool:
        return any(first <= start and start + length <= first + known for first, known in self._known)


def _placed(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    position = 0
    for chunk in chunks:
        yield position, chunk
        position += len(chunk)


def _until(pieces: Iterable[tuple[int, bytes]], end: int) -> Iterator[tuple[int, bytes]]:
    for position, piece in pieces:
        yield position, piece
        if position + len(piece) >= end:
            return
