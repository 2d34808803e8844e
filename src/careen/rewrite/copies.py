"""COPY instructions for a service's own files: whole packages where it reaches all of one, and never the whole tree.

A package is copied as a package: a module that somebody adds to it tomorrow is in the image without another change.
What is left out are packages that the service does not reach.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from enum import Enum
from pathlib import PurePosixPath

from careen.ignorefile.causes import Cause, cause_of
from careen.text.values import dataclass

_NEVER_SENT = frozenset({Cause.CACHES, Cause.VERSION_CONTROL, Cause.VIRTUAL_ENVIRONMENT, Cause.NODE_MODULES})
_NEVER_NEEDED_SUFFIXES = frozenset({".md", ".rst", ".pyi"})
_MOST_NAMED = 8
MOST_FOLDERS = 48
"""How many folders are copied one by one: an instruction for each makes a layer for each, of which an image may have
127, and docker's overlay2 fewer."""


class Extent(Enum):
    """How much of a path is copied."""

    FOLDER = "the folder and everything below it"
    MODULES = "the Python files directly in the folder"
    FILE = "one file"


@dataclass(frozen=True, slots=True)
class Piece:
    """``path`` is relative to the build context."""

    path: PurePosixPath
    extent: Extent

    @property
    def folder(self) -> PurePosixPath:
        """The folder that the piece lands in, relative to the destination's root."""
        return self.path.parent if self.extent is Extent.FILE else self.path

    @property
    def pattern(self) -> str:
        """As COPY and the ignore file name it."""
        match self.extent:
            case Extent.FOLDER:
                return f"{_literal(self.path)}/"
            case Extent.MODULES:
                return f"{_literal(self.path)}/*.py"
            case Extent.FILE:
                return _literal(self.path)

    def covers(self, path: PurePosixPath) -> bool:
        match self.extent:
            case Extent.FOLDER:
                return path.is_relative_to(self.path)
            case Extent.MODULES:
                return path.parent == self.path and path.suffix == ".py"
            case Extent.FILE:
                return path == self.path


def pieces_of(needed: Iterable[PurePosixPath], tree: Iterable[PurePosixPath]) -> tuple[Piece, ...]:
    """What covers ``needed``, and of ``tree`` beyond it only modules of packages that ``needed`` reaches.

    Paths are relative to the build context, ``tree`` lists its files.
    """
    return _Cover(frozenset(needed), tuple(tree)).pieces()


def fewer(pieces: Collection[Piece], sent: Iterable[PurePosixPath], most: int = MOST_FOLDERS) -> tuple[Piece, ...]:
    """The same files in at most so many folders where that can be: subfolders are copied with the folder above them.

    Of the files that are ``sent`` to the builder the fewest come along; where all of them are the service's, none.
    """
    found = tuple(pieces)
    while len(folders := {piece.folder for piece in found}) > most:
        at_or_below = Counter(place for folder in folders for place in (folder, *folder.parents))
        shared = [folder for folder, below in at_or_below.items() if below > 1 and folder != PurePosixPath()]
        if not shared:
            break
        covers = _covered_by(found)
        sent = [path for path in sent if not covers(path)]
        along = Counter(place for path in sent for place in path.parents)
        best = min(shared, key=lambda folder: (along[folder], -at_or_below[folder], folder))
        kept = (piece for piece in found if not piece.folder.is_relative_to(best))
        found = (*kept, Piece(best, Extent.FOLDER))
    return tuple(sorted(found, key=lambda piece: (piece.path, piece.extent.name)))


def covered(pieces: Iterable[Piece], tree: Iterable[PurePosixPath]) -> Iterator[PurePosixPath]:
    """The files of ``tree`` that the pieces bring."""
    covers = _covered_by(pieces)
    yield from (path for path in tree if covers(path) and _is_sent(path))


def _covered_by(pieces: Iterable[Piece]) -> Callable[[PurePosixPath], bool]:
    by_extent: dict[Extent, set[PurePosixPath]] = {extent: set() for extent in Extent}
    for piece in pieces:
        by_extent[piece.extent].add(piece.path)
    folders, modules, files = by_extent[Extent.FOLDER], by_extent[Extent.MODULES], by_extent[Extent.FILE]
    return lambda path: (
        path in files or (path.suffix == ".py" and path.parent in modules) or not folders.isdisjoint(path.parents)
    )


def beyond(
    pieces: Iterable[Piece], needed: Iterable[PurePosixPath], tree: Iterable[PurePosixPath]
) -> list[PurePosixPath]:
    """Files of ``tree`` that ``pieces`` bring though they are not needed."""
    wanted, covering = set(needed), tuple(pieces)
    return sorted(
        path for path in tree if path not in wanted and _is_sent(path) and any(piece.covers(path) for piece in covering)
    )


def _is_sent(path: PurePosixPath) -> bool:
    return cause_of(str(path)) not in _NEVER_SENT


class _Cover:
    def __init__(self, needed: frozenset[PurePosixPath], tree: tuple[PurePosixPath, ...]) -> None:
        self._needed = needed
        self._packages = {path.parent for path in tree if path.name == "__init__.py"}
        self._reached = {path.parent for path in needed if path.suffix == ".py"}
        self._children: dict[PurePosixPath, set[PurePosixPath]] = {}
        self._files: dict[PurePosixPath, list[PurePosixPath]] = {}
        self._spoiled: set[PurePosixPath] = set()
        self._holding: set[PurePosixPath] = set()
        for path in {*tree, *needed}:
            if path not in needed and not _is_sent(path):
                continue
            folder = path.parent
            self._files.setdefault(folder, []).append(path)
            if path in needed:
                self._holding.add(folder)
            elif folder not in self._spoiled and not self._is_tolerated(path):
                self._spoiled.add(folder)
        # Once for each folder: a tree has ten times as many files.
        above = {folder: tuple(folder.parents) for folder in self._files}
        for folders in (self._holding, self._spoiled):
            folders.update([outer for folder in folders for outer in above[folder]])
        for folder, outer in above.items():
            for inner in (folder, *outer):
                if inner != PurePosixPath():
                    self._children.setdefault(inner.parent, set()).add(inner)

    def _is_tolerated(self, path: PurePosixPath) -> bool:
        """Whether a file may come along: a module beside needed ones, and what weighs nothing and is never read."""
        if path.parent not in self._reached or path.parent not in self._packages:
            return False
        return path.suffix == ".py" or path.suffix in _NEVER_NEEDED_SUFFIXES

    def pieces(self) -> tuple[Piece, ...]:
        found: list[Piece] = []
        waiting = [PurePosixPath()]
        while waiting:
            folder = waiting.pop()
            if folder not in self._holding:
                continue
            if folder not in self._spoiled and folder != PurePosixPath():
                found.append(Piece(folder, Extent.FOLDER))
                continue
            found += self._own_files(folder)
            waiting += self._children.get(folder, ())
        return tuple(sorted(found, key=lambda piece: (piece.path, piece.extent.name)))

    def _own_files(self, folder: PurePosixPath) -> list[Piece]:
        own = [path for path in self._files.get(folder, ()) if path in self._needed]
        modules = [path for path in own if path.suffix == ".py"]
        if folder != PurePosixPath() and modules and (folder in self._packages or len(modules) > _MOST_NAMED):
            others = [path for path in own if path.suffix != ".py"]
            return [Piece(folder, Extent.MODULES), *(Piece(path, Extent.FILE) for path in others)]
        return [Piece(path, Extent.FILE) for path in own]


def _literal(path: PurePosixPath) -> str:
    """A path in the language of Go's ``filepath.Match``, which COPY and the ignore file share."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in str(path))
