"""Addresses for the packages of a lock that names none: the files of the configured index, chosen by name and hash.

poetry's lock names files and their hashes, Pipenv's and pip's only hashes, or nothing but versions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from careen.blobs.digest import Digest
from careen.python.locked import Lock, LockedFile, LockedPackage, RegistrySource
from careen.python.names import PackageName
from careen.python.simple_index import of_version


def is_addressed(file: LockedFile) -> bool:
    return "/" in file.url


def lacks_address(package: LockedPackage) -> bool:
    """Whether an index must be asked where the package's files are."""
    if not isinstance(package.source, RegistrySource):
        return False
    files = [*package.wheels, *([package.sdist] if package.sdist is not None else [])]
    return not files or any(not is_addressed(file) for file in files)


def indexes_for(lock: Lock, configured: Sequence[str]) -> Mapping[PackageName, Sequence[str]]:
    """The indexes to ask for each package without addresses: its own, else the lock's, else those configured."""
    general = (*(lock.indexes or configured), *lock.extra_indexes)
    wanted: dict[PackageName, dict[str, None]] = {}
    for package in lock.packages:
        if lacks_address(package) and isinstance(package.source, RegistrySource):
            own = (package.source.index,) if package.source.index else general
            wanted.setdefault(package.name, {}).update(dict.fromkeys(own))
    return {name: tuple(addresses) for name, addresses in wanted.items()}


def with_addresses(lock: Lock, files: Mapping[PackageName, Iterable[LockedFile]]) -> Lock:
    """``files`` are those that indexes have. Of a package that the lock has hashes for, only files with these count."""
    return replace(
        lock,
        packages=tuple(
            _addressed(package, tuple(files[package.name]))
            if lacks_address(package) and package.name in files
            else package
            for package in lock.packages
        ),
    )


def _addressed(package: LockedPackage, offered: Sequence[LockedFile]) -> LockedPackage:
    named = [*package.wheels, *([package.sdist] if package.sdist is not None else [])]
    chosen = _by_name(named, offered) if named else _by_hash(package, offered)
    wheels = tuple(file for file in chosen if file.filename.endswith(".whl"))
    sdists = [file for file in chosen if not file.filename.endswith(".whl")]
    best = next((file for file in sdists if file.filename.endswith(".tar.gz")), sdists[0] if sdists else None)
    return replace(package, wheels=wheels, sdist=best)


def _by_name(named: Iterable[LockedFile], offered: Iterable[LockedFile]) -> tuple[LockedFile, ...]:
    """The lock's files with the addresses that the index has for them; those it has not are left out."""
    there = {file.filename: file for file in offered}
    by_digest = {file.digest: file for file in offered if file.digest is not None}
    found = []
    for file in named:
        if is_addressed(file):
            found.append(file)
            continue
        match = by_digest.get(file.digest) if file.digest is not None else None
        match = match or there.get(file.filename)
        if match is not None:
            # The lock's hash is what counts: whoever serves another file under this name is found out on fetching.
            found.append(LockedFile(url=match.url, digest=file.digest or match.digest, size=match.size))
    return tuple(found)


def _by_hash(package: LockedPackage, offered: Iterable[LockedFile]) -> tuple[LockedFile, ...]:
    files = of_version(offered, package.name, package.version)
    if not package.hashes:
        return files
    accepted = frozenset(package.hashes)
    found = [file for file in files if file.digest in accepted]
    return tuple(found) or tuple(_with_digest(file, accepted) for file in files if file.digest is None)


def _with_digest(file: LockedFile, accepted: frozenset[Digest]) -> LockedFile:
    """An index without hashes: where the lock has one, it must be that."""
    return replace(file, digest=next(iter(accepted))) if len(accepted) == 1 else file
