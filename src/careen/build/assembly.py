"""From segments to layers. A layer whose segments are known, in their order, is known: none of them is opened."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from pathlib import Path

from careen.blobs.digest import ByteSink, Digest
from careen.blobs.store import Entry, EntryKey, Store
from careen.build.segment import FORMAT, Folder, Native, Segment, native_document, native_of
from careen.errors import CareenError
from careen.oci.layer import Packer, join_parts
from careen.oci.tarwriter import TarHeaders
from careen.text.values import dataclass


class OverlapError(CareenError):
    """Two sources of a layer want a file and a folder in one place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A segment by its key, and how to get it, whole or without some paths."""

    key: EntryKey
    segment: Callable[[frozenset[str]], Segment]


@dataclass(frozen=True, slots=True)
class Share:
    """What one source has of a layer's bytes."""

    what: str
    bytes: int
    bytecode_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """``bytes`` is the sum of its regular files. ``overlaps`` are sentences about files that two sources bring.

    ``media_type`` is told where the layer was packed by others.
    """

    key: EntryKey
    path: Path
    digest: Digest
    diff_id: Digest
    bytes: int
    packed_bytes: int
    shares: tuple[Share, ...]
    overlaps: tuple[str, ...]
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class LayerContents:
    """``files`` are sizes by path, links among them as 0 bytes."""

    files: Mapping[str, int]
    folders: frozenset[str]
    natives: tuple[Native, ...]


@dataclass(frozen=True, slots=True)
class Assembler:
    store: Store
    packer: Packer
    pool: ThreadPoolExecutor
    epoch: int
    _read_contents: dict[Digest, LayerContents] = field(default_factory=dict, compare=False, repr=False)

    def layer(self, pieces: Sequence[Piece]) -> Layer:
        keys = [piece.key for piece in pieces]

        def make(sink: ByteSink) -> bytes:
            joined = _joined(pieces)
            document = self._write(sink, joined)
            self.store.get_or_make(self._contents_key(keys), lambda _: joined.contents_document())
            return document

        return _read(self.store.get_or_make(EntryKey.of("layer", self._inputs(keys)), make))

    def contents(self, pieces: Sequence[Piece]) -> LayerContents:
        """What is in the layer; read only by those who ask for it, and once for all services that share it."""
        key = self._contents_key([piece.key for piece in pieces])
        known = self._read_contents.get(key.digest)
        if known is None:
            document = json.loads(self.store.get_or_make(key, lambda _: _joined(pieces).contents_document()).document)
            known = self._read_contents[key.digest] = LayerContents(
                files=dict(document["files"]),
                folders=frozenset(document["folders"]),
                natives=tuple(native_of(fields) for fields in document["natives"]),
            )
        return known

    def _contents_key(self, keys: Sequence[EntryKey]) -> EntryKey:
        return EntryKey.of("contents", self._inputs(keys))

    def has(self, keys: Sequence[EntryKey]) -> bool:
        """Whether the layer of these segments is there, so that none of them is needed."""
        return self.store.get(EntryKey.of("layer", self._inputs(keys))) is not None

    def _inputs(self, keys: Sequence[EntryKey]) -> dict[str, object]:
        return {
            "format": FORMAT,
            "segments": [key.digest.hex for key in keys],
            "packer": self.packer.name,
            "epoch": self.epoch,
        }

    def _write(self, sink: ByteSink, joined: "_Joined") -> bytes:
        headers = TarHeaders(self.epoch)
        head = b"".join(
            headers.folder(folder.path, mode=folder.mode, owner=folder.owner) for folder in joined.all_folders()
        )
        digests = join_parts(head, [segment.part for segment in joined.segments], sink, self.packer, self.pool)
        document = {
            "digest": digests.digest.hex,
            "diff_id": digests.diff_id.hex,
            "bytes": sum(segment.bytes for segment in joined.segments),
            "packed_bytes": digests.packed_bytes,
            "shares": [[segment.what, segment.bytes, segment.bytecode_bytes] for segment in joined.segments],
            "overlaps": joined.overlaps,
        }
        return json.dumps(document, separators=(",", ":")).encode()


def _joined(pieces: Sequence[Piece]) -> "_Joined":
    joined = _Joined()
    for piece in pieces:
        joined.add(piece)
    return joined


@dataclass(slots=True)
class _Joined:
    segments: list[Segment] = field(default_factory=list)
    files: dict[str, tuple[Segment, str | None]] = field(default_factory=dict)
    folders: dict[str, Folder] = field(default_factory=dict)
    overlaps: list[str] = field(default_factory=list)

    def add(self, piece: Piece) -> None:
        """The first source of a path keeps it; the others are packed again without it, which is seldom."""
        segment = piece.segment(frozenset())
        doubled = [file for file in segment.files if file.path in self.files]
        if doubled:
            for file in doubled:
                other, digest = self.files[file.path]
                if digest is None or digest != file.digest:
                    self.overlaps.append(
                        f"{other.what} and {segment.what} both bring /{file.path}; that of {other.what} is in the image"
                    )
            segment = piece.segment(frozenset(file.path for file in doubled))
        self.segments.append(segment)
        for folder in segment.folders:
            self.folders.setdefault(folder.path, folder)
        for file in segment.files:
            self.files[file.path] = (segment, file.digest)

    def contents_document(self) -> bytes:
        document = {
            "files": [[file.path, file.size] for segment in self.segments for file in segment.files],
            "folders": [folder.path for folder in self.all_folders()],
            "natives": [native_document(native) for segment in self.segments for native in segment.natives],
        }
        return json.dumps(document, separators=(",", ":")).encode()

    def all_folders(self) -> list[Folder]:
        """Every folder once, above everything in it."""
        needed = dict(self.folders)
        for path in [*self.files, *self.folders]:
            folder = path.rpartition("/")[0]
            while folder and folder not in needed:
                needed[folder] = Folder(folder)
                folder = folder.rpartition("/")[0]
        for path in needed:
            if path in self.files:
                raise OverlapError(f"{self.files[path][0].what} brings a file where a folder has to be: /{path}")
        return [needed[path] for path in sorted(needed)]


def _read(entry: Entry) -> Layer:
    document = json.loads(entry.document)
    return Layer(
        key=entry.key,
        path=entry.blob,
        digest=Digest(document["digest"]),
        diff_id=Digest(document["diff_id"]),
        bytes=document["bytes"],
        packed_bytes=document["packed_bytes"],
        shares=tuple(Share(*fields) for fields in document["shares"]),
        overlaps=tuple(document["overlaps"]),
    )
