"""Files of requirements as a lock: every line that names one version is a package, every file a group of them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from posixpath import relpath

from careen.blobs.digest import Digest
from careen.python.locked import (
    GitSource,
    LocalSource,
    Lock,
    LockedDependency,
    LockedFile,
    LockedPackage,
    LockSource,
    RegistrySource,
    UrlSource,
)
from careen.python.names import PackageName, package_name
from careen.python.requirement_files import Entry, RequirementFile
from careen.text.problems import SyntaxProblem

ROOT = PackageName("requirements")
"""Stands for the project, of which files of requirements say nothing."""


def group_of(path: PurePosixPath) -> str:
    """The name under which a file's requirements are asked for."""
    return str(path)


def lock_of_requirements(files: Sequence[RequirementFile], *, project: PackageName = ROOT) -> Lock:
    """``files`` are installed each for itself; a group of the lock stands for each.

    Lines that name no version are left out: :func:`unpinned` lists them. Raises SyntaxProblem for a package that is
    asked for in two versions under one and the same condition.
    """
    packages: dict[tuple[PackageName, str], LockedPackage] = {}
    folder = files[0].path.parent
    for file in files:
        _refuse_doubles(file.entries)
        for entry in file.entries:
            package = _package(entry, folder)
            if package is not None:
                key = (package.name, package.version)
                packages[key] = _merged(packages.get(key), package)
    found = _with_via(tuple(packages.values()), [entry for file in files for entry in file.entries])
    return Lock(
        path=files[0].path,
        requires_python=None,
        packages=found,
        root=LockedPackage(
            name=project,
            version="0",
            source=LocalSource(kind="virtual", path=PurePosixPath()),
            groups={group_of(file.path): edges_of(file.entries) for file in files},
        ),
        default_groups=(),
        indexes=indexes_of(files),
        extra_indexes=tuple(dict.fromkeys(extra for file in files for extra in file.extra_indexes)),
        links=tuple(dict.fromkeys(link for file in files for link in file.links)),
    )


def edges_of(entries: Iterable[Entry]) -> tuple[LockedDependency, ...]:
    """What the lines of a file ask for, pinned or not."""
    found = []
    for entry in entries:
        name = _name(entry)
        if name is not None:
            requirement = entry.requirement
            found.append(
                LockedDependency(
                    name=name,
                    version=_version(entry) if entry.is_pinned else None,
                    extras=requirement.extras if requirement is not None else (),
                    marker=requirement.marker if requirement is not None else None,
                )
            )
    return tuple(found)


def unpinned(files: Iterable[RequirementFile]) -> tuple[Entry, ...]:
    """Lines that leave it to the day of the build which version comes."""
    return tuple(
        dict.fromkeys(entry for file in files for entry in file.entries if not entry.is_pinned and not entry.editable)
    )


def with_versions(listed: Lock, resolved: Lock) -> Lock:
    """The list with the versions that a resolver chose for it, and what that brought along."""
    root = listed.root
    if root is None:
        return resolved
    groups = {group: tuple(replace(edge, version=None) for edge in edges) for group, edges in root.groups.items()}
    return replace(listed, packages=resolved.packages, root=replace(root, groups=groups))


def indexes_of(files: Iterable[RequirementFile]) -> tuple[str, ...]:
    """The indexes that the files name in place of the configured one."""
    return tuple(dict.fromkeys(file.index for file in files if file.index is not None and not file.no_index))


def _refuse_doubles(entries: Iterable[Entry]) -> None:
    known: dict[tuple[PackageName, str | None], Entry] = {}
    for entry in entries:
        requirement = entry.requirement
        if requirement is None or not entry.is_pinned:
            continue
        key = (requirement.name, requirement.marker)
        before = known.setdefault(key, entry)
        if _version(before) != _version(entry):
            raise SyntaxProblem(
                entry.path,
                entry.line,
                f"{requirement.name} is asked for as {entry.written} and as {before.written} "
                f"({before.path}:{before.line}): pip installs neither",
                hints=("keep one of the two lines",),
            )


def _name(entry: Entry) -> PackageName | None:
    if entry.requirement is not None:
        return entry.requirement.name
    if entry.archive is not None:
        match = re.match(r"([A-Za-z0-9][\w.]*(?:-[A-Za-z][\w.]*)*)-\d", entry.archive.name)
        return package_name(match[1]) if match is not None else None
    return None


def _version(entry: Entry) -> str:
    requirement = entry.requirement
    if requirement is not None and requirement.url is None:
        return requirement.exact_version or "0"
    address = (requirement.url or "") if requirement is not None else str(entry.archive or "")
    match = re.search(r"-(\d[\w.!+]*?)(?:-[^/]*\.whl|\.(?:zip|tar\.\w+|tgz))$", address.partition("#")[0])
    return match[1] if match is not None else "0"


def _package(entry: Entry, folder: PurePosixPath) -> LockedPackage | None:
    name = _name(entry)
    if name is None or not entry.is_pinned:
        return None
    source, file = _origin(entry, folder)
    is_wheel = file is not None and file.filename.endswith(".whl")
    return LockedPackage(
        name=name,
        version=_version(entry),
        source=source,
        dependencies=None,
        wheels=(file,) if file is not None and is_wheel else (),
        sdist=file if file is not None and not is_wheel else None,
        hashes=entry.hashes if file is None else (),
        line=entry.line,
    )


def _origin(entry: Entry, folder: PurePosixPath) -> tuple[LockSource, LockedFile | None]:
    digest = entry.hashes[0] if len(entry.hashes) == 1 else None
    if entry.archive is not None:
        inside = PurePosixPath(relpath(entry.archive, folder))
        return LocalSource(kind="path", path=inside), LockedFile(url=str(inside), digest=digest, size=None)
    url = entry.requirement.url if entry.requirement is not None else None
    if url is None:
        return RegistrySource(index=""), None
    if entry.commit is not None:
        address, _, fragment = url.removeprefix("git+").partition("#")
        below = re.search(r"(?:^|&)subdirectory=([^&]+)", fragment)
        query = f"?subdirectory={below[1]}" if below is not None else ""
        return GitSource(url=f"{address.rpartition('@')[0]}{query}#{entry.commit}"), None
    plain, _, fragment = url.partition("#")
    told = re.search(r"(?:^|&)sha256[=:]([0-9a-f]{64})", fragment)
    if told is not None and digest is None:
        digest = Digest(told[1])
    return UrlSource(url=plain), LockedFile(url=plain, digest=digest, size=None)


def _merged(before: LockedPackage | None, package: LockedPackage) -> LockedPackage:
    if before is None or before == package:
        return package
    return replace(before, hashes=tuple(dict.fromkeys((*before.hashes, *package.hashes))))


def _with_via(packages: tuple[LockedPackage, ...], entries: Iterable[Entry]) -> tuple[LockedPackage, ...]:
    """With the edges that a compiler of requirements wrote beside the lines."""
    requirers: dict[PackageName, dict[PackageName, None]] = {}
    for entry in entries:
        name = _name(entry)
        for requirer in entry.via:
            if name is not None and requirer != name:
                requirers.setdefault(requirer, {})[name] = None
    return tuple(_annotated(package, requirers) for package in packages)


def _annotated(package: LockedPackage, requirers: Mapping[PackageName, Mapping[PackageName, None]]) -> LockedPackage:
    told = requirers.get(package.name)
    return package if told is None else replace(package, told=tuple(LockedDependency(name=name) for name in told))
