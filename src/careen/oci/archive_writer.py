"""Writes image archives: docker's, which every docker and podman loads, or a tar of a layout.

The same images give the same bytes: names sorted, times 0.
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from careen.blobs.digest import ByteSink, Descriptor, DigestMismatchError
from careen.oci.decompress import LayerStream
from careen.oci.document import ImageDocumentError, render_document
from careen.oci.images import Images, reachable_from, read_config, read_manifest
from careen.oci.layout import REFERENCE_NAME
from careen.oci.manifest import Index, IndexEntry, Manifest
from careen.oci.media_types import Compression, compression_of
from careen.oci.reference import ImageReference
from careen.oci.tarwriter import END_OF_ARCHIVE, TarHeaders, padding

_PIECE = 1 << 20


def write_docker_archive(images: Images, named: Mapping[ImageReference, Descriptor], target: Path) -> None:
    """Manifests by the references that they are loaded as (the tag counts, ``latest`` when there is none).

    Layers that are packed by zstd are unpacked, for dockers before 23. The file is replaced when it is whole.
    Raises DigestMismatchError, LayerError, ImageDocumentError.
    """
    _write_aside(target, lambda sink: stream_docker_archive(images, named, sink))


def stream_docker_archive(images: Images, named: Mapping[ImageReference, Descriptor], sink: ByteSink) -> None:
    """The archive's bytes, in order; see write_docker_archive."""
    out = _Tar(sink)
    entries: dict[str, tuple[set[str], list[str]]] = {}
    for reference in sorted(named, key=lambda reference: reference.tagged):
        manifest = read_manifest(images, named[reference])
        config = f"{manifest.config.digest.hex}.json"
        tags, _ = entries.setdefault(config, (set(), _add_image(out, images, manifest, config)))
        tags.add(reference.tagged)
    described = [
        {"Config": config, "RepoTags": sorted(tags), "Layers": layers} for config, (tags, layers) in entries.items()
    ]
    out.add("manifest.json", json.dumps(described, sort_keys=True, separators=(",", ":")).encode())
    out.end()


def write_layout_archive(images: Images, named: Mapping[str, Descriptor], target: Path) -> None:
    """A tar of an OCI layout that names these images, manifests or indexes; replaced when it is whole.

    What is attached to them is left out: containerd's clients take every entry of an archive for an image to unpack.
    """
    _write_aside(target, lambda sink: _stream_layout(images, named, sink))


def _stream_layout(images: Images, named: Mapping[str, Descriptor], sink: ByteSink) -> None:
    out = _Tar(sink)
    out.add("oci-layout", render_document({"imageLayoutVersion": "1.0.0"}))
    index = Index(
        entries=tuple(IndexEntry(descriptor=named[name], annotations={REFERENCE_NAME: name}) for name in sorted(named))
    )
    out.add("index.json", index.render())
    needed = {found.digest: found for name in sorted(named) for found in reachable_from(images, named[name])}
    for digest in sorted(needed):
        out.copy(f"blobs/sha256/{digest.hex}", images, needed[digest])
    out.end()


def _add_image(out: "_Tar", images: Images, manifest: Manifest, config: str) -> list[str]:
    diff_ids = read_config(images, manifest).diff_ids
    if len(diff_ids) != len(manifest.layers):
        raise ImageDocumentError(f"the image has {len(manifest.layers)} layers and names {len(diff_ids)}")
    layers = []
    for layer, diff_id in zip(manifest.layers, diff_ids, strict=True):
        if compression_of(layer.media_type) is Compression.ZSTD:
            name = f"{diff_id.hex}.tar"
            out.unpack(name, images, layer, Descriptor(layer.media_type, diff_id, 0))
        else:
            name = f"{layer.digest.hex}.tar"
            out.copy(name, images, layer)
        layers.append(name)
    out.copy(config, images, manifest.config)
    return layers


class _Tar:
    """Adds every name once."""

    def __init__(self, sink: ByteSink) -> None:
        self._sink = sink
        self._headers = TarHeaders(0)
        self._there: set[str] = set()

    def add(self, name: str, data: bytes) -> None:
        if self._begin(name, len(data)):
            self._sink.write(data + padding(len(data)))

    def copy(self, name: str, images: Images, descriptor: Descriptor) -> None:
        if self._begin(name, descriptor.size):
            with images.open_blob(descriptor) as blob:
                while data := blob.read(_PIECE):
                    self._sink.write(data)
            self._sink.write(padding(descriptor.size))

    def unpack(self, name: str, images: Images, layer: Descriptor, promised: Descriptor) -> None:
        """A layer's size is known only when it has been unpacked, which is why it is unpacked beside first."""
        if name in self._there:
            return
        with images.open_blob(layer) as blob, tempfile.TemporaryFile() as beside:
            stream = LayerStream(blob)
            while data := stream.read(_PIECE):
                beside.write(data)
            if stream.digest() != promised.digest:
                raise DigestMismatchError(f"the layer {layer.digest} unpacks to {stream.digest()}")
            beside.seek(0)
            self._begin(name, stream.size)
            while data := beside.read(_PIECE):
                self._sink.write(data)
            self._sink.write(padding(stream.size))

    def end(self) -> None:
        self._sink.write(END_OF_ARCHIVE)

    def _begin(self, name: str, size: int) -> bool:
        if name in self._there:
            return False
        self._there.add(name)
        self._sink.write(self._headers.file(name, size))
        return True


def _write_aside(target: Path, write: Callable[[ByteSink], None]) -> None:
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".new-", delete=False) as aside:
        path = Path(aside.name)
        try:
            write(aside)
            aside.flush()
            path.chmod(0o644)
            path.replace(target)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
