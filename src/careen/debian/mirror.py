"""Client of a Debian mirror: everything it hands out was signed by, or hashed under a signature of, the archive.

The cache folder holds, per suite, the last signed Release file; per index, by digest, its tables; and every .deb by
its digest. Processes may share the folder.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from careen.blobs.digest import Digest, DigestMismatchError
from careen.debian.indices import Catalogue, LibraryIndex, SuiteIndex
from careen.debian.lists import KeptLists, write_aside
from careen.debian.packages import BinaryPackage
from careen.debian.pins import Pin
from careen.debian.release_file import IndexFile, ReleaseFile, ReleaseFileError, parse_release_file
from careen.debian.sources import ReleaseSources, SuiteSource
from careen.debian.tables import Table
from careen.errors import CareenError
from careen.platforms import Architecture
from careen.text.values import dataclass

FRESH_FOR = timedelta(days=1)
_LARGEST_RELEASE_FILE = 16 << 20
_LARGEST_INDEX = 1 << 30
_CONNECTIONS = 6


class MirrorError(CareenError):
    """The mirror does not offer what it should, or offers something else."""


class SignatureError(CareenError):
    """The Release file is not signed by a key of the archive."""


class Fetcher(Protocol):
    def get(self, url: str, *, limit: int) -> bytes:
        """The body, of at most ``limit`` bytes. Raises CareenError; may be called by several threads."""
        ...


Verify = Callable[[bytes, SuiteSource], bytes]
"""Gives the signed text of a clear-signed file, or raises SignatureError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A release as its mirrors offer it: names to packages, libraries to packages, packages to files.

    ``packages`` and ``contents`` are the signed indices that all of it rests on.
    """

    release: str
    architecture: Architecture
    catalogue: Catalogue
    client: "MirrorClient"
    packages: tuple["SignedIndex", ...]
    contents: tuple["SignedIndex", ...]

    @property
    def fingerprint(self) -> tuple[str, ...]:
        """Digests of the indices and of what is pinned: equal for archives that answer every question alike."""
        pinned = self.catalogue.pinned
        return (
            *(index.file.digest.hex for index in (*self.packages, *self.contents)),
            *(pinned[name].digest.hex for name in sorted(pinned)),
        )

    def pinned_to(self, pins: Iterable[Pin]) -> "Archive":
        """The archive in which a package that is pinned has the version of its pin, whatever is newest."""
        mirrors = {suite.suite: suite.mirror for suite in self.catalogue.suites}
        mine = {
            pin.package.name: pin.on(mirrors)
            for pin in pins
            if (pin.release, pin.architecture) == (self.release, self.architecture.debian)
        }
        return replace(self, catalogue=replace(self.catalogue, pinned=mine))

    def pin(self, package: BinaryPackage) -> Pin:
        """Raises MirrorError for a package that is not the archive's."""
        for suite in self.catalogue.suites:
            if any(offer.digest == package.digest for offer in suite.versions(package.name)):
                return Pin(
                    release=self.release,
                    architecture=self.architecture.debian,
                    suite=suite.suite,
                    path=package.url.removeprefix(f"{suite.mirror}/"),
                    package=package,
                )
        raise MirrorError(f"{package.name} {package.version} is not in the archive")

    def libraries(self) -> LibraryIndex:
        """Fetches the Contents index, about 11 MB, unless it is in the cache.

        Raises MirrorError, DigestMismatchError, or what the fetcher raises.
        """
        tables = tuple(self.client.library_table(index) for index in self.contents)
        return LibraryIndex(tables, self.architecture.multiarch)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIndex:
    """An index of a suite, by the Release file's word; ``path`` is below the suite's folder."""

    suite: SuiteSource
    path: str
    file: IndexFile
    by_hash: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorClient:
    """``now`` gives the time with its zone. A Release file is asked for again when it is older than ``fresh_for``;
    when no mirror answers, the last one serves until it expires.
    """

    fetcher: Fetcher
    verify: Verify
    cache: Path
    now: Callable[[], datetime]
    fresh_for: timedelta = FRESH_FOR

    def open(self, sources: ReleaseSources, architecture: Architecture) -> Archive:
        """Raises MirrorError, SignatureError, ReleaseFileError, or what the fetcher raises."""
        with ThreadPoolExecutor(len(sources.suites) or 1) as pool:
            opened = list(pool.map(lambda suite: self._opened(suite, architecture), sources.suites))
        return Archive(
            release=sources.release,
            architecture=architecture,
            catalogue=Catalogue(tuple(suite.index for suite in opened)),
            client=self,
            packages=tuple(suite.packages for suite in opened),
            contents=tuple(suite.contents for suite in opened if suite.contents is not None),
        )

    def _opened(self, suite: SuiteSource, architecture: Architecture) -> "_OpenedSuite":
        release = self._release(suite)
        packages = _signed(suite, release, f"main/binary-{architecture.debian}/Packages.xz")
        if packages is None:
            raise MirrorError(f"{suite.suite} has no packages for {architecture.debian}")
        contents = _signed(suite, release, f"main/Contents-{architecture.debian}.gz")
        return _OpenedSuite(index=self._suite_index(packages), packages=packages, contents=contents)

    def deb(self, package: BinaryPackage) -> Path:
        """The package's file, fetched unless it is here. Raises MirrorError or what the fetcher raises."""
        path = self.cache / "debs" / f"{package.digest.hex}.deb"
        if path.is_file() and path.stat().st_size == package.size and Digest.of(path.read_bytes()) == package.digest:
            return path
        data = self.fetcher.get(package.url, limit=package.size)
        if len(data) != package.size or Digest.of(data) != package.digest:
            raise DigestMismatchError(f"the mirror's {package.name} is not the file that its index promises")
        write_aside(path, data)
        return path

    def debs(self, packages: Iterable[BinaryPackage]) -> tuple[tuple[BinaryPackage, Path], ...]:
        """Several at once, in their order."""
        wanted = tuple(packages)
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            return tuple(zip(wanted, pool.map(self.deb, wanted), strict=True))

    def library_table(self, index: SignedIndex) -> Table:
        return KeptLists(self.cache / "indices").libraries(index.file.digest, lambda: self._index(index))

    def _suite_index(self, index: SignedIndex) -> SuiteIndex:
        return KeptLists(self.cache / "indices").packages(
            index.file.digest,
            lambda: self._index(index),
            suite=index.suite.suite,
            mirror=index.suite.mirrors[0],
        )

    def _release(self, suite: SuiteSource) -> ReleaseFile:
        key = Digest.of("\n".join((suite.suite, *suite.mirrors)).encode()).hex[:24]
        path = self.cache / "suites" / key / "InRelease"
        kept = path.read_bytes() if path.is_file() else None
        if kept is not None and self.now().timestamp() - path.stat().st_mtime < self.fresh_for.total_seconds():
            return self._checked(kept, suite)
        try:
            fetched = self._from_mirrors(suite, "InRelease", limit=_LARGEST_RELEASE_FILE)
        except CareenError:
            if kept is None:
                raise
            return self._checked(kept, suite)
        release = self._checked(fetched, suite)
        if kept is not None and (earlier := parse_release_file(self._text(kept, suite))).date > release.date:
            return self._still_valid(earlier, suite)  # a mirror that lags, or somebody who replays
        write_aside(path, fetched)
        moment = self.now().timestamp()
        os.utime(path, (moment, moment))
        return release

    def _checked(self, data: bytes, suite: SuiteSource) -> ReleaseFile:
        release = parse_release_file(self._text(data, suite))
        if release.origin != "Debian":
            raise ReleaseFileError(f"the repository of {suite.suite} is by {release.origin or 'nobody'}, not by Debian")
        if suite.suite not in (release.codename, release.suite):
            raise ReleaseFileError(f"the mirror offers {release.codename or release.suite} for {suite.suite}")
        return self._still_valid(release, suite)

    def _still_valid(self, release: ReleaseFile, suite: SuiteSource) -> ReleaseFile:
        expired = release.valid_until is not None and self.now() > release.valid_until
        if expired and suite.check_valid_until:
            raise ReleaseFileError(
                f"the Release file of {suite.suite} was valid until {release.valid_until:%Y-%m-%d}",
                hints=("the mirror is behind; use another, or allow it in apt's configuration (Check-Valid-Until)",),
            )
        return release

    def _text(self, data: bytes, suite: SuiteSource) -> str:
        return self.verify(data, suite).decode("utf-8", "replace")

    def _index(self, index: SignedIndex) -> bytes:
        """By its digest where the mirror offers that: then a mirror that is just being updated does no harm."""
        suite, size = index.suite, index.file.size
        if size > _LARGEST_INDEX:
            raise MirrorError(f"the index {index.path} of {suite.suite} is too large: {size} bytes")
        if index.by_hash:
            folder = index.path.rpartition("/")[0]
            try:
                data = self._from_mirrors(suite, f"{folder}/by-hash/SHA256/{index.file.digest.hex}", limit=size)
            except CareenError:
                data = self._from_mirrors(suite, index.path, limit=size)  # not every mirror copies those folders
        else:
            data = self._from_mirrors(suite, index.path, limit=size)
        if Digest.of(data) != index.file.digest:
            raise DigestMismatchError(f"the index {index.path} of {suite.suite} is not the one that was signed")
        return data

    def _from_mirrors(self, suite: SuiteSource, path: str, *, limit: int) -> bytes:
        *others, last = suite.mirrors
        for mirror in others:
            try:
                return self.fetcher.get(f"{mirror}/dists/{suite.suite}/{path}", limit=limit)
            except CareenError:
                continue  # the next one may have it; what the last one says is told
        return self.fetcher.get(f"{last}/dists/{suite.suite}/{path}", limit=limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenedSuite:
    index: SuiteIndex
    packages: SignedIndex
    contents: SignedIndex | None


def _signed(suite: SuiteSource, release: ReleaseFile, path: str) -> SignedIndex | None:
    file = release.files.get(path)
    return None if file is None else SignedIndex(suite=suite, path=path, file=file, by_hash=release.by_hash)
