"""``uv.lock``, version 1 (uv documentation, "Resolver internals", and uv's own ``uv-resolver`` crate).

[[package]]
name = "celery"
version = "5.7.0"
source = { registry = "https://index.example/simple" }
dependencies = [{ name = "kombu", extra = ["redis"], marker = "sys_platform == 'linux'" }]
wheels = [{ url = "https://index.example/celery-5.7.0-py3-none-any.whl", hash = "sha256:...", size = 519594 }]

[package.optional-dependencies]
redis = [{ name = "kombu", extra = ["redis"] }]
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from careen.blobs.digest import Digest
from careen.errors import CareenError
from careen.python.names import PackageName, package_name
from careen.text.problems import SyntaxProblem
from careen.text.source import Source

SUPPORTED_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """A wheel or sdist; ``digest`` is None only for sources that have none (a path)."""

    url: str
    digest: Digest | None
    size: int | None

    @property
    def filename(self) -> str:
        return self.url.partition("#")[0].partition("?")[0].rpartition("/")[2].replace("%2B", "+")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySource:
    index: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSource:
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlSource:
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSource:
    """``kind`` is editable, virtual, directory or path; ``path`` is relative to the lock."""

    kind: str
    path: PurePosixPath


LockSource = RegistrySource | GitSource | UrlSource | LocalSource


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedDependency:
    """An edge: ``version`` and ``source`` are given only where a name stands in the lock more than once."""

    name: PackageName
    version: str | None
    extras: tuple[str, ...]
    marker: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    name: PackageName
    version: str
    source: LockSource
    dependencies: tuple[LockedDependency, ...]
    extras: Mapping[str, tuple[LockedDependency, ...]]
    groups: Mapping[str, tuple[LockedDependency, ...]]
    wheels: tuple[LockedFile, ...]
    sdist: LockedFile | None
    resolution_markers: tuple[str, ...]

    @property
    def is_local(self) -> bool:
        return isinstance(self.source, LocalSource)


@dataclass(frozen=True)
class UvLock:
    path: PurePosixPath
    requires_python: str | None
    packages: tuple[LockedPackage, ...]
    members: tuple[PackageName, ...] = field(default=())

    @cached_property
    def by_name(self) -> Mapping[PackageName, tuple[LockedPackage, ...]]:
        index: dict[PackageName, list[LockedPackage]] = {}
        for package in self.packages:
            index.setdefault(package.name, []).append(package)
        return {name: tuple(packages) for name, packages in index.items()}

    def project(self, name: PackageName | None) -> LockedPackage | None:
        """The project's own entry: by name, else the only local one at the lock's folder."""
        local = [package for package in self.packages if package.is_local]
        for package in local:
            if package.name == name:
                return package
        at_root = [p for p in local if isinstance(p.source, LocalSource) and p.source.path == PurePosixPath()]
        return at_root[0] if len(at_root) == 1 else None


class StaleLockError(CareenError):
    """The lock does not hold what the project asks for."""


def read_uvlock(source: Source) -> UvLock:
    """Raises SyntaxProblem, with the line where it is known, for anything that is not a lock of version 1."""
    try:
        document = tomllib.loads(source.text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise SyntaxProblem(source.path, int(line[1]) if line else 1, f"not TOML: {error}") from error
    version = document.get("version")
    if version != SUPPORTED_VERSION:
        raise SyntaxProblem(
            source.path, 1, f"a lock of version {version!r}, careen reads version 1", hints=("lock again with uv lock",)
        )
    packages = document.get("package", [])
    reader = _Reader(source)
    if not isinstance(packages, list):
        raise reader.problem("package", "must be an array of tables")
    manifest = document.get("manifest", {})
    members = manifest.get("members", []) if isinstance(manifest, dict) else []
    requires_python = document.get("requires-python")
    return UvLock(
        path=source.path,
        requires_python=requires_python if isinstance(requires_python, str) else None,
        packages=tuple(reader.package(item, f"package[{index}]") for index, item in enumerate(packages)),
        members=tuple(package_name(member) for member in members if isinstance(member, str)),
    )


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source

    def problem(self, path: str, complaint: str) -> SyntaxProblem:
        return SyntaxProblem(
            self._source.path,
            1,
            f"{path}: {complaint}",
            hints=("lock again with uv lock; locks are not written by hand",),
        )

    def package(self, value: object, path: str) -> LockedPackage:
        table = self._table(value, path)
        name = self._name(table.get("name"), path)
        version = table.get("version", "0")
        if not isinstance(version, str):
            raise self.problem(f"{path}.version", "must be a string")
        wheels = self._list(table.get("wheels", []), f"{path}.wheels")
        sdist = table.get("sdist")
        markers = self._list(table.get("resolution-markers", []), f"{path}.resolution-markers")
        return LockedPackage(
            name=name,
            version=version,
            source=self._lock_source(table.get("source", {}), f"{path}.source"),
            dependencies=self._dependencies(table.get("dependencies", []), f"{path}.dependencies"),
            extras=self._dependency_table(table.get("optional-dependencies", {}), f"{path}.optional-dependencies"),
            groups=self._dependency_table(
                table.get("dev-dependencies", table.get("dependency-groups", {})), f"{path}.dev-dependencies"
            ),
            wheels=tuple(
                file
                for index, item in enumerate(wheels)
                if (file := self._file(item, f"{path}.wheels[{index}]")) is not None
            ),
            sdist=self._file(sdist, f"{path}.sdist") if sdist is not None else None,
            resolution_markers=tuple(str(marker) for marker in markers),
        )

    def _table(self, value: object, path: str) -> Mapping[str, object]:
        if not isinstance(value, dict):
            raise self.problem(path, "must be a table")
        return value

    def _list(self, value: object, path: str) -> list[object]:
        if not isinstance(value, list):
            raise self.problem(path, "must be an array")
        return value

    def _name(self, value: object, path: str) -> PackageName:
        if not isinstance(value, str):
            raise self.problem(f"{path}.name", "must be a string")
        try:
            return package_name(value)
        except CareenError as error:
            raise self.problem(f"{path}.name", error.message) from error

    def _lock_source(self, value: object, path: str) -> LockSource:
        table = self._table(value, path)
        for kind, text in table.items():
            if not isinstance(text, str):
                continue
            if kind == "registry":
                return RegistrySource(index=text)
            if kind == "git":
                return GitSource(url=text)
            if kind == "url":
                return UrlSource(url=text)
            if kind in {"editable", "virtual", "directory", "path"}:
                return LocalSource(kind=kind, path=PurePosixPath(text))
        raise self.problem(path, "names no source that careen knows")

    def _dependencies(self, value: object, path: str) -> tuple[LockedDependency, ...]:
        found = []
        for index, item in enumerate(self._list(value, path)):
            table = self._table(item, f"{path}[{index}]")
            extras = table.get("extra", [])
            marker, version = table.get("marker"), table.get("version")
            found.append(
                LockedDependency(
                    name=self._name(table.get("name"), f"{path}[{index}]"),
                    version=version if isinstance(version, str) else None,
                    extras=tuple(str(extra) for extra in self._list(extras, f"{path}[{index}].extra")),
                    marker=marker if isinstance(marker, str) else None,
                )
            )
        return tuple(found)

    def _dependency_table(self, value: object, path: str) -> Mapping[str, tuple[LockedDependency, ...]]:
        table = self._table(value, path)
        return {name: self._dependencies(items, f"{path}.{name}") for name, items in table.items()}

    def _file(self, value: object, path: str) -> LockedFile | None:
        table = self._table(value, path)
        url = table.get("url") or table.get("path") or table.get("filename")
        if not isinstance(url, str):
            return None
        digest, size = table.get("hash"), table.get("size")
        try:
            parsed = Digest.parse(digest) if isinstance(digest, str) and digest.startswith("sha256:") else None
        except CareenError as error:
            raise self.problem(f"{path}.hash", error.message) from error
        return LockedFile(url=url, digest=parsed, size=size if isinstance(size, int) else None)
