"""A stream that is checked against its descriptor while it passes."""

from typing import Protocol

from careen.blobs.digest import Descriptor, DigestingSink, DigestMismatchError


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class VerifiedReader:
    """The last bytes are handed out only when size and digest are right; others raise DigestMismatchError."""

    def __init__(self, stream: _Readable, descriptor: Descriptor) -> None:
        self._stream = stream
        self._descriptor = descriptor
        self._sink = DigestingSink()
        self._checked = False

    def read(self, size: int = -1, /) -> bytes:
        left = self._descriptor.size - self._sink.size
        wanted = left if size < 0 else min(size, left)
        pieces: list[bytes] = []
        while wanted:
            piece = self._stream.read(wanted)
            if not piece:
                raise DigestMismatchError(
                    f"{self._descriptor.digest} ends after {self._sink.size} of {self._descriptor.size} bytes"
                )
            self._sink.write(piece)
            pieces.append(piece)
            wanted -= len(piece)
        if self._sink.size == self._descriptor.size:
            self._check()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def drain(self) -> None:
        """Reads what is left, so that it is checked too."""
        while self.read(1 << 20):
            pass

    def _check(self) -> None:
        if self._checked:
            return
        if self._stream.read(1):
            raise DigestMismatchError(f"{self._descriptor.digest} has more than {self._descriptor.size} bytes")
        if self._sink.digest() != self._descriptor.digest:
            raise DigestMismatchError(f"{self._descriptor.digest} holds other bytes: {self._sink.digest()}")
        self._checked = True
