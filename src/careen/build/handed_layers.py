"""Layers that another builder made, packed as careen packs, and what is in them; each is read once, ever."""

import json
from collections.abc import Mapping
from pathlib import Path

from careen.blobs.digest import ByteSink, Descriptor, Digest, DigestMismatchError
from careen.blobs.store import EntryKey, Store
from careen.debian.control import ControlError, read_paragraphs
from careen.oci.decompress import LayerStream
from careen.oci.images import Images
from careen.oci.layer import Packer
from careen.oci.layer_entries import EntryKind, LayerEntries
from careen.oci.media_types import layer_type
from careen.python.names import normal_name
from careen.size.apk import INSTALLED, installed_packages
from careen.text.values import dataclass

_FORMAT = "2"
_PIECE = 4 << 20
_LARGEST_STATUS = 16 << 20
_STATUS = "var/lib/dpkg/status"
_METADATA = ".dist-info/METADATA"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedLayer:
    """``bytes`` is the sum of its regular files, hard links once; versions are by name: of ``distributions`` by the
    folders that describe them, of Debian's or Alpine's ``packages`` by their records. ``packed`` is the file of
    ``descriptor``.
    """

    descriptor: Descriptor
    packed: Path
    diff_id: Digest
    bytes: int
    bytecode_bytes: int
    distributions: Mapping[str, str]
    packages: Mapping[str, str]


def handed_layer(images: Images, layer: Descriptor, diff_id: Digest, store: Store, packer: Packer) -> HandedLayer:
    """Raises LayerError, DigestMismatchError for a layer that is not what its image says."""
    inputs = {"format": _FORMAT, "diff_id": diff_id.hex, "packer": packer.name}
    entry = store.get_or_make(EntryKey.of("handed", inputs), lambda sink: _read(images, layer, diff_id, packer, sink))
    document = json.loads(entry.document)
    return HandedLayer(
        descriptor=Descriptor(layer_type(packer.compression), entry.digest, entry.size),
        packed=entry.blob,
        diff_id=diff_id,
        bytes=document["bytes"],
        bytecode_bytes=document["bytecode_bytes"],
        distributions=document["distributions"],
        packages=document["packages"],
    )


class _Packing:
    """Reads a layer's stream and packs what passes."""

    def __init__(self, stream: LayerStream, packer: Packer, sink: ByteSink) -> None:
        self._stream = stream
        self._packer = packer
        self._sink = sink
        self._waiting: list[bytes] = []
        self._size = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= _PIECE:
            self._flush()
        return data

    def finish(self) -> None:
        while self.read(_PIECE):
            pass
        self._flush()

    def _flush(self) -> None:
        if self._size:
            self._sink.write(self._packer.pack(b"".join(self._waiting)))
        self._waiting, self._size = [], 0


def _read(images: Images, layer: Descriptor, diff_id: Digest, packer: Packer, sink: ByteSink) -> bytes:
    files = bytecode = 0
    distributions: dict[str, str] = {}
    packages: dict[str, str] = {}
    with images.open_blob(layer) as packed:
        stream = LayerStream(packed)
        packing = _Packing(stream, packer, sink)
        entries = LayerEntries(packing.read)
        for entry in entries:
            if entry.kind is not EntryKind.FILE:
                continue
            files += entry.size
            bytecode += entry.size if entry.path.endswith(".pyc") else 0
            if entry.path.endswith(_METADATA):
                name, _, version = entry.path.removesuffix(_METADATA).rpartition("/")[2].partition("-")
                distributions[normal_name(name)] = version
            elif _is_status(entry.path) and entry.size <= _LARGEST_STATUS:
                packages |= _packages(b"".join(entries.content()))
            elif entry.path in INSTALLED and entry.size <= _LARGEST_STATUS:
                text = b"".join(entries.content()).decode("utf-8", "replace")
                packages |= {package.name: package.version for package in installed_packages(text)}
        packing.finish()
        while packed.read(1 << 20):
            pass
    if stream.digest() != diff_id:
        raise DigestMismatchError(f"the layer {layer.digest} unpacks to {stream.digest()} instead of {diff_id}")
    document = {"bytes": files, "bytecode_bytes": bytecode, "distributions": distributions, "packages": packages}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _is_status(path: str) -> bool:
    return path == _STATUS or (path.startswith(f"{_STATUS}.d/") and not path.endswith(".md5sums"))


def _packages(data: bytes) -> Mapping[str, str]:
    """Nothing where the records are damaged: whoever built the image has them as they are."""
    try:
        paragraphs = list(read_paragraphs(data.decode("utf-8", "replace")))
    except ControlError:
        return {}
    return {fields["package"]: fields["version"] for fields in paragraphs if {"package", "version"} <= fields.keys()}
