"""Root file systems on this disk: the content of each layer written once, each image put together by hard links.

Layers are hostile. Contents go into numbered files, so no name of a layer is used while unpacking; names are used only
for the finished file system, where :class:`FileSystem` has followed every link. Devices are not made, setuid and
setgid bits stay off this disk (they are judged from the layer's entries), and the space is bounded.
"""

import os
import shutil
import stat
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from careen.blobs.digest import Descriptor, Digest
from careen.errors import CareenError
from careen.oci.config import ImageConfig
from careen.oci.filesystem import Change, FileSystem, ImageFile
from careen.oci.layer_entries import EntryKind, LayerEntry
from careen.oci.layout import Layout
from careen.oci.unpack import open_layer
from careen.platforms import Platform
from careen.progress import Progress, Step

_SPARED_BYTES = 500_000_000
"""What unpacking leaves free on the disk."""
_SPECIAL = frozenset({EntryKind.CHARACTER_DEVICE, EntryKind.BLOCK_DEVICE, EntryKind.PIPE})


class NoRoomError(CareenError):
    """The disk would be filled by unpacking."""


@dataclass(frozen=True, kw_only=True)
class ImageOnDisk:
    """An image ready to run. ``root`` is its file system: the files shared with other images, the folders its own."""

    name: str
    layout: Path
    manifest: Descriptor
    config: ImageConfig
    file_system: FileSystem
    root: Path

    @cached_property
    def files(self) -> tuple[ImageFile, ...]:
        """Everything in the image, sorted by path."""
        return self.file_system.files()

    @property
    def total_bytes(self) -> int:
        return sum(file.size for file in self.files)

    def read(self, path: str, limit: int) -> bytes:
        """The first ``limit`` bytes of a file of the image; empty when there is none."""
        found = self.file_system.find(path)
        if found is None or found.kind not in (EntryKind.FILE, EntryKind.HARD_LINK):
            return b""
        with (self.root / found.path).open("rb") as stream:
            return stream.read(limit)


def unpack_images(
    folder: Path, names: Sequence[str], platform: Platform, into: Path, progress: Progress
) -> Mapping[str, ImageOnDisk]:
    """Each named image of a layout below ``into``. Raises NoRoomError, or what reading a layout raises."""
    layout = Layout.open(folder)
    manifests = {name: layout.image(name, platform) for name in names}
    configs = {name: layout.config(layout.manifest(manifest)) for name, manifest in manifests.items()}
    stacks = {name: layout.manifest(manifest).layers for name, manifest in manifests.items()}
    unique = {
        layer.digest: (layer, diff_id)
        for name, layers in stacks.items()
        for layer, diff_id in zip(layers, configs[name].diff_ids, strict=True)
    }
    pools = into / "layers"
    pools.mkdir(parents=True)
    room = _Room(shutil.disk_usage(into).free - _SPARED_BYTES)
    progress(Step("unpacking layers", 0, len(unique)))

    def unpack(layer: Descriptor, diff_id: Digest) -> tuple[Digest, tuple[_Unpacked, ...]]:
        return layer.digest, _unpack_layer(layout, layer, diff_id, pools / layer.digest.hex, room)

    unpacked: dict[Digest, tuple[_Unpacked, ...]] = {}
    # The largest first, so that none is left to one processor at the end.
    ordered = sorted(unique.values(), key=lambda item: -item[0].size)
    with ThreadPoolExecutor(max_workers=2) as pool:
        for digest, entries in pool.map(lambda item: unpack(*item), ordered):
            unpacked[digest] = entries
            progress(Step("unpacking layers", len(unpacked), len(unique)))
    images: dict[str, ImageOnDisk] = {}
    for name, manifest in manifests.items():
        root = into / "images" / name
        images[name] = ImageOnDisk(
            name=name,
            layout=folder,
            manifest=manifest,
            config=configs[name],
            file_system=_put_together([unpacked[layer.digest] for layer in stacks[name]], root),
            root=root,
        )
    return images


@dataclass(frozen=True, slots=True)
class _Unpacked:
    """An entry, and where its content is when it has any."""

    entry: LayerEntry
    content: Path | None


class _Room:
    """Bytes that may still be written, over all threads."""

    def __init__(self, free: int) -> None:
        self._left = free
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        with self._lock:
            self._left -= size
            if self._left < 0:
                raise NoRoomError(
                    "the images do not fit on this disk", hints=("free some space, or point careen's cache elsewhere",)
                )


def _unpack_layer(layout: Layout, layer: Descriptor, diff_id: Digest, pool: Path, room: _Room) -> tuple[_Unpacked, ...]:
    pool.mkdir()
    owners = os.geteuid() == 0
    unpacked: list[_Unpacked] = []
    with open_layer(layout, layer, diff_id=diff_id) as entries:
        for entry in entries:
            content = None
            if entry.kind is EntryKind.FILE:
                room.take(entry.size)
                content = pool / str(len(unpacked))
                handle = os.open(content, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                try:
                    for data in entries.content():
                        left = memoryview(data)
                        while left:
                            left = left[os.write(handle, left) :]
                    if owners and (entry.uid or entry.gid):
                        os.fchown(handle, entry.uid, entry.gid)
                    os.fchmod(handle, entry.mode & 0o777)
                    # A timestamp that a .pyc was compiled for must still be its source's.
                    os.utime(handle, ns=(entry.modified, entry.modified))
                finally:
                    os.close(handle)
            unpacked.append(_Unpacked(entry, content))
    return tuple(unpacked)


def _put_together(layers: Sequence[Sequence[_Unpacked]], root: Path) -> FileSystem:
    system = FileSystem()
    root.mkdir(parents=True)
    skipped: set[str] = set()
    for number, layer in enumerate(layers):
        for unpacked in layer:
            change = system.apply(unpacked.entry, number)
            for path, is_folder in change.removed:
                if path in skipped:
                    skipped.discard(path)
                elif is_folder:
                    (root / path).rmdir()
                else:
                    (root / path).unlink()
            for path in change.made:
                (root / path).mkdir()
            if change.placed is None or change.again:
                continue
            if unpacked.entry.kind in _SPECIAL or change.source in skipped:
                skipped.add(change.placed)
            else:
                _place(root, change, unpacked)
    _finish_folders(system, root)
    return system


def _place(root: Path, change: Change, unpacked: _Unpacked) -> None:
    target = os.path.join(root, change.placed or "")  # noqa: PTH118 - ten thousand times
    if change.source:
        os.link(root / change.source, target, follow_symlinks=False)
    elif unpacked.content is not None:
        os.link(unpacked.content, target)
    elif unpacked.entry.kind is EntryKind.DIRECTORY:
        os.mkdir(target)  # noqa: PTH102 - ten thousand times
    elif unpacked.entry.kind is EntryKind.SYMBOLIC_LINK:
        os.symlink(unpacked.entry.target, target)  # noqa: PTH211 - ten thousand times


def _finish_folders(system: FileSystem, root: Path) -> None:
    """Last, when nothing more is put into them. Folders stay open to whoever unpacks."""
    owners = os.geteuid() == 0
    for file in system.files():
        if file.kind is EntryKind.DIRECTORY:
            path = root / file.path
            if owners and (file.uid or file.gid):
                os.chown(path, file.uid, file.gid)
            path.chmod(file.mode & (0o777 | stat.S_ISVTX) | (0 if owners else stat.S_IRWXU))
