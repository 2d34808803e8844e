"""What a lock says, whichever tool wrote it: packages, where each comes from, and what asks for what."""

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from pathlib import PurePosixPath
from urllib.parse import unquote

from careen.blobs.digest import Digest
from careen.errors import CareenError
from careen.python.names import PackageName
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """A wheel or sdist; ``digest`` is None only for sources that have none (a path)."""

    url: str
    digest: Digest | None
    size: int | None

    @property
    def filename(self) -> str:
        return unquote(self.url.partition("#")[0].partition("?")[0].rpartition("/")[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySource:
    """``index`` is an address or a folder; empty where the lock leaves it to the tool's configuration."""

    index: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSource:
    """``url`` ends in ``#`` and the commit, and may carry ``?subdirectory=``."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlSource:
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSource:
    """``kind`` is editable, virtual, directory or path (an archive); ``path`` is relative to the lock."""

    kind: str
    path: PurePosixPath


_HERE = PurePosixPath()

LockSource = RegistrySource | GitSource | UrlSource | LocalSource


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedDependency:
    """An edge: ``version`` and ``source`` are given only where a name stands in the lock more than once.

    ``versions`` are those that would do, the best first, where the lock leaves the choice to the target.
    """

    name: PackageName
    version: str | None = None
    source: LockSource | None = None
    extras: tuple[str, ...] = ()
    marker: str | None = None
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """``line`` is where the lock speaks of it, 1 when the format tells none.

    ``dependencies`` is None where the lock does not say what its packages need (a requirements file, say): then the
    wheel's own metadata tells. ``hashes`` are those of the files that may stand for it, where the lock names no file;
    ``told`` are edges by hearsay (a comment), for a package whose metadata cannot be had.
    """

    name: PackageName
    version: str
    source: LockSource
    dependencies: tuple[LockedDependency, ...] | None = ()
    extras: Mapping[str, tuple[LockedDependency, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[LockedDependency, ...]] = field(default_factory=dict)
    wheels: tuple[LockedFile, ...] = ()
    sdist: LockedFile | None = None
    hashes: tuple[Digest, ...] = ()
    told: tuple[LockedDependency, ...] = ()
    resolution_markers: tuple[str, ...] = ()
    marker: str | None = None
    line: int = 1

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of the repository, whose modules are read and not installed."""
        return isinstance(self.source, LocalSource) and self.source.kind != "path"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictItem:
    """One side of a conflict: an extra or a group of a package, or with neither the package itself."""

    package: PackageName
    extra: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Lock:
    """``members`` are the packages of a workspace; ``root`` is the lock's own project, for locks that leave it out.

    ``groups`` are those of a workspace's root that is no project itself. ``default_groups`` are installed unasked; None
    where the project's own settings say which. ``indexes`` replace what is configured for packages without an index of
    their own, ``extra_indexes`` and ``links`` (folders or pages of files) stand beside it. Of ``overridden`` names the
    project itself says whether and how they are installed, whatever other distributions require.
    """

    path: PurePosixPath
    requires_python: str | None
    packages: tuple[LockedPackage, ...]
    members: tuple[PackageName, ...] = ()
    conflicts: tuple[tuple[ConflictItem, ...], ...] = ()
    groups: Mapping[str, tuple[LockedDependency, ...]] = field(default_factory=dict)
    root: LockedPackage | None = None
    default_groups: tuple[str, ...] | None = None
    indexes: tuple[str, ...] = ()
    extra_indexes: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    overridden: tuple[PackageName, ...] = ()

    @cached_property
    def by_name(self) -> Mapping[PackageName, tuple[LockedPackage, ...]]:
        index: dict[PackageName, list[LockedPackage]] = {}
        for package in self.packages:
            index.setdefault(package.name, []).append(package)
        return {name: tuple(packages) for name, packages in index.items()}

    @cached_property
    def local(self) -> tuple[LockedPackage, ...]:
        """Folders of the repository: the project, the members of its workspace, dependencies by path."""
        found = [package for package in self.packages if package.is_local]
        return (self.root, *found) if self.root is not None else tuple(found)

    def project(self, name: PackageName | None, folder: PurePosixPath = _HERE) -> LockedPackage | None:
        """A project's own entry: by name, else the only one in ``folder``, which is relative to the lock."""
        if self.root is not None:
            return self.root
        for package in self.local:
            if package.name == name:
                return package
        there = [p for p in self.local if isinstance(p.source, LocalSource) and p.source.path == folder]
        return there[0] if len(there) == 1 else None


class StaleLockError(CareenError):
    """The lock does not hold what the project asks for, or not in one voice."""


def encoded_extra(package: PackageName, extra: str) -> str:
    """The name under which uv's conflict markers speak of an extra (uv-pypi-types, ``conflicts.rs``)."""
    return f"extra-{len(package)}-{package}-{extra}"


def encoded_group(package: PackageName, group: str) -> str:
    return f"group-{len(package)}-{package}-{group}"


def encoded_project(package: PackageName) -> str:
    return f"project-{len(package)}-{package}"
