"""The content of unpacked layers, kept from one proof to the next: unpacking is most of what a proof writes.

    <state>/layers/<digest>-<uid>/listing     what the layer says, a line of JSON for each entry
    <state>/layers/<digest>-<uid>/<number>    the content of the entry with that number

Contents are in numbered files, so no name of a layer is used here. Setuid and setgid bits stay off this disk (they are
judged from the entries). Runs share a lock while they use layers; whoever gets it alone may throw old ones away.
"""

import base64
import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from careen.blobs.digest import Descriptor, Digest
from careen.errors import CareenError
from careen.oci.layer_entries import EntryKind, LayerEntry
from careen.oci.layout import Layout
from careen.oci.unpack import open_layer
from careen.text.values import dataclass

_FORMAT = 1
_LISTING = "listing"
_SPARED_BYTES = 500_000_000
"""What unpacking leaves free on the disk."""
_KEPT_SECONDS = 3 * 86_400.0
_MOST_KEPT_BYTES = 8_000_000_000
_PIECE = 1 << 20


class NoRoomError(CareenError):
    """The disk would be filled by unpacking."""


@dataclass(frozen=True, slots=True)
class UnpackedEntry:
    """An entry, and where its content is when it has any."""

    entry: LayerEntry
    content: Path | None


class LayerFolder:
    """Unpacked layers below one folder. Use it within :meth:`shared`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._room = _Room(shutil.disk_usage(folder).free - _SPARED_BYTES)

    @contextmanager
    def shared(self) -> Iterator[None]:
        """While this lasts nobody throws a layer away."""
        handle = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._throw_away()
            except BlockingIOError:
                pass  # another run is at work; a later one will tidy up
            fcntl.flock(handle, fcntl.LOCK_SH)
            yield
        finally:
            os.close(handle)

    def unpack(self, layout: Layout, layer: Descriptor, diff_id: Digest) -> Sequence[UnpackedEntry]:
        """The blob is verified in any case. Raises NoRoomError, LayerError, DigestMismatchError."""
        place = self._folder / f"{layer.digest.hex}-v{_FORMAT}-{os.geteuid()}"
        if (place / _LISTING).is_file():
            with layout.open_blob(layer) as blob:
                blob.drain()
            os.utime(place)
            return tuple(_read_listing(place))
        aside = Path(tempfile.mkdtemp(prefix=".new-", dir=self._folder))
        try:
            self._write(layout, layer, diff_id, aside)
            try:
                aside.rename(place)
            except OSError:
                if not (place / _LISTING).is_file():
                    raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return tuple(_read_listing(place))

    def _write(self, layout: Layout, layer: Descriptor, diff_id: Digest, aside: Path) -> None:
        owners = os.geteuid() == 0
        with (aside / _LISTING).open("w") as listing, open_layer(layout, layer, diff_id=diff_id) as entries:
            for number, entry in enumerate(entries):
                if entry.kind is EntryKind.FILE:
                    self._room.take(entry.size)
                    _write_content(aside / str(number), entry, entries.content(), owners=owners)
                listing.write(json.dumps(_row(entry)) + "\n")

    def _throw_away(self) -> None:
        kept: list[tuple[float, int, Path]] = []
        for place in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # somebody may empty the cache just now
                if not place.is_dir():
                    continue
                used = place.stat().st_mtime
                if place.name.startswith(".new-") or time.time() - used > _KEPT_SECONDS:
                    shutil.rmtree(place, ignore_errors=True)
                else:
                    kept.append((used, sum(file.stat().st_size for file in os.scandir(place)), place))
        total = sum(size for _, size, _ in kept)
        for _, size, place in sorted(kept):
            if total <= _MOST_KEPT_BYTES:
                break
            shutil.rmtree(place, ignore_errors=True)
            total -= size


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


def _write_content(path: Path, entry: LayerEntry, pieces: Iterator[bytes], *, owners: bool) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        for data in pieces:
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


def _row(entry: LayerEntry) -> list[object]:
    attributes = {name: base64.b64encode(value).decode() for name, value in entry.attributes.items()}
    kind = entry.kind.value
    return [entry.path, kind, entry.mode, entry.uid, entry.gid, entry.size, entry.target, entry.modified, attributes]


def _read_listing(place: Path) -> Iterator[UnpackedEntry]:
    with (place / _LISTING).open() as listing:
        for number, line in enumerate(listing):
            path, kind, mode, uid, gid, size, target, modified, attributes = json.loads(line)
            entry = LayerEntry(
                path=path,
                kind=EntryKind(kind),
                mode=mode,
                uid=uid,
                gid=gid,
                size=size,
                target=target,
                modified=modified,
                attributes={name: base64.b64decode(value) for name, value in attributes.items()},
            )
            yield UnpackedEntry(entry, place / str(number) if entry.kind is EntryKind.FILE else None)
