"""OCI image layouts (image spec, image-layout.md): a folder of blobs by digest, and an index that names images.

::

    oci-layout      {"imageLayoutVersion": "1.0.0"}
    index.json      {"schemaVersion": 2, "manifests": [
                      {…, "annotations": {"org.opencontainers.image.ref.name": "web"}}]}
    blobs/sha256/<64 hexadecimal digits>
"""

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from careen.blobs.digest import Descriptor, Digest, DigestingSink, DigestMismatchError
from careen.errors import CareenError
from careen.oci.config import ImageConfig
from careen.oci.document import LARGEST_DOCUMENT, ImageDocumentError, read_document, render_document
from careen.oci.images import (
    choose_manifest,
    reachable_from,
    read_blob,
    read_config,
    read_image,
    read_manifest,
)
from careen.oci.manifest import Index, IndexEntry, Manifest, parse_index
from careen.oci.media_types import EMPTY, MANIFEST
from careen.oci.verified import VerifiedReader
from careen.platforms import Platform

REFERENCE_NAME = "org.opencontainers.image.ref.name"

_VERSION = "1.0.0"
_ASIDE = ".new-"
_PLAIN = stat.S_IFREG | 0o644


class LayoutError(CareenError):
    """The folder is no OCI image layout, lacks a blob, or cannot be made one."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout on this disk, opened for reading. ``entries`` are those of ``index.json``, in its order."""

    folder: Path
    entries: tuple[IndexEntry, ...]

    @classmethod
    def open(cls, folder: Path) -> "Layout":
        """Raises LayoutError, or ImageDocumentError for a malformed index."""
        version = read_document(_small_file(folder / "oci-layout", folder), "oci-layout").text("imageLayoutVersion")
        if version.partition(".")[0] != "1":
            raise LayoutError(f"{folder} is an image layout of version {version[:40]!r}, which is unknown")
        index = parse_index(_small_file(folder / "index.json", folder))
        return cls(folder, index.entries)

    def images(self) -> Mapping[str, Descriptor]:
        """By reference name, or by digest where there is none; of several with one name the first counts.

        What is attached to images is none.
        """
        found: dict[str, Descriptor] = {}
        for entry in self.entries:
            if entry.artifact_type:
                continue
            name = entry.annotations.get(REFERENCE_NAME) or str(entry.descriptor.digest)
            found.setdefault(name, entry.descriptor)
        return found

    def image(self, name: str | None = None, platform: Platform | None = None) -> Descriptor:
        """The manifest of the image so named, or of the only one. Raises LayoutError, PlatformNotOfferedError."""
        images = self.images()
        if name is None and len(images) == 1:
            (descriptor,) = images.values()
        elif name is not None and name in images:
            descriptor = images[name]
        else:
            asked = "several images" if name is None and images else f"no image {name or ''}".rstrip()
            there = ", ".join(sorted(images))
            raise LayoutError(f"{self.folder} has {asked}", hints=(f"it has {there}",) if there else ())
        return choose_manifest(self, descriptor, platform)

    def manifest(self, descriptor: Descriptor) -> Manifest:
        return read_manifest(self, descriptor)

    def attached(self, subject: Descriptor) -> tuple[IndexEntry, ...]:
        """The entries of what is attached to an image."""
        return tuple(entry for entry in self.entries if entry.artifact_type and _subject(self, entry) == subject)

    def attachment(self, subject: Descriptor, artifact_type: str) -> bytes | None:
        """The content of what is attached to an image as that type; None where nothing is."""
        for entry in self.attached(subject):
            manifest = self.manifest(entry.descriptor)
            if entry.artifact_type == artifact_type and len(manifest.layers) == 1:
                return read_blob(self, manifest.layers[0])
        return None

    def index(self, descriptor: Descriptor) -> Index:
        found = read_image(self, descriptor)
        if not isinstance(found, Index):
            raise ImageDocumentError("the image is a manifest, not an index")
        return found

    def config(self, manifest: Manifest) -> ImageConfig:
        return read_config(self, manifest)

    def blob_path(self, digest: Digest) -> Path:
        """Where the blob is, or would be; what is there has not been verified."""
        return self.folder / "blobs" / "sha256" / digest.hex

    @contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[VerifiedReader]:
        """Raises LayoutError when it is not there, DigestMismatchError when it is another."""
        path = self.blob_path(descriptor.digest)
        if not path.is_file():
            raise LayoutError(f"{self.folder} lacks the blob {descriptor.digest}")
        with path.open("rb") as stream:
            if (size := os.fstat(stream.fileno()).st_size) != descriptor.size:
                raise DigestMismatchError(f"{descriptor.digest} has {size} bytes instead of {descriptor.size}")
            yield VerifiedReader(stream, descriptor)


class LayoutWriter:
    """Writes one layout, alone: another writer of the same folder is refused until this one is closed.

    Blobs appear under their digests when they are whole, the index comes last, so a run that is killed leaves
    the images that were there before. Raises LayoutError for a folder that holds something else.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._attached: list[IndexEntry] = []
        if folder.is_dir() and any(folder.iterdir()) and not (folder / "oci-layout").is_file():
            raise LayoutError(f"{folder} is not empty and not an image layout", hints=("name another folder",))
        self._blobs = folder / "blobs" / "sha256"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._lock: int | None = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise LayoutError(f"another run is writing to {folder}") from error
        for left_over in folder.glob(f"{_ASIDE}*"):
            left_over.unlink()
        self._replace(folder / "oci-layout", render_document({"imageLayoutVersion": _VERSION}))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def has(self, descriptor: Descriptor) -> bool:
        """Whether a blob of that name and size is there; its bytes are not read."""
        path = self._blobs / descriptor.digest.hex
        return path.is_file() and path.stat().st_size == descriptor.size

    def add_blob(self, descriptor: Descriptor, path: Path) -> None:
        """Links the file in, or copies it. The caller answers for the digest of a file that is linked.

        Raises DigestMismatchError when the size differs, or the digest of what was copied.
        """
        if (size := path.stat().st_size) != descriptor.size:
            raise DigestMismatchError(f"{descriptor.digest} has {size} bytes instead of {descriptor.size}")
        place = self._blobs / descriptor.digest.hex
        if place.exists() and place.samefile(path):
            return
        with self._aside() as aside:
            aside.unlink()
            try:
                aside.hardlink_to(path)
            except OSError:  # another file system, or one without links: then the bytes have to be copied
                with path.open("rb") as source, aside.open("wb") as target:
                    reader = VerifiedReader(source, descriptor)
                    while data := reader.read(1 << 20):
                        target.write(data)
            aside.replace(place)

    @contextmanager
    def receive(self, descriptor: Descriptor) -> Iterator[DigestingSink]:
        """What is written becomes the blob, if it is the one that was promised. Raises DigestMismatchError."""
        with self._aside() as aside:
            with aside.open("wb") as target:
                sink = DigestingSink(target)
                yield sink
            if (sink.size, sink.digest()) != (descriptor.size, descriptor.digest):
                raise DigestMismatchError(f"{sink.digest()} ({sink.size} bytes) came instead of {descriptor.digest}")
            aside.replace(self._blobs / descriptor.digest.hex)

    def put(self, media_type: str, data: bytes) -> Descriptor:
        """Writes a document, or any blob that is in memory."""
        descriptor = Descriptor(media_type, Digest.of(data), len(data))
        self._replace(self._blobs / descriptor.digest.hex, data)
        return descriptor

    def attach(self, subject: Descriptor, media_type: str, data: bytes) -> Descriptor:
        """Something about an image that is to be found where the image is (image spec, manifest.md, ``subject``).

        The manifest that holds it, which ``finish`` puts into the index.
        """
        manifest = Manifest(
            config=self.put(EMPTY, b"{}"),
            layers=(self.put(media_type, data),),
            artifact_type=media_type,
            subject=subject,
        )
        descriptor = self.put(MANIFEST, manifest.render())
        self._attached.append(IndexEntry(descriptor=descriptor, artifact_type=media_type))
        return descriptor

    def finish(self, images: Mapping[str, Descriptor], *, keep_others: bool = False) -> Layout:
        """Writes the index, which names exactly these images, and removes blobs that none of them needs.

        With ``keep_others``, images of other names that were there stay, with what is attached to them. Closes the
        writer.
        """
        entries = [IndexEntry(descriptor=images[name], annotations={REFERENCE_NAME: name}) for name in sorted(images)]
        attached = sorted(self._attached, key=lambda entry: entry.descriptor.digest)
        if keep_others and (self._folder / "index.json").is_file():
            before = Layout.open(self._folder)
            others = [entry for entry in before.entries if entry.annotations.get(REFERENCE_NAME) not in images]
            entries += [entry for entry in others if not entry.artifact_type]
            there = set(reachable(Layout(self._folder, tuple(entries))))
            attached += [e for e in others if e.artifact_type and e not in attached and _subject(before, e) in there]
        layout = Layout(self._folder, (*entries, *attached))
        needed = {descriptor.digest.hex: descriptor for descriptor in reachable(layout)}
        for descriptor in needed.values():
            if not self.has(descriptor):
                raise LayoutError(f"the image lacks the blob {descriptor.digest}")
        self._replace(self._folder / "index.json", Index(entries=layout.entries).render())
        for path in self._blobs.iterdir():
            if path.name not in needed:
                path.unlink()
        self.close()
        return layout

    @contextmanager
    def _aside(self) -> Iterator[Path]:
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=_ASIDE)
        os.close(handle)
        aside = Path(name)
        try:
            aside.chmod(0o644)
            yield aside
        finally:
            aside.unlink(missing_ok=True)

    def _replace(self, path: Path, data: bytes) -> None:
        if _is_there(path, data):
            return
        with self._aside() as aside:
            aside.write_bytes(data)
            aside.replace(path)


def _is_there(path: Path, data: bytes) -> bool:
    """Most documents of a build are those of the one before, and reading one costs less than putting it in place."""
    try:
        return path.lstat().st_mode == _PLAIN and path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def _subject(layout: Layout, entry: IndexEntry) -> Descriptor | None:
    return read_manifest(layout, entry.descriptor).subject


def reachable(layout: Layout) -> Iterator[Descriptor]:
    """Every blob that the layout's images need, the manifests themselves included; one may come several times."""
    for entry in layout.entries:
        yield from reachable_from(layout, entry.descriptor)


def _small_file(path: Path, folder: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(LARGEST_DOCUMENT + 1)
    except OSError as error:
        raise LayoutError(
            f"{folder} is not an image layout: {path.name} cannot be read",
            hints=("name the folder that `careen build --output` wrote, or an archive",),
        ) from error
