"""Uploading one blob (distribution spec, "Pushing a blob"): in one request when it is small, else chunk by chunk.

What breaks off is gone on with from where the registry says it is, or begun anew where it does not say.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self
from urllib.parse import quote

from careen.blobs.digest import Descriptor
from careen.http.failures import TransferError
from careen.http.messages import Answer, Body, Request
from careen.http.patience import PASSING_STATUSES
from careen.oci.images import BlobReader, Images
from careen.oci.registry import Repository
from careen.oci.registry_errors import RegistryError, registry_message

_PIECE = 1 << 18
_OCTETS = {"Content-Type": "application/octet-stream"}
_OUT_OF_STEP = frozenset({404, 416})
"""The registry has forgotten the upload, or has it up to another byte."""


def upload_blob(
    repository: Repository, images: Images, descriptor: Descriptor, begun: Answer, heard: Callable[[int], None]
) -> None:
    """``begun`` is the answer that opened the upload; ``heard`` is told how many bytes are there, from time to time.

    Raises RegistryError, TransferError, or what reading the blob raises.
    """
    failures, place, offset = 0, repository.location(begun), 0
    chunk = max(repository.settings.chunk, _least_chunk(begun))
    with _Source(images, descriptor) as source:
        while True:
            size = min(chunk, descriptor.size - offset)
            is_last = offset + size == descriptor.size
            try:
                answer = _send(repository, place, descriptor, (offset, size), source.body(offset, size))
                if answer.status in PASSING_STATUSES | _OUT_OF_STEP:
                    raise TransferError(f"the upload of {descriptor.digest} fails: {registry_message(answer)}")
            except TransferError:
                failures += 1
                if failures >= repository.settings.attempts:
                    raise
                repository.rest(failures)
                if is_last and repository.has_blob(descriptor):
                    return  # the answer was lost, not the blob
                place, offset = _where(repository, place, descriptor)
                continue
            repository.expect(answer, (201,) if is_last else (202,), f"take the blob {descriptor.digest}")
            heard(offset + size)
            if is_last:
                return
            failures, place = 0, repository.location(answer)
            offset = _received(answer, offset + size, descriptor)


def _send(repository: Repository, place: str, descriptor: Descriptor, part: tuple[int, int], body: Body) -> Answer:
    offset, size = part
    headers: Mapping[str, str] = _OCTETS
    if size < descriptor.size and size:
        headers = {**_OCTETS, "Content-Range": f"{offset}-{offset + size - 1}"}
    if offset + size == descriptor.size:
        joint = "&" if "?" in place else "?"
        place = f"{place}{joint}digest={quote(str(descriptor.digest))}"
        return repository.send(Request(method="PUT", url=place, headers=headers, body=body), repeat=False)
    return repository.send(Request(method="PATCH", url=place, headers=headers, body=body), repeat=False)


def _where(repository: Repository, place: str, descriptor: Descriptor) -> tuple[str, int]:
    """Where to go on: what the registry has, or the beginning of a new upload."""
    answer = repository.send(Request(method="GET", url=place))
    if answer.status == 204:
        return (repository.location(answer) if "location" in answer.headers else place), _received(
            answer, 0, descriptor
        )
    begun = repository.begin_upload(descriptor)
    if begun is None:
        raise RegistryError(f"{repository.reference.registry} takes over a blob that was not asked for")
    return repository.location(begun), 0


def _received(answer: Answer, otherwise: int, descriptor: Descriptor) -> int:
    """``0-<last byte>``; of an upload without any bytes registries say ``0-0``."""
    first, dash, last = answer.headers.get("range", "").removeprefix("bytes=").partition("-")
    if not dash or first != "0" or not last.isdecimal() or len(last) > 18:
        return otherwise
    received = int(last) + 1 if int(last) else 0
    if received > descriptor.size:
        raise RegistryError(f"the registry has more bytes of {descriptor.digest} than there are")
    return received


def _least_chunk(answer: Answer) -> int:
    asked = answer.headers.get("oci-chunk-min-length", "")
    return int(asked) if asked.isdecimal() and len(asked) < 12 else 0


class _Source:
    """A blob that is read from any offset, forwards as a rule; it begins anew only when it has to."""

    def __init__(self, images: Images, descriptor: Descriptor) -> None:
        self._images = images
        self._descriptor = descriptor
        self._stack = ExitStack()
        self._reader: BlobReader | None = None
        self._at = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def body(self, offset: int, size: int) -> Body:
        return Body(size, lambda: self._chunks(offset, size))

    def _chunks(self, offset: int, size: int) -> Iterator[bytes]:
        reader = self._reader_at(offset)
        while size:
            data = reader.read(min(size, _PIECE))
            if not data:
                raise RegistryError(f"{self._descriptor.digest} is shorter than it should be")
            self._at += len(data)
            size -= len(data)
            yield data

    def _reader_at(self, offset: int) -> BlobReader:
        if self._reader is None or self._at > offset:
            self._stack.close()
            self._reader, self._at = self._stack.enter_context(self._images.open_blob(self._descriptor)), 0
        while self._at < offset:
            self._at += len(self._reader.read(min(offset - self._at, _PIECE)))
        return self._reader
