"""What was made once and is used again: entries on disk, shared by every run of careen on a machine.

An entry is a small document, and bytes when there are any, under a key that names everything it was made from. The
bytes are renamed into place first and the document last, so an entry is there whole or not at all, whenever a run is
killed and however many work at once. Whoever makes an entry holds its lock, so that the others wait and find it. ::

    <kind>/ab/abcd….entry    a line {"version", "size", "digest", "time", "document"}, then the document
    <kind>/ab/abcd….blob     the bytes; there while size > 0
    <kind>/ab/abcd….tree/    for the few entries that are folders
    locks/  aside/           entries being made

What is read is verified: a document by its digest, bytes by their size and time of modification, and by their digest
where that time is another than when they were written. What does not hold is made again.
"""

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from careen.blobs.digest import ByteSink, Digest, DigestingSink, digest_of_chunks
from careen.errors import CareenError
from careen.text.values import dataclass

_VERSION = 1
_LARGEST_DOCUMENT = 256 << 20
_PIECE = 1 << 20
_IN_USE_SECONDS = 3600
"""Entries used in the last hour are never collected: a run may be about to open them."""

_LEFT_OVER_SECONDS = 24 * 3600
"""After this time nobody is still writing a file in ``aside``."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class StoreError(CareenError):
    """The store's folder cannot be written or read."""


@dataclass(frozen=True, slots=True)
class EntryKey:
    """``kind`` is a folder of the store; ``digest`` that of everything the entry is made from."""

    kind: str
    digest: Digest

    @classmethod
    def of(cls, kind: str, inputs: Mapping[str, object]) -> "EntryKey":
        """``inputs`` must be plain JSON; the order of their names does not matter."""
        text = json.dumps(inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return cls(kind, Digest.of(text.encode()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``blob`` is there when ``size`` (bytes) is not 0. It may be linked elsewhere, and must not be changed."""

    key: EntryKey
    document: bytes
    blob: Path
    size: int
    digest: Digest


@dataclass(frozen=True, slots=True)
class Collected:
    """So many entries, which take so many bytes."""

    entries: int
    bytes: int


class Store:
    """Safe to use from several threads and processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: EntryKey) -> Entry | None:
        """None when there is no such entry, or it is damaged."""
        place = self._place(key)
        try:
            with place.with_suffix(".entry").open("rb") as stream:
                header, document = _read_entry(stream)
                os.utime(stream.fileno())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            return None  # damaged, and made again by whoever wants it
        entry = Entry(
            key=key,
            document=document,
            blob=place.with_suffix(".blob"),
            size=header.size,
            digest=header.digest,
        )
        return entry if _blob_holds(entry, header.time) else None

    def get_or_make(self, key: EntryKey, make: Callable[[ByteSink], bytes]) -> Entry:
        """``make`` writes the bytes, if any, and gives the document; it is called by one run at a time.

        Raises StoreError, or what ``make`` raises; then nothing is kept.
        """
        found = self.get(key)
        if found is not None:
            return found
        with _named_errors(self.folder), self._locked(key):
            found = self.get(key)
            if found is not None:
                return found
            return self._make(key, make)

    def tree(self, key: EntryKey, make: Callable[[Path], None]) -> Path:
        """A folder that ``make`` fills. It holds as long as its files are as many, and as large, as they were made."""
        tree = self._place(key).with_suffix(".tree")

        def known(entry: Entry | None) -> bool:
            return entry is not None and entry.document == _tree_document(tree)

        if known(self.get(key)):
            return tree
        with _named_errors(self.folder), self._locked(key):
            if known(self.get(key)):
                return tree
            with self.scratch() as aside:
                made = aside / "tree"
                made.mkdir()
                make(made)
                if tree.exists():
                    tree.rename(aside / "damaged")
                tree.parent.mkdir(parents=True, exist_ok=True)
                made.rename(tree)
                document = _tree_document(tree)
            self._make(key, lambda _: document)
        return tree

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder on the store's file system, for this block only."""
        with (
            _named_errors(self.folder),
            tempfile.TemporaryDirectory(dir=self._folder("aside"), prefix="folder-") as name,
        ):
            yield Path(name)

    def weights(self) -> Mapping[str, Collected]:
        """Entries and bytes there are of each kind."""
        found: dict[str, Collected] = {}
        for _, size, place in self._weighed():
            kind = place.parent.parent.name
            before = found.get(kind, Collected(0, 0))
            found[kind] = Collected(before.entries + 1, before.bytes + size)
        return found

    def collect(self, *, now: float, keep_for: float, keep_bytes: int) -> Collected:
        """Forgets what was not used for ``keep_for`` seconds, then the longest unused until it weighs ``keep_bytes``.

        ``now`` is in seconds since 1970.
        """
        found = sorted(self._weighed())
        total = sum(size for _, size, _ in found)
        gone = [0, 0]
        for used, size, place in found:
            if now - used < _IN_USE_SECONDS or (now - used <= keep_for and total <= keep_bytes):
                continue
            place.unlink(missing_ok=True)
            place.with_suffix(".blob").unlink(missing_ok=True)
            if place.with_suffix(".tree").exists():
                _remove_tree(place.with_suffix(".tree"))
            total -= size
            gone[0] += 1
            gone[1] += size
        self._sweep(now)
        return Collected(*gone)

    def _weighed(self) -> Iterator[tuple[float, int, Path]]:
        """When it was last used, bytes, and place of every entry."""
        for place in self.folder.glob("*/??/*.entry"):
            with contextlib.suppress(FileNotFoundError):
                status = place.stat()
                blob = place.with_suffix(".blob")
                size = blob.stat().st_size if blob.exists() else 0
                size += sum(length for _, length in _tree_files(place.with_suffix(".tree")))
                yield status.st_mtime, status.st_size + size, place

    def _sweep(self, now: float) -> None:
        """What killed runs left, and locks that nobody holds."""
        for pattern in ("aside/*", "locks/*", "*/??/*.blob", "*/??/*.tree"):
            for left in self.folder.glob(pattern):
                with contextlib.suppress(OSError):
                    if left.suffix in {".blob", ".tree"} and left.with_suffix(".entry").exists():
                        continue
                    if now - left.stat().st_mtime > _LEFT_OVER_SECONDS:
                        if left.is_dir():
                            _remove_tree(left)
                        else:
                            left.unlink()

    def _make(self, key: EntryKey, make: Callable[[ByteSink], bytes]) -> Entry:
        place = self._place(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        blob = place.with_suffix(".blob")
        with self._aside() as (aside, stream):
            sink = DigestingSink(stream)
            document = make(sink)
            stream.flush()
            moment = os.fstat(stream.fileno()).st_mtime_ns
            if sink.size:
                aside.replace(blob)
        digest = sink.digest()
        header = {
            "version": _VERSION,
            "size": sink.size,
            "digest": str(digest),
            "time": moment,
            "document": str(Digest.of(document)),
        }
        with self._aside() as (aside, stream):
            stream.write(json.dumps(header, separators=(",", ":")).encode() + b"\n" + document)
            stream.flush()
            aside.replace(place.with_suffix(".entry"))
        return Entry(key=key, document=document, blob=blob, size=sink.size, digest=digest)

    def _place(self, key: EntryKey) -> Path:
        return self.folder / key.kind / key.digest.hex[:2] / key.digest.hex

    def _folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def _aside(self) -> Iterator[tuple[Path, IO[bytes]]]:
        descriptor, name = tempfile.mkstemp(dir=self._folder("aside"))
        aside = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                os.fchmod(stream.fileno(), 0o644)
                yield aside, stream
        finally:
            aside.unlink(missing_ok=True)

    @contextmanager
    def _locked(self, key: EntryKey) -> Iterator[None]:
        from filelock import FileLock  # noqa: PLC0415 - a run that finds everything needs no lock

        place = self._folder("locks") / f"{key.kind}-{key.digest.hex}"
        with FileLock(place, thread_local=False, poll_interval=0.01):
            yield


@dataclass(frozen=True, slots=True)
class _Header:
    size: int
    digest: Digest
    time: int


def _read_entry(stream: IO[bytes]) -> tuple[_Header, bytes]:
    """Raises ValueError, KeyError or TypeError for anything but an entry of this version."""
    fields = json.loads(stream.readline(4096))
    if fields["version"] != _VERSION:
        raise ValueError(fields["version"])
    document = stream.read(_LARGEST_DOCUMENT)
    if str(Digest.of(document)) != fields["document"]:
        raise ValueError(fields["document"])
    return _Header(int(fields["size"]), Digest.parse(fields["digest"]), int(fields["time"])), document


def _blob_holds(entry: Entry, moment: int) -> bool:
    if entry.size == 0:
        return True
    try:
        status = entry.blob.stat()
        if status.st_size != entry.size:
            return False
        if status.st_mtime_ns == moment:
            return True
        with entry.blob.open("rb") as stream:  # restored from somewhere, or changed
            return digest_of_chunks(iter(lambda: stream.read(_PIECE), b"")) == entry.digest
    except OSError:
        return False


def _tree_files(tree: Path) -> Iterator[tuple[str, int]]:
    for folder, _, names in os.walk(tree):
        for name in names:
            path = Path(folder, name)
            yield str(path.relative_to(tree)), path.lstat().st_size


def _tree_document(tree: Path) -> bytes:
    return json.dumps(sorted(_tree_files(tree))).encode()


def _remove_tree(tree: Path) -> None:
    import shutil  # noqa: PLC0415 - seldom wanted

    shutil.rmtree(tree, ignore_errors=True)


@contextmanager
def _named_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreError(
                f"there is no space left for the store in {folder}",
                hints=("free some space, or name another folder for the store",),
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StoreError(f"the store in {folder} cannot be written: {error.strerror}") from error
        raise
