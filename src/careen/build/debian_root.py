"""Segments of Debian packages: the base, and system packages laid over it."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from careen.blobs.digest import Digest
from careen.blobs.store import EntryKey
from careen.build.segment import Contents, Folder, Member, Segment, SegmentMaker
from careen.debian.packages import BinaryPackage
from careen.plan.target import DebianBase
from careen.platforms import Architecture
from careen.text.values import dataclass

if TYPE_CHECKING:
    from careen.debian.root import RootEntry, RootFile, RootFolder, RootLink

_FORMAT = 2
"""Raised when composing changes what a base holds."""

_COMPOSING = threading.Lock()
"""Packages are unpacked in memory, so one root at a time."""

Debs = Callable[[Iterable[BinaryPackage]], tuple[tuple[BinaryPackage, Path], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRecipe:
    base: DebianBase
    architecture: Architecture
    debs: Debs
    _held: "list[tuple[RootEntry, ...] | None]" = field(default_factory=list, compare=False, repr=False)

    def entries(self) -> "tuple[RootEntry, ...]":
        """Composed anew unless it is held, which takes a second. Raises what fetching and composing raise."""
        debs = self.debs(self.base.packages)
        with _COMPOSING:
            known = self._held[0] if self._held else None
            composed = known if known is not None else self._composed(debs)
            if self._held:
                self._held[0] = composed
            return composed

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is composed meanwhile stays in memory, for those who lay something over it."""
        self._held.append(None)
        try:
            yield
        finally:
            self._held.clear()

    def _composed(self, debs: tuple[tuple[BinaryPackage, Path], ...]) -> "tuple[RootEntry, ...]":
        from careen.debian.base import compose  # noqa: PLC0415 - a base is composed once

        return compose(
            debs,
            release=self.base.release,
            architecture=self.architecture,
            keep_libraries=frozenset(self.base.kept_libraries),
            keep_modules=frozenset(self.base.kept_modules),
        )

    def inputs(self) -> dict[str, object]:
        return {
            "format": _FORMAT,
            "release": self.base.release,
            "architecture": self.architecture.value,
            "packages": [package.digest.hex for package in self.base.packages],
            "libraries": sorted(set(self.base.kept_libraries)),
            "modules": sorted(set(self.base.kept_modules)),
        }

    @property
    def what(self) -> str:
        return f"{self.base.label} with Python {self.base.runtime.version}"

    @property
    def weight(self) -> int:
        return sum(package.installed_bytes for package in self.base.packages)

    def key(self, maker: SegmentMaker, /) -> EntryKey:
        return maker.key("base", self.inputs())

    def fetch(self) -> None:
        self.debs(self.base.packages)

    def segment(self, maker: SegmentMaker, /, *, without: frozenset[str] = frozenset()) -> Segment:
        return maker.get_or_make(self.key(maker), lambda: root_contents(self.what, self.entries(), without))


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRecipe:
    """Packages beyond the base. Their segment holds what the base has not, so it depends on the base too."""

    base: BaseRecipe
    packages: tuple[BinaryPackage, ...]

    @property
    def what(self) -> str:
        return ", ".join(package.name for package in self.packages)

    @property
    def weight(self) -> int:
        return sum(package.installed_bytes for package in self.packages)

    def key(self, maker: SegmentMaker, /) -> EntryKey:
        inputs = {"over": self.base.inputs(), "packages": [package.digest.hex for package in self.packages]}
        return maker.key("system", inputs)

    def fetch(self) -> None:
        self.base.fetch()
        self.base.debs(self.packages)

    def segment(self, maker: SegmentMaker, /, *, without: frozenset[str] = frozenset()) -> Segment:
        return maker.get_or_make(self.key(maker), lambda: self._contents(without))

    def _contents(self, without: frozenset[str]) -> Contents:
        from careen.debian.base import compose_layer  # noqa: PLC0415 - as above
        from careen.debian.root import RootFolder  # noqa: PLC0415

        below = self.base.entries()
        debs = self.base.debs(self.packages)
        with _COMPOSING:
            added = compose_layer(debs, over=below, architecture=self.base.architecture)
        folders = {entry.path: entry for entry in below if isinstance(entry, RootFolder)}
        return root_contents(self.what, [*_parents(added, folders), *added], without)


def root_contents(what: str, entries: "Iterable[RootEntry]", without: frozenset[str]) -> Contents:
    from careen.debian.root import RootFolder  # noqa: PLC0415 - as above

    ordered = sorted((entry for entry in entries if entry.path not in without), key=lambda entry: entry.path)
    return Contents(
        what=what,
        members=[_member(entry) for entry in ordered if not isinstance(entry, RootFolder)],
        folders=tuple(
            Folder(entry.path, entry.mode, entry.owner) for entry in ordered if isinstance(entry, RootFolder)
        ),
    )


def _member(entry: "RootFile | RootLink") -> Member:
    from careen.debian.root import RootLink  # noqa: PLC0415 - as above

    if isinstance(entry, RootLink):
        return Member(path=entry.path, target=entry.target)
    return Member(
        path=entry.path,
        size=len(entry.content),
        mode=0o755 if entry.mode & 0o111 else 0o644,
        content=entry.content,
        digest=Digest.of(entry.content),
    )


def _parents(entries: "Iterable[RootEntry]", folders: "dict[str, RootFolder]") -> "list[RootFolder]":
    """Folders of the base that something is put into, as they are there: a layer that names one decides its mode."""
    from careen.debian.root import RootFolder  # noqa: PLC0415 - as above

    found: dict[str, RootFolder] = {}
    own = {entry.path for entry in entries if isinstance(entry, RootFolder)}
    for entry in entries:
        folder = entry.path.rpartition("/")[0]
        while folder and folder not in found:
            if folder in folders and folder not in own:
                found[folder] = folders[folder]
            folder = folder.rpartition("/")[0]
    return list(found.values())
