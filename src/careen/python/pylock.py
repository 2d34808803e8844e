"""``pylock.toml`` (PEP 751; packaging specification "pylock.toml"), lock-version 1.

[[packages]]
name = "celery"
version = "5.7.0"
marker = "'worker' in dependency_groups"
dependencies = [{ name = "kombu" }]
wheels = [{ url = "https://index.example/celery-5.7.0-py3-none-any.whl", hashes = { sha256 = "..." } }]

The file says of itself which packages an installation takes: those whose markers hold. Edges are optional in it; where
they are left out, the metadata of wheels tells.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from careen.blobs.digest import Digest
from careen.python.lock_toml import TomlLockReader, parse_lock_toml
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
from careen.python.names import PackageName, normal_name
from careen.python.requirements import Requirement
from careen.text.problems import SyntaxProblem
from careen.text.source import Source

ROOT = PackageName("pylock")
"""Stands for the project, of which the format says nothing."""

_SUPPORTED = re.compile(r"1\.\d+")


def is_pylock_name(name: str) -> bool:
    """``pylock.toml`` or ``pylock.NAME.toml``, the two that the specification allows."""
    return re.fullmatch(r"pylock(\.[^.]+)?\.toml", name) is not None


def read_pylock(
    source: Source,
    document: Mapping[str, object] | None = None,
    *,
    project: PackageName = ROOT,
    asked: Iterable[Requirement] = (),
) -> Lock:
    """``project`` is the name under which the packages are asked for; ``asked`` are its own words, for their extras.

    Raises SyntaxProblem, with the line where it is known, for anything that is not a lock of version 1.
    """
    if document is None:
        document = parse_lock_toml(source)
    version = document.get("lock-version")
    if not isinstance(version, str) or not _SUPPORTED.fullmatch(version):
        hints = ("lock again: uv export --format pylock.toml",)
        raise SyntaxProblem(source.path, 1, f"a lock of version {version!r}, careen reads version 1", hints=hints)
    reader = _Reader(source)
    items = reader.array(document.get("packages", []), "packages")
    packages = tuple(reader.package(item, index) for index, item in enumerate(items))
    extras = [normal_name(name) for name in reader.strings(document.get("extras", []), "extras")]
    defaults = reader.strings(document.get("default-groups", []), "default-groups")
    groups = reader.strings(document.get("dependency-groups", []), "dependency-groups")
    wanted = {requirement.name: requirement.extras for requirement in asked}
    root = LockedPackage(
        name=project,
        version="0",
        source=LocalSource(kind="virtual", path=PurePosixPath()),
        dependencies=tuple(
            LockedDependency(
                name=found.name,
                version=found.version,
                source=found.source,
                extras=wanted.get(found.name, ()),
                marker=found.marker,
            )
            for found in packages
        ),
        extras=dict.fromkeys(extras, ()),
        groups={normal_name(group): () for group in dict.fromkeys((*groups, *defaults))},
    )
    return Lock(
        path=source.path,
        requires_python=reader.optional_string(document.get("requires-python"), "requires-python"),
        packages=packages,
        root=root,
        default_groups=tuple(normal_name(group) for group in defaults),
    )


class _Reader(TomlLockReader):
    def __init__(self, source: Source) -> None:
        super().__init__(source, "packages", "the tool that wrote it")

    def package(self, value: object, index: int) -> LockedPackage:
        path = f"packages[{index}]"
        self.at(index)
        table = self.table(value, path)
        name = self.name(table.get("name"), path)
        marker = self.optional_string(table.get("marker"), f"{path}.marker")
        version = self.optional_string(table.get("version"), f"{path}.version") or "0"
        wheels = [self._file(item, f"{path}.wheels") for item in self.array(table.get("wheels", []), f"{path}.wheels")]
        sdist = self._file(table["sdist"], f"{path}.sdist") if "sdist" in table else None
        source, archive = self._source(table, path)
        if archive is not None:
            if archive.filename.endswith(".whl"):
                wheels = [archive]
            else:
                sdist = archive
        if not wheels and sdist is None and isinstance(source, RegistrySource):
            raise self.problem(path, "names no file, no repository and no folder to install from")
        return LockedPackage(
            name=name,
            version=version,
            source=source,
            dependencies=self._dependencies(table, path),
            wheels=tuple(wheels),
            sdist=sdist,
            marker=marker,
            line=self.line,
        )

    def _dependencies(self, table: Mapping[str, object], path: str) -> tuple[LockedDependency, ...] | None:
        if "dependencies" not in table:
            return None
        found = []
        for item in self.array(table["dependencies"], f"{path}.dependencies"):
            edge = self.table(item, f"{path}.dependencies")
            found.append(
                LockedDependency(
                    name=self.name(edge.get("name"), f"{path}.dependencies"),
                    version=self.optional_string(edge.get("version"), f"{path}.dependencies.version"),
                )
            )
        return tuple(found)

    def _source(self, table: Mapping[str, object], path: str) -> tuple[LockSource, LockedFile | None]:
        """Where the package comes from, and the archive itself where that is all there is."""
        if "vcs" in table:
            return self._vcs(self.table(table["vcs"], f"{path}.vcs"), f"{path}.vcs"), None
        if "directory" in table:
            directory = self.table(table["directory"], f"{path}.directory")
            folder = self.string(directory.get("path"), f"{path}.directory.path")
            below = self.optional_string(directory.get("subdirectory"), f"{path}.directory.subdirectory")
            kind = "editable" if directory.get("editable") is True else "directory"
            return LocalSource(kind=kind, path=PurePosixPath(folder, below or "")), None
        if "archive" in table:
            archive = self._file(table["archive"], f"{path}.archive")
            if "://" in archive.url:
                return UrlSource(url=archive.url), archive
            return LocalSource(kind="path", path=PurePosixPath(archive.url)), archive
        return RegistrySource(index=self.optional_string(table.get("index"), f"{path}.index") or ""), None

    def _vcs(self, table: Mapping[str, object], path: str) -> LockSource:
        if table.get("type") != "git":
            raise self.problem(path, f"a repository of {table.get('type')!r}, careen knows git")
        address = self.optional_string(table.get("url"), f"{path}.url") or self.string(
            table.get("path"), f"{path}.path"
        )
        commit = self.string(table.get("commit-id"), f"{path}.commit-id")
        below = self.optional_string(table.get("subdirectory"), f"{path}.subdirectory")
        query = f"?subdirectory={below}" if below else ""
        return GitSource(url=f"{address.removeprefix('git+')}{query}#{commit}")

    def _file(self, value: object, path: str) -> LockedFile:
        table = self.table(value, path)
        address = table.get("url") or table.get("path")
        if not isinstance(address, str):
            raise self.problem(path, "has neither url nor path")
        size = table.get("size")
        return LockedFile(
            url=address,
            digest=self._hash(self.table(table.get("hashes", {}), f"{path}.hashes"), f"{path}.hashes"),
            size=size if isinstance(size, int) and not isinstance(size, bool) else None,
        )

    def _hash(self, table: Mapping[str, object], path: str) -> Digest | None:
        value = table.get("sha256")
        return None if value is None else self.digest(f"sha256:{self.string(value, path)}", path)
