"""From shared libraries that are missing to the Debian packages that have them, their own needs included.

Follows what the libraries ask of the dynamic linker, not what packages declare: libGL's package depends on drivers of a
hundred megabytes that no ELF file names.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path

from careen.blobs.elf import ElfError, is_elf, read_linkage
from careen.debian.deb import read_entries
from careen.debian.indices import Catalogue, LibraryIndex, policy_names
from careen.debian.packages import BinaryPackage
from careen.debian.resolve import parse_relations
from careen.text.values import dataclass

_LARGEST_GUESS = 20_000_000
"""Bytes of a package that is fetched to see whether it has a library."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """``packages`` by name; ``missing`` are libraries that no package of the archive has."""

    packages: tuple[BinaryPackage, ...]
    missing: tuple[str, ...]


@dataclass(slots=True)
class _Search:
    index: LibraryIndex
    catalogue: Catalogue
    fetch: Callable[[BinaryPackage], Path]
    present: set[str]
    packages: dict[str, BinaryPackage] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def run(self, wanted: Iterable[str]) -> None:
        queue: deque[tuple[str, BinaryPackage | None]] = deque((soname, None) for soname in sorted(wanted))
        while queue:
            soname, wanted_by = queue.popleft()
            if soname in self.present:
                continue
            self.present.add(soname)
            package = self._package(soname, wanted_by)
            if package is None:
                self.missing.append(soname)
                continue
            if package.name not in self.packages:
                self.packages[package.name] = package
                queue += [(name, package) for name in self._needs(package)]

    def _package(self, soname: str, wanted_by: BinaryPackage | None) -> BinaryPackage | None:
        for offer in self.index.offers(soname):
            package = self.catalogue.newest(offer.package)
            if package is not None:
                return package
        # The index may not be had. A package that policy would name so is believed when it has the library, and so is
        # one that the package which needs the library depends on.
        for name in self._guesses(soname, wanted_by):
            package = self.catalogue.newest(name)
            if package is not None and package.size <= _LARGEST_GUESS and soname in self._linkages(package):
                return package
        return None

    def _guesses(self, soname: str, wanted_by: BinaryPackage | None) -> Iterator[str]:
        for expected in policy_names(soname):
            yield from (expected, f"{expected}t64")
            yield from (offer.package for offer in self.catalogue.providers(expected))
        if wanted_by is not None:
            yield from (relation.name for either in parse_relations(wanted_by.depends) for relation in either)

    def _needs(self, package: BinaryPackage) -> list[str]:
        return _outside(self._linkages(package))

    def _linkages(self, package: BinaryPackage) -> Mapping[str, tuple[str, ...]]:
        """What each library of the package asks for."""
        linkages: dict[str, tuple[str, ...]] = {}
        for entry in read_entries(self.fetch(package), wanted=lambda path: ".so" in path.rpartition("/")[2]):
            if entry.content is None or not is_elf(entry.content):
                continue
            try:
                linkage = read_linkage(entry.content)
            except ElfError:
                continue
            linkages[linkage.soname or entry.path.rpartition("/")[2]] = linkage.needed
        return linkages


def _outside(linkages: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [name for needed in linkages.values() for name in needed if name not in linkages]


def providers_of(
    sonames: Iterable[str],
    *,
    present: Iterable[str],
    index: LibraryIndex,
    catalogue: Catalogue,
    fetch: Callable[[BinaryPackage], Path],
) -> Providers:
    """``present`` are the libraries that an image has already. ``fetch`` gives a package's file.

    Raises DebError, OSError, IndexFormatError, or what ``fetch`` raises.
    """
    search = _Search(index, catalogue, fetch, set(present))
    search.run(sonames)
    return Providers(
        packages=tuple(search.packages[name] for name in sorted(search.packages)), missing=tuple(search.missing)
    )
