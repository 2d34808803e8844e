"""Root file systems on this disk: unpacked layers, put together by hard links.

Names of a layer are used only as :class:`FileSystem` has resolved them: links followed, never out of the root.
"""

import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from careen.blobs.digest import Descriptor, Digest
from careen.oci.config import ImageConfig
from careen.oci.filesystem import Change, FileSystem, ImageFile
from careen.oci.layer_entries import EntryKind
from careen.oci.layout import Layout
from careen.platforms import Platform
from careen.progress import Progress, Step
from careen.prove.layers import LayerFolder, UnpackedEntry
from careen.text.values import dataclass

_SPECIAL = frozenset({EntryKind.CHARACTER_DEVICE, EntryKind.BLOCK_DEVICE, EntryKind.PIPE})


@dataclass(frozen=True, kw_only=True)
class ImageOnDisk:
    """An image ready to run. ``root`` is its file system: files shared with other images, folders its own."""

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
    folder: Path, names: Sequence[str], platform: Platform, into: Path, layers: LayerFolder, progress: Progress
) -> Mapping[str, ImageOnDisk]:
    """Each named image of a layout below ``into``. Raises NoRoomError, or what reading a layout raises."""
    layout = Layout.open(folder)
    manifests = {name: layout.image(name, platform) for name in names}
    configs = {name: layout.config(layout.manifest(manifest)) for name, manifest in manifests.items()}
    stacks = {name: layout.manifest(manifest).layers for name, manifest in manifests.items()}
    unique = {
        layer.digest: (layer, diff_id)
        for name, stack in stacks.items()
        for layer, diff_id in zip(stack, configs[name].diff_ids, strict=True)
    }
    progress(Step("unpacking layers", 0, len(unique)))
    unpacked: dict[Digest, Sequence[UnpackedEntry]] = {}
    # The largest first, so that none is left to one processor at the end.
    ordered = sorted(unique.values(), key=lambda item: -item[0].size)
    into.mkdir(mode=0o700)
    with layers.shared():
        with ThreadPoolExecutor(max_workers=2) as pool:
            for (layer, _), entries in zip(
                ordered, pool.map(lambda item: layers.unpack(layout, *item), ordered), strict=True
            ):
                unpacked[layer.digest] = entries
                progress(Step("unpacking layers", len(unpacked), len(unique)))
        with ThreadPoolExecutor(max_workers=2) as pool:
            built = pool.map(
                lambda name: _put_together([unpacked[layer.digest] for layer in stacks[name]], into / name), manifests
            )
            return {
                name: ImageOnDisk(
                    name=name,
                    layout=folder,
                    manifest=manifests[name],
                    config=configs[name],
                    file_system=file_system,
                    root=into / name,
                )
                for name, file_system in zip(manifests, built, strict=True)
            }


def private_copy(image: ImageOnDisk, root: Path) -> ImageOnDisk:
    """With files that nobody shares, so that they may be written to."""
    shutil.copytree(image.root, root, symlinks=True)
    for file in image.files:
        if os.geteuid() == 0 and (file.uid or file.gid):
            os.chown(root / file.path, file.uid, file.gid, follow_symlinks=False)
    return replace(image, root=root)


def make_mount_point(image: ImageOnDisk, target: PurePosixPath, *, folder: bool) -> None:
    """So that something can be mounted there. The image's own files are left as they are."""
    path = image.root / image.file_system.resolve(str(target))
    (path if folder else path.parent).mkdir(parents=True, exist_ok=True)
    if not folder and not path.exists():
        path.touch()


def _put_together(layers: Sequence[Sequence[UnpackedEntry]], root: Path) -> FileSystem:
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
                skipped.add(change.placed)  # no device of an image gets onto this machine's disk
            else:
                _place(root, change, unpacked)
    _finish_folders(system, root)
    return system


def _place(root: Path, change: Change, unpacked: UnpackedEntry) -> None:
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
