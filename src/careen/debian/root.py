"""The file system that packages unpack to, merged in memory (hier(7), the merged-/usr layout of Debian 12 and later).

Paths are relative to the root, without a leading slash.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from pathlib import Path
from posixpath import dirname, relpath

from careen.debian.deb import ControlFiles, read_control, read_entries
from careen.debian.packages import BinaryPackage
from careen.debian.tarstream import EntryKind, FileEntry
from careen.errors import CareenError
from careen.text.values import dataclass

MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
_LONGEST_CHAIN = 40
_READERS = 2


class RootError(CareenError):
    """Packages that do not fit together in one file system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RootFile:
    path: str
    mode: int
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RootFolder:
    """``owner`` is both user and group; files and links are always root's."""

    path: str
    mode: int = 0o755
    owner: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RootLink:
    """A symbolic link; its text is ``target``, as it will be read in the image."""

    path: str
    target: str


RootEntry = RootFile | RootFolder | RootLink


@dataclass(frozen=True, slots=True)
class Unpacked:
    """One package: what it is, what its control files say, what it ships."""

    package: BinaryPackage
    control: ControlFiles
    entries: tuple[FileEntry, ...]


def unpack(packages: Iterable[tuple[BinaryPackage, Path]]) -> tuple[Unpacked, ...]:
    """Raises DebError, or OSError when a file cannot be read."""
    with ThreadPoolExecutor(_READERS) as pool:  # decompression runs beside Python
        return tuple(pool.map(_unpack, packages))


def _unpack(item: tuple[BinaryPackage, Path]) -> Unpacked:
    package, path = item
    return Unpacked(package, read_control(path), tuple(read_entries(path)))


@dataclass(slots=True)
class Tree:
    """Entries by path, and which package each file or link is from.

    ``below`` is an image that this one is laid over: looked into, never changed.
    """

    entries: dict[str, RootEntry] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    below: Mapping[str, RootEntry] = field(default_factory=dict)

    def get(self, path: str) -> RootEntry | None:
        return self.entries.get(path) or self.below.get(path)

    def resolve(self, path: str) -> str:
        """The path with every link followed, its last part included. Raises RootError for a circle."""
        done: list[str] = []
        waiting = list(reversed(path.split("/")))
        links = 0
        while waiting:
            part = waiting.pop()
            if part in ("", "."):
                continue
            if part == "..":
                del done[-1:]
                continue
            entry = self.get("/".join((*done, part)))
            if not isinstance(entry, RootLink):
                done.append(part)
                continue
            links += 1
            if links > _LONGEST_CHAIN:
                raise RootError(f"links go in a circle at {path}")
            if entry.target.startswith("/"):
                done.clear()
            waiting += reversed(entry.target.split("/"))
        return "/".join(done)

    def place(self, path: str) -> str:
        """Where an entry of a package goes: its folder with every link followed, itself as it is."""
        top, slash, rest = path.partition("/")
        if top in MERGED:
            path = f"usr/{top}{slash}{rest}"
        folder, _, name = path.rpartition("/")
        return f"{self.resolve(folder)}/{name}".lstrip("/") if folder else path

    def add(self, entry: RootEntry, owner: str = "") -> None:
        """Adds, with the folders above it. What is there already must be the same. Raises RootError."""
        present = self.get(entry.path)
        if isinstance(entry, RootFolder) and present is not None:
            if isinstance(self.get(self.resolve(entry.path)), RootFile):
                raise RootError(f"{owner or entry.path} wants a folder where there is a file: {entry.path}")
            return
        if present is not None and present != entry:
            other = self.owners.get(entry.path, "the base")
            raise RootError(f"{entry.path} is in {owner} and, different, in {other}")
        folder = dirname(entry.path)
        if folder and self.get(folder) is None:
            self.add(RootFolder(path=folder))
        if entry.path not in self.below:
            self.entries.setdefault(entry.path, entry)
            self.owners.setdefault(entry.path, owner)

    def replace(self, entry: RootEntry) -> None:
        """Adds what careen makes itself, in place of what a package may have put there."""
        self.entries.pop(entry.path, None)
        self.owners.pop(entry.path, None)
        folder = dirname(entry.path)
        if folder:
            self.add(RootFolder(path=folder))
        self.entries[entry.path] = entry

    def remove(self, path: str) -> None:
        del self.entries[path]
        self.owners.pop(path, None)

    def files(self) -> Iterator[RootFile]:
        return (entry for entry in self.entries.values() if isinstance(entry, RootFile))

    def sorted(self) -> tuple[RootEntry, ...]:
        return tuple(self.entries[path] for path in sorted(self.entries))


def merge(tree: Tree, packages: Iterable[Unpacked]) -> None:
    """Adds what the packages ship. Nothing keeps setuid or setgid bits. Raises RootError."""
    for unpacked in packages:
        name = unpacked.package.name
        for entry in unpacked.entries:
            if entry.path == "" or entry.path in MERGED:
                continue
            path = tree.place(entry.path)
            match entry.kind:
                case EntryKind.DIRECTORY:
                    tree.add(RootFolder(path=path, mode=entry.mode & 0o1777), name)
                case EntryKind.FILE:
                    tree.add(RootFile(path=path, mode=entry.mode & 0o777, content=entry.content or b""), name)
                case EntryKind.SYMLINK:
                    tree.add(RootLink(path=path, target=entry.target), name)
                case EntryKind.HARDLINK:
                    target = relpath(tree.place(entry.target), dirname(path))
                    tree.add(RootLink(path=path, target=target), name)
