"""What an image holds, listed or laid out on disk; both ways by the same reading of its layers."""

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Self

from careen.blobs.digest import Descriptor, Digest, DigestMismatchError
from careen.errors import CareenError
from careen.oci.decompress import LARGEST_LAYER, LayerError, LayerStream
from careen.oci.filesystem import Change, FileSystem, ImageFile
from careen.oci.images import Images, read_config
from careen.oci.layer_entries import EntryKind, LayerEntries, LayerEntry
from careen.oci.manifest import Manifest
from careen.oci.media_types import is_foreign_layer
from careen.text.values import dataclass

_LARGEST_KEPT = 64 << 20
_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CAPABILITIES = "security.capability"


class UnpackError(CareenError):
    """An image cannot be laid out in a folder."""


class Specials(Enum):
    """What becomes of devices and named pipes; making devices takes root."""

    REFUSE = "refuse"
    SKIP = "skip"
    MAKE = "make"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpackSettings:
    """``owners`` gives files their owners and capabilities, which takes root; without it they are the caller's, and
    folders stay open to him. ``largest`` bounds the bytes of all layers together, unpacked.
    """

    owners: bool = False
    specials: Specials = Specials.REFUSE
    largest: int = LARGEST_LAYER


@dataclass(frozen=True, slots=True)
class ReadImage:
    """The finished file system, and the content of those files that were asked for, by their real paths."""

    file_system: FileSystem
    contents: dict[str, bytes]


def image_files(images: Images, manifest: Manifest) -> tuple[ImageFile, ...]:
    """Everything in the image, sorted by path, whiteouts applied. Raises LayerError, DigestMismatchError."""
    return read_files(images, manifest, lambda _: False).file_system.files()


def read_files(
    images: Images, manifest: Manifest, wanted: Callable[[str], bool], *, largest: int = LARGEST_LAYER
) -> ReadImage:
    """Lists the image and keeps the content of wanted files; at most 64 MiB in all.

    ``wanted`` gets paths as layers name them. Raises LayerError, DigestMismatchError.
    """
    system = FileSystem()
    contents: dict[str, bytes] = {}
    kept = 0

    def visit(layer: int, entry: LayerEntry, entries: LayerEntries) -> None:
        nonlocal kept
        change = system.apply(entry, layer)
        for path, _ in change.removed:
            contents.pop(path, None)
        if change.placed is None:
            return
        if change.source in contents:
            contents[change.placed] = contents[change.source]
        elif entry.kind is EntryKind.FILE and wanted(entry.path):
            kept += entry.size
            if kept > _LARGEST_KEPT:
                raise LayerError(f"{entry.path[:120]!r} is larger than what may be looked into")
            contents[change.placed] = b"".join(entries.content())

    _visit(images, manifest, largest, visit)
    return ReadImage(system, contents)


def layer_entries(images: Images, layer: Descriptor) -> Iterator[LayerEntry]:
    """What one layer says, whiteouts and replaced files included. Raises LayerError, DigestMismatchError."""
    with open_layer(images, layer) as entries:
        yield from entries


def unpack(images: Images, manifest: Manifest, root: Path, settings: UnpackSettings | None = None) -> FileSystem:
    """Lays the image out in ``root``, which must be empty or missing.

    Files keep their setuid bits, so the folder above should be closed to others. What was written before an error
    stays. Raises UnpackError, LayerError, DigestMismatchError.
    """
    settings = settings or UnpackSettings()
    if root.is_symlink() or (root.exists() and any(root.iterdir())):
        raise UnpackError(f"{root} is not empty")
    root.mkdir(parents=True, exist_ok=True)
    system = FileSystem()
    with _Disk(root, settings) as disk:

        def visit(layer: int, entry: LayerEntry, entries: LayerEntries) -> None:
            passed_over = _is_special(entry) and settings.specials is not Specials.MAKE
            if passed_over and settings.specials is Specials.REFUSE:
                raise UnpackError(f"the image has a {entry.kind.value}: {entry.path[:120]!r}")
            change = system.apply(entry, layer)
            try:
                disk.apply(change, entry, entries.content(), passed_over=passed_over)
            except OSError as error:
                raise UnpackError(f"{entry.path[:120]!r} cannot be written: {error.strerror}") from error

        _visit(images, manifest, settings.largest, visit)
        try:
            disk.finish(system)
        except OSError as error:
            raise UnpackError(f"the rights of a folder cannot be set: {error.strerror}") from error
    return system


@contextmanager
def open_layer(
    images: Images, layer: Descriptor, *, diff_id: Digest | None = None, limit: int = LARGEST_LAYER
) -> Iterator[LayerEntries]:
    """Left without an error, it has been read to its end and is what descriptor and ``diff_id`` promise."""
    with _layer_stream(images, layer, diff_id, limit) as stream:
        yield LayerEntries(stream.read)


@contextmanager
def _layer_stream(images: Images, layer: Descriptor, diff_id: Digest | None, limit: int) -> Iterator[LayerStream]:
    if is_foreign_layer(layer.media_type):
        raise LayerError(f"the layer {layer.digest} is kept outside of registries: {layer.media_type}")
    try:
        with images.open_blob(layer) as packed:
            stream = LayerStream(packed, limit=limit, verified=layer.digest)
            yield stream
            stream.drain()
            while packed.read(1 << 20):
                pass
    except LayerError as error:
        raise LayerError(f"the layer {layer.digest} cannot be read: {error.message}", hints=error.hints) from error
    if diff_id is not None and stream.digest() != diff_id:
        raise DigestMismatchError(f"the layer {layer.digest} unpacks to {stream.digest()} instead of {diff_id}")


def _visit(
    images: Images, manifest: Manifest, limit: int, visit: Callable[[int, LayerEntry, LayerEntries], None]
) -> None:
    """``limit`` bounds all layers together."""
    diff_ids = read_config(images, manifest).diff_ids
    if len(diff_ids) != len(manifest.layers):
        raise LayerError(f"the image has {len(manifest.layers)} layers and names {len(diff_ids)}")
    for layer, (descriptor, diff_id) in enumerate(zip(manifest.layers, diff_ids, strict=True)):
        with _layer_stream(images, descriptor, diff_id, limit) as stream:
            entries = LayerEntries(stream.read)
            for entry in entries:
                visit(layer, entry, entries)
        limit -= stream.size


def _is_special(entry: LayerEntry) -> bool:
    return entry.kind in (EntryKind.CHARACTER_DEVICE, EntryKind.BLOCK_DEVICE, EntryKind.PIPE)


class _Disk:
    """Does to a folder what was done to the file system.

    Paths are real ones, free of links, and every step down opens the next folder as a folder: a name that a strange
    file system takes for another one is an error, not a way out.
    """

    def __init__(self, root: Path, settings: UnpackSettings) -> None:
        self._settings = settings
        self._root = os.open(root, _FOLDER_FLAGS)
        self._open: tuple[str, int] | None = None
        self._skipped: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()
        os.close(self._root)

    def apply(self, change: Change, entry: LayerEntry, content: Iterator[bytes], *, passed_over: bool) -> None:
        for path, is_folder in change.removed:
            if path in self._skipped:
                self._skipped.remove(path)
                continue
            name, folder = self._place(path)
            if is_folder:
                self._leave()
                name, folder = self._place(path)
                os.rmdir(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)
        for path in change.made:
            self._make_folder(path)
        if change.placed is None or change.again:
            return
        if passed_over or change.source in self._skipped:
            self._skipped.add(change.placed)
        elif change.source:
            self._link(change.source, change.placed)
        else:
            self._make(change.placed, entry, content)

    def finish(self, system: FileSystem) -> None:
        """Folders get rights and times last, when nothing more is put into them; the deepest first."""
        for file in reversed(system.files()):
            if file.kind is EntryKind.DIRECTORY:
                name, folder = self._place(file.path)
                self._finish_folder(os.open(name, _FOLDER_FLAGS, dir_fd=folder), file)
        self._finish_folder(os.dup(self._root), system.root())

    def _finish_folder(self, handle: int, file: ImageFile) -> None:
        try:
            mode = file.mode
            if self._settings.owners:
                os.chown(handle, file.uid, file.gid)
            else:
                mode |= 0o700
            os.fchmod(handle, mode)
            os.utime(handle, ns=(file.modified, file.modified))
        finally:
            os.close(handle)

    def _make(self, path: str, entry: LayerEntry, content: Iterator[bytes]) -> None:
        name, folder = self._place(path)
        match entry.kind:
            case EntryKind.DIRECTORY:
                os.mkdir(name, 0o700, dir_fd=folder)
            case EntryKind.FILE:
                self._write(name, folder, entry, content)
            case EntryKind.SYMBOLIC_LINK:
                os.symlink(entry.target, name, dir_fd=folder)
                if self._settings.owners:
                    os.chown(name, entry.uid, entry.gid, dir_fd=folder, follow_symlinks=False)
                os.utime(name, ns=(entry.modified, entry.modified), dir_fd=folder, follow_symlinks=False)
            case _:
                self._make_special(name, folder, entry)

    def _write(self, name: str, folder: int, entry: LayerEntry, content: Iterator[bytes]) -> None:
        handle = os.open(name, _FILE_FLAGS, 0o600, dir_fd=folder)
        try:
            for data in content:
                left = memoryview(data)
                while left:
                    left = left[os.write(handle, left) :]
            if self._settings.owners:
                os.chown(handle, entry.uid, entry.gid)
            os.fchmod(handle, entry.mode)  # after chown, which takes the setuid bit away
            if self._settings.owners and _CAPABILITIES in entry.attributes:
                os.setxattr(handle, _CAPABILITIES, entry.attributes[_CAPABILITIES])
            os.utime(handle, ns=(entry.modified, entry.modified))
        finally:
            os.close(handle)

    def _make_special(self, name: str, folder: int, entry: LayerEntry) -> None:
        kind = {EntryKind.PIPE: 0o010000, EntryKind.CHARACTER_DEVICE: 0o020000, EntryKind.BLOCK_DEVICE: 0o060000}
        os.mknod(name, kind[entry.kind] | 0o600, os.makedev(*entry.device), dir_fd=folder)
        if self._settings.owners:
            os.chown(name, entry.uid, entry.gid, dir_fd=folder, follow_symlinks=False)
        os.chmod(name, entry.mode, dir_fd=folder)
        os.utime(name, ns=(entry.modified, entry.modified), dir_fd=folder, follow_symlinks=False)

    def _make_folder(self, path: str) -> None:
        name, folder = self._place(path)
        os.mkdir(name, 0o700, dir_fd=folder)

    def _link(self, source: str, path: str) -> None:
        name, folder = self._place(source)
        with _duplicate(folder) as source_folder:
            new_name, new_folder = self._place(path)
            os.link(name, new_name, src_dir_fd=source_folder, dst_dir_fd=new_folder, follow_symlinks=False)

    def _place(self, path: str) -> tuple[str, int]:
        """The last name of a path and the folder above it, open until the next call."""
        above, _, name = path.rpartition("/")
        if self._open is not None and self._open[0] == above:
            return name, self._open[1]
        self._leave()
        handle = os.dup(self._root)
        for part in above.split("/") if above else ():
            try:
                deeper = os.open(part, _FOLDER_FLAGS, dir_fd=handle)
            finally:
                os.close(handle)
            handle = deeper
        self._open = (above, handle)
        return name, handle

    def _leave(self) -> None:
        if self._open is not None:
            with contextlib.suppress(OSError):
                os.close(self._open[1])
            self._open = None


@contextmanager
def _duplicate(handle: int) -> Iterator[int]:
    copy = os.dup(handle)
    try:
        yield copy
    finally:
        os.close(copy)
