"""A segment: what one distribution, or one other source, adds to a layer, packed and kept for good.

Its entries stand in the order of their paths. Folders are not among them: which of them a layer needs is known when
its segments are, so a layer begins with its folders, each once, and its segments follow.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from typing import Any, Protocol

from careen.blobs.digest import ByteSink, Digest
from careen.blobs.elf import ElfError, Linkage, is_elf, read_linkage
from careen.blobs.elf_streams import streamed_linkage
from careen.blobs.store import Entry, EntryKey, Store
from careen.oci.layer import PIECE_BYTES, Packer, Part, PartWriter, Piece
from careen.oci.tarwriter import TarHeaders, padding
from careen.text.values import dataclass

FORMAT = 3
"""Raised when the same inputs give other bytes, so that what is kept is not taken for them."""

_LARGEST_IN_MEMORY = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file or link. ``content`` is all of it, or gives its pieces; ``target`` is set for links alone."""

    path: str
    size: int = 0
    mode: int = 0o644
    content: bytes | Callable[[], Iterable[bytes]] = b""
    target: str | None = None
    digest: Digest | None = None
    is_bytecode: bool = False


@dataclass(frozen=True, slots=True)
class Folder:
    """``owner`` is user and group."""

    path: str
    mode: int = 0o755
    owner: int = 0


@dataclass(frozen=True, slots=True)
class FileFact:
    """``digest`` is None where nobody compares it: links, and the file that lists the others."""

    path: str
    size: int
    digest: str | None


@dataclass(frozen=True, slots=True)
class Native:
    """A program or library for the dynamic linker, by its path in the image."""

    path: str
    linkage: Linkage


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """``bytes`` is the sum of its regular files, of which ``bytecode_bytes`` are compiled modules."""

    key: EntryKey
    what: str
    part: Part
    folders: tuple[Folder, ...]
    files: tuple[FileFact, ...]
    natives: tuple[Native, ...]
    bytes: int
    bytecode_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Members sorted by path, and the folders that are more than parents of members, or differ from 0755 root."""

    what: str
    members: Iterable[Member]
    folders: tuple[Folder, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentMaker:
    """Makes segments, or finds them. Safe to use from several threads; ``pool`` packs for all of them."""

    store: Store
    packer: Packer
    pool: ThreadPoolExecutor
    epoch: int

    def key(self, kind: str, inputs: Mapping[str, object]) -> EntryKey:
        common = {"format": FORMAT, "packer": self.packer.name, "piece": PIECE_BYTES, "epoch": self.epoch}
        return EntryKey.of("segment", {**common, "kind": kind, "inputs": dict(inputs)})

    def has(self, key: EntryKey) -> bool:
        return self.store.get(key) is not None

    def find(self, key: EntryKey) -> Segment | None:
        entry = self.store.get(key)
        return None if entry is None else _read(entry)

    def get_or_make(self, key: EntryKey, contents: Callable[[], Contents]) -> Segment:
        """``contents`` is called when there is no such segment yet."""
        return _read(self.store.get_or_make(key, lambda sink: self._write(sink, contents())))

    def _write(self, sink: ByteSink, contents: Contents) -> bytes:
        writing = _Writing(PartWriter(sink, self.packer, self.pool, copies=True), TarHeaders(self.epoch))
        for member in contents.members:
            writing.add(member)
        writing.part.finish()
        document = {
            "what": contents.what,
            "tar_bytes": writing.part.size,
            "pieces": [[piece.packed, piece.check, piece.copy] for piece in writing.part.pieces],
            "folders": [[folder.path, folder.mode, folder.owner] for folder in contents.folders],
            "files": writing.files,
            "natives": writing.natives,
            "bytes": writing.file_bytes,
            "bytecode_bytes": writing.bytecode_bytes,
        }
        return json.dumps(document, separators=(",", ":")).encode()


@dataclass(slots=True)
class _Writing:
    part: PartWriter
    headers: TarHeaders
    files: list[tuple[str, int, str | None]] = field(default_factory=list)
    natives: list[list[object]] = field(default_factory=list)
    file_bytes: int = 0
    bytecode_bytes: int = 0

    def add(self, member: Member) -> None:
        if member.target is not None:
            self.part.write(self.headers.symlink(member.path, member.target))
            self.files.append((member.path, 0, None))
            return
        self.part.write(self.headers.file(member.path, member.size, mode=member.mode))
        if not isinstance(member.content, bytes) and member.size > _LARGEST_IN_MEMORY:
            self._add_large(member, member.content)
        else:
            data = member.content if isinstance(member.content, bytes) else b"".join(member.content())
            self._note_native(member.path, _linkage(data))
            self.part.write(data)
        self.part.write(padding(member.size))
        self.files.append((member.path, member.size, member.digest.hex if member.digest is not None else None))
        self.file_bytes += member.size
        if member.is_bytecode:
            self.bytecode_bytes += member.size

    def _add_large(self, member: Member, content: Callable[[], Iterable[bytes]]) -> None:
        self._note_native(member.path, streamed_linkage(member.size, self._written(content()), content))

    def _written(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.part.write(piece)
            yield piece

    def _note_native(self, path: str, found: Linkage | None) -> None:
        if found is not None:
            self.natives.append(native_document(Native(path, found)))


class Recipe(Protocol):
    """Something that a segment can be made from. ``weight`` is in bytes, by and large."""

    @property
    def what(self) -> str: ...

    @property
    def weight(self) -> int: ...

    def key(self, maker: SegmentMaker, /) -> EntryKey: ...

    def fetch(self) -> None:
        """Brings what is needed to this machine."""

    def segment(self, maker: SegmentMaker, /, *, without: frozenset[str] = frozenset()) -> Segment:
        """Found or made. ``without`` names paths that another source of the layer has already."""
        ...


def _linkage(data: bytes) -> Linkage | None:
    if not is_elf(data):
        return None
    try:
        return read_linkage(data)
    except ElfError:
        return None  # test data of a package, or a damaged file: the linker would refuse it as well


def native_document(native: Native) -> list[object]:
    found = native.linkage
    return [native.path, found.machine, found.needed, found.soname, found.search, found.interpreter]


def native_of(fields: list[Any]) -> Native:
    """Turns around :func:`native_document`."""
    path, machine, needed, soname, search, interpreter = fields
    linkage = Linkage(
        machine=machine, needed=tuple(needed), soname=soname, search=tuple(search), interpreter=interpreter
    )
    return Native(path, linkage)


def _read(entry: Entry) -> Segment:
    document = json.loads(entry.document)
    return Segment(
        key=entry.key,
        what=document["what"],
        part=Part(entry.blob, tuple(Piece(*fields) for fields in document["pieces"]), document["tar_bytes"]),
        folders=tuple(Folder(*fields) for fields in document["folders"]),
        files=tuple(FileFact(*fields) for fields in document["files"]),
        natives=tuple(native_of(fields) for fields in document["natives"]),
        bytes=document["bytes"],
        bytecode_bytes=document["bytecode_bytes"],
    )
