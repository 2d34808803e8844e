"""Whole images to and from registries: blobs at once, then manifests, the index and the name last."""

import threading
from collections.abc import Callable, Iterable, MutableMapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import field
from typing import TypeVar, cast

from careen.blobs.digest import Descriptor, Digest
from careen.oci.document import ImageDocumentError
from careen.oci.images import Images, choose_manifest, reachable_from, read_blob
from careen.oci.layout import LayoutWriter
from careen.oci.media_types import INDEXES, MANIFESTS, is_foreign_layer
from careen.oci.registry import Repository
from careen.oci.upload import upload_blob
from careen.platforms import Platform
from careen.progress import Progress, Step, unheard
from careen.text.values import dataclass

_PIECE = 1 << 20
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """``uploaded`` are bytes that went over the wire; the other blobs were there, or in a neighbouring repository."""

    descriptor: Descriptor
    uploaded: int
    mounted: int
    present: int


def push_image(
    repository: Repository,
    images: Images,
    descriptor: Descriptor,
    *,
    neighbours: MutableMapping[Digest, str] | None = None,
    progress: Progress = unheard,
) -> Pushed:
    """Pushes a manifest, or an index with all it names, under the reference of the repository.

    ``neighbours`` says in which repositories of the same registry blobs are, to be taken over from there, and is
    told of those that are now here: hand one mapping to the pushes of a whole stack. Raises RegistryError,
    TransferError, or what reading the images raises.
    """
    neighbours = {} if neighbours is None else neighbours
    order = list(reachable_from(images, descriptor))
    documents = [found for found in order if found.media_type in MANIFESTS | INDEXES]
    blobs = _once(found for found in order if found not in documents and not is_foreign_layer(found.media_type))
    meter = _Meter(f"push {repository.reference}", sum(blob.size for blob in blobs), progress)

    def push(blob: Descriptor) -> str:
        outcome = _push_blob(repository, images, blob, neighbours.get(blob.digest), meter)
        neighbours[blob.digest] = repository.reference.repository
        return outcome

    outcomes = _at_once(push, blobs, repository.settings.connections)
    for document in _once(documents):
        data = read_blob(images, document)
        if document != descriptor:
            repository.put_manifest(str(document.digest), document, data)
    repository.put_manifest(repository.reference.selector, descriptor, read_blob(images, descriptor))
    of = {kind: sum(blob.size for blob, outcome in zip(blobs, outcomes, strict=True) if outcome == kind)
          for kind in ("uploaded", "mounted", "present")}  # fmt: skip
    return Pushed(descriptor=descriptor, uploaded=of["uploaded"], mounted=of["mounted"], present=of["present"])


def pull_image(
    repository: Repository, writer: LayoutWriter, platform: Platform | None = None, *, progress: Progress = unheard
) -> Descriptor:
    """Fetches what the reference names into a layout: the manifest for the platform, or all of an index without one.

    Blobs that are there already are not fetched again. Naming the image is the caller's business. Raises
    NotInRegistryError, AccessDeniedError, PlatformNotOfferedError, DigestMismatchError, TransferError.
    """
    top, _ = repository.resolve()
    chosen = top if platform is None else choose_manifest(repository, top, platform)
    order = _once(reachable_from(repository, chosen))
    foreign = next((found for found in order if is_foreign_layer(found.media_type)), None)
    if foreign is not None:
        raise ImageDocumentError(f"{repository.reference} has a layer that no registry holds: {foreign.media_type}")
    missing = [found for found in order if not writer.has(found)]
    meter = _Meter(f"pull {repository.reference}", sum(found.size for found in missing), progress)

    def pull(found: Descriptor) -> None:
        with repository.open_blob(found) as blob, writer.receive(found) as sink:
            while data := blob.read(_PIECE):
                sink.write(data)
                meter.add(len(data), found)

    _at_once(pull, missing, repository.settings.connections)
    return chosen


def _push_blob(repository: Repository, images: Images, blob: Descriptor, neighbour: str | None, meter: "_Meter") -> str:
    if neighbour == repository.reference.repository or repository.has_blob(blob):
        meter.add(blob.size, blob)
        return "present"
    begun = repository.begin_upload(blob, neighbour)
    if begun is None:
        meter.add(blob.size, blob)
        return "mounted"
    told = 0

    def heard(there: int) -> None:
        nonlocal told
        meter.add(there - told, blob)
        told = there

    upload_blob(repository, images, blob, begun, heard)
    return "uploaded"


@dataclass(slots=True)
class _Meter:
    """Adds up bytes from several threads and tells."""

    phase: str
    total: int
    progress: Progress
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, size: int, blob: Descriptor) -> None:
        with self.lock:
            self.done += size
            self.progress(Step(self.phase, self.done, self.total, str(blob.digest)[:19]))


def _once(found: Iterable[Descriptor]) -> list[Descriptor]:
    return list({descriptor.digest: descriptor for descriptor in found}.values())


def _at_once(work: Callable[[Descriptor], T], items: list[Descriptor], connections: int) -> list[T]:
    """In the order of the items. After the first error, which is raised, nothing more is begun."""
    failed = threading.Event()

    def unless_failed(item: Descriptor) -> T | None:
        if failed.is_set():
            return None
        try:
            return work(item)
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(connections) as pool:
        futures = [pool.submit(unless_failed, item) for item in items]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        except BaseException:
            failed.set()  # the user has had enough
            raise
    return [cast("T", future.result()) for future in futures]
