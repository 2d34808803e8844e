"""Digests of content, and streams that compute them while the bytes pass (OCI image spec, descriptor.md).

The only home of ``hashlib``.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Protocol

from careen.errors import CareenError
from careen.text.values import dataclass

_SHA256_HEX = re.compile(r"[0-9a-f]{64}")


class InvalidDigestError(CareenError):
    """The text is not ``sha256:`` followed by 64 lower-case hexadecimal digits."""


class DigestMismatchError(CareenError):
    """The bytes are not the ones that were promised."""


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A sha256 digest; its text form is ``sha256:<64 hexadecimal digits>``."""

    hex: str

    def __post_init__(self) -> None:
        if not _SHA256_HEX.fullmatch(self.hex):
            raise InvalidDigestError(f"not a sha256 digest: {self.hex[:80]!r}")

    @classmethod
    def parse(cls, text: str) -> "Digest":
        """Raises InvalidDigestError for another algorithm or a malformed value."""
        algorithm, _, value = text.partition(":")
        if algorithm != "sha256":
            raise InvalidDigestError(f"not a sha256 digest: {text[:80]!r}")
        return cls(value)

    @classmethod
    def of(cls, data: bytes) -> "Digest":
        return cls(hashlib.sha256(data).hexdigest())

    def __str__(self) -> str:
        return f"sha256:{self.hex}"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Points at content: its media type, digest and size in bytes."""

    media_type: str
    digest: Digest
    size: int


class ByteSink(Protocol):
    def write(self, data: bytes, /) -> object: ...


class DigestingSink:
    """Counts and hashes what is written, and hands it on to ``target`` when there is one."""

    def __init__(self, target: ByteSink | None = None) -> None:
        self._hash = hashlib.sha256()
        self._target = target
        self.size = 0

    def write(self, data: bytes | memoryview) -> int:
        self._hash.update(data)
        self.size += len(data)
        if self._target is not None:
            self._target.write(bytes(data) if isinstance(data, memoryview) else data)
        return len(data)

    def digest(self) -> Digest:
        return Digest(self._hash.hexdigest())


def digest_of_chunks(chunks: Iterable[bytes]) -> Digest:
    sink = DigestingSink()
    for chunk in chunks:
        sink.write(chunk)
    return sink.digest()
