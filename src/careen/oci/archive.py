"""Image archives: a tar of an OCI layout, or docker's own (``docker save``), which is described by ``manifest.json``::

    [{"Config": "<hex>.json", "RepoTags": ["web:latest"], "Layers": ["<hex>.tar", …]}]

Read in place: the tar is walked once, and blobs are read where they lie.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from careen.blobs.digest import Descriptor, Digest, DigestingSink, DigestMismatchError
from careen.errors import CareenError
from careen.oci.config import parse_config
from careen.oci.decompress import LayerError
from careen.oci.document import LARGEST_DOCUMENT, Fields, read_document, read_list
from careen.oci.filesystem import FileSystem
from careen.oci.images import BlobReader
from careen.oci.layer_entries import EntryKind, LayerEntries
from careen.oci.layout import REFERENCE_NAME
from careen.oci.manifest import Manifest, parse_index
from careen.oci.media_types import DOCKER_CONFIG, DOCKER_LAYER, DOCKER_LAYER_GZIP, DOCKER_LAYER_ZSTD, DOCKER_MANIFEST
from careen.oci.verified import VerifiedReader
from careen.text.values import dataclass

CONTAINERD_NAME = "io.containerd.image.name"
"""What containerd, and docker on it, call an image that they save."""

_PIECE = 1 << 20
_MAGICS = {b"\x1f\x8b": DOCKER_LAYER_GZIP, b"\x28\xb5\x2f\xfd": DOCKER_LAYER_ZSTD}


class ArchiveError(CareenError):
    """The file is no image archive, or lacks a part of an image."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Where a member's content lies in the file."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Archive:
    """An image archive on this disk, opened for reading. ``documents`` are those that it has in another form."""

    path: Path
    names: Mapping[str, Descriptor]
    blobs: Mapping[Digest, "_Part"]
    documents: Mapping[Digest, bytes]

    @classmethod
    def open(cls, path: Path) -> "Archive":
        """Raises ArchiveError, or ImageDocumentError for a malformed description."""
        try:
            with path.open("rb") as stream:
                if stream.read(2) == b"\x1f\x8b":
                    raise ArchiveError(f"{path} is packed as a whole", hints=(f"unpack it first: gunzip {path}",))
                stream.seek(0)
                members = _Members(path, stream)
                if (described := members.get("manifest.json")) is not None:
                    return _docker_archive(path, members, described)
                if (index := members.get("index.json")) is not None and members.get("oci-layout") is not None:
                    return _layout_archive(path, members, index)
        except OSError as error:
            raise ArchiveError(f"{path} cannot be read: {error.strerror}") from error
        except LayerError as error:
            raise ArchiveError(f"{path} is no image archive: {error.message}") from error
        raise ArchiveError(f"{path} is no image archive: it has neither manifest.json nor index.json")

    def images(self) -> Mapping[str, Descriptor]:
        """By name, or by digest where there is none."""
        return self.names

    @contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[BlobReader]:
        """Raises ArchiveError when it is not there, DigestMismatchError when it is another."""
        if descriptor.digest in self.documents:
            yield VerifiedReader(io.BytesIO(self.documents[descriptor.digest]), descriptor)
            return
        part = self.blobs.get(descriptor.digest)
        if part is None:
            raise ArchiveError(f"{self.path} lacks the blob {descriptor.digest}")
        if part.size != descriptor.size:
            raise DigestMismatchError(f"{descriptor.digest} has {part.size} bytes instead of {descriptor.size}")
        with self.path.open("rb") as stream:
            yield VerifiedReader(_Window(stream, part), descriptor)


class _Window:
    def __init__(self, stream: BinaryIO, part: _Part) -> None:
        stream.seek(part.offset)
        self._stream = stream
        self._left = part.size

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


class _Members:
    """The files of a tar by their paths; links between them are followed, as older dockers save shared layers."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path = path
        self._stream = stream
        self._parts: dict[str, _Part] = {}
        self._system = FileSystem()
        entries = LayerEntries(stream.read, skip=lambda size: _skip(stream, size))
        for entry in entries:
            change = self._system.apply(entry, 0)
            for gone, _ in change.removed:
                self._parts.pop(gone, None)
            if change.placed is None:
                continue
            if change.source in self._parts:
                self._parts[change.placed] = self._parts[change.source]
            elif entry.kind is EntryKind.FILE:
                self._parts[change.placed] = _Part(stream.tell(), entry.size)

    def __iter__(self) -> Iterator[tuple[str, _Part]]:
        return iter(self._parts.items())

    def get(self, name: str) -> _Part | None:
        found = self._system.find(name)
        return None if found is None else self._parts.get(found.path)

    def need(self, name: str) -> _Part:
        part = self.get(name)
        if part is None:
            raise ArchiveError(f"{self._path} lacks {name[:200]!r}")
        return part

    def document(self, part: _Part) -> bytes:
        return _Window(self._stream, part).read(min(part.size, LARGEST_DOCUMENT + 1))

    def head(self, part: _Part) -> bytes:
        return _Window(self._stream, part).read(4)

    def digest(self, part: _Part) -> Digest:
        window, sink = _Window(self._stream, part), DigestingSink()
        while data := window.read(_PIECE):
            sink.write(data)
        return sink.digest()


def _skip(stream: BinaryIO, size: int) -> None:
    """Past the end is noticed by reading the last byte."""
    stream.seek(size - 1, io.SEEK_CUR)
    if not stream.read(1):
        raise LayerError("it ends inside a file")


def _layout_archive(path: Path, members: _Members, index: _Part) -> Archive:
    names: dict[str, Descriptor] = {}
    for entry in parse_index(members.document(index)).entries:
        if entry.artifact_type:
            continue
        called = entry.annotations.get(CONTAINERD_NAME) or entry.annotations.get(REFERENCE_NAME)
        names.setdefault(called or str(entry.descriptor.digest), entry.descriptor)
    version = read_document(members.document(members.need("oci-layout")), "oci-layout").text("imageLayoutVersion")
    if version.partition(".")[0] != "1":
        raise ArchiveError(f"{path} is an image layout of version {version[:40]!r}, which is unknown")
    blobs = {}
    for name, part in members:
        folder, _, value = name.rpartition("/")
        if folder == "blobs/sha256" and len(value) == 64 and not value.strip("0123456789abcdef"):
            blobs[Digest(value)] = part
    return Archive(path, names, blobs, {})


def _docker_archive(path: Path, members: _Members, described: _Part) -> Archive:
    names: dict[str, Descriptor] = {}
    blobs: dict[Digest, _Part] = {}
    documents: dict[Digest, bytes] = {}
    for fields in read_list(members.document(described), "manifest.json"):
        manifest = _docker_image(path, members, fields, blobs)
        data = manifest.render()
        descriptor = Descriptor(DOCKER_MANIFEST, Digest.of(data), len(data))
        documents[descriptor.digest] = data
        for name in fields.texts("RepoTags") or (str(descriptor.digest),):
            names.setdefault(name, descriptor)
    return Archive(path, names, blobs, documents)


def _docker_image(path: Path, members: _Members, fields: Fields, blobs: dict[Digest, _Part]) -> Manifest:
    part = members.need(fields.text("Config"))
    data = members.document(part)
    config = Descriptor(DOCKER_CONFIG, Digest.of(data), part.size)
    blobs[config.digest] = part
    diff_ids, files = parse_config(data).diff_ids, fields.texts("Layers")
    if len(diff_ids) != len(files):
        raise ArchiveError(f"{path} has {len(files)} layers where its configuration names {len(diff_ids)}")
    layers = []
    for diff_id, file in zip(diff_ids, files, strict=True):
        part = members.need(file)
        head = members.head(part)
        media_type = next((kind for magic, kind in _MAGICS.items() if head.startswith(magic)), DOCKER_LAYER)
        digest = diff_id if media_type == DOCKER_LAYER else members.digest(part)
        blobs[digest] = part
        layers.append(Descriptor(media_type, digest, part.size))
    return Manifest(config=config, layers=tuple(layers), media_type=DOCKER_MANIFEST)
