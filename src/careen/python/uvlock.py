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

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from careen.python.lock_toml import TomlLockReader, parse_lock_toml
from careen.python.locked import (
    ConflictItem,
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
from careen.python.names import PackageName
from careen.text.problems import SyntaxProblem
from careen.text.source import Source

SUPPORTED_VERSION = 1


def read_uvlock(source: Source, document: Mapping[str, object] | None = None) -> Lock:
    """``document`` is the text as TOML, for callers that have it already.

    Raises SyntaxProblem, with the line where it is known, for anything that is not a lock of version 1.
    """
    if document is None:
        document = parse_lock_toml(source)
    version = document.get("version")
    if version != SUPPORTED_VERSION:
        raise SyntaxProblem(
            source.path, 1, f"a lock of version {version!r}, careen reads version 1", hints=("lock again with uv lock",)
        )
    reader = _Reader(source)
    packages = reader.array(document.get("package", []), "package")
    manifest = reader.table(document.get("manifest", {}), "manifest")
    members = reader.array(manifest.get("members", []), "manifest.members")
    requires_python = document.get("requires-python")
    return Lock(
        path=source.path,
        requires_python=requires_python if isinstance(requires_python, str) else None,
        packages=tuple(reader.package(item, index) for index, item in enumerate(packages)),
        members=tuple(reader.name(member, "manifest.members") for member in members),
        conflicts=reader.conflicts(document.get("conflicts", [])),
        groups=reader.dependency_table(manifest.get("dependency-groups", {}), "manifest.dependency-groups"),
        overridden=tuple(reader.overridden(manifest)),
    )


class _Reader(TomlLockReader):
    def __init__(self, source: Source) -> None:
        super().__init__(source, "package", "uv lock")
        self._folder = source.path.parent
        self._sources: dict[tuple[str, str], LockSource] = {}

    def overridden(self, manifest: Mapping[str, object]) -> Iterator[PackageName]:
        """Names in uv's ``override-dependencies`` and ``exclude-dependencies``, which the manifest keeps."""
        for override in self.array(manifest.get("overrides", []), "manifest.overrides"):
            table = self.table(override, "manifest.overrides")
            yield self.name(table.get("name"), "manifest.overrides")
        for name in self.array(manifest.get("excludes", []), "manifest.excludes"):
            yield self.name(name, "manifest.excludes")

    def conflicts(self, value: object) -> tuple[tuple[ConflictItem, ...], ...]:
        found = []
        for index, items in enumerate(self.array(value, "conflicts")):
            path = f"conflicts[{index}]"
            tables = [self.table(item, path) for item in self.array(items, path)]
            found.append(
                tuple(
                    ConflictItem(
                        package=self.name(table.get("package"), path),
                        extra=self.optional_string(table.get("extra"), path),
                        group=self.optional_string(table.get("group"), path),
                    )
                    for table in tables
                )
            )
        return tuple(found)

    def package(self, value: object, index: int) -> LockedPackage:
        path = f"package[{index}]"
        self.at(index)
        table = self.table(value, path)
        name = self.name(table.get("name"), path)
        version = table.get("version", "0")
        if not isinstance(version, str):
            raise self.problem(f"{path}.version", "must be a string")
        wheels = self.array(table.get("wheels", []), f"{path}.wheels")
        sdist = table.get("sdist")
        markers = self.array(table.get("resolution-markers", []), f"{path}.resolution-markers")
        source = self._lock_source(table.get("source", {}), f"{path}.source")
        files = tuple(file for item in wheels if (file := self._file(item, f"{path}.wheels", source)) is not None)
        return LockedPackage(
            name=name,
            version=version,
            source=source,
            dependencies=self._dependencies(table.get("dependencies", []), f"{path}.dependencies"),
            extras=self.dependency_table(table.get("optional-dependencies", {}), f"{path}.optional-dependencies"),
            groups=self.dependency_table(
                table.get("dev-dependencies", table.get("dependency-groups", {})), f"{path}.dev-dependencies"
            ),
            wheels=files,
            sdist=self._file(sdist, f"{path}.sdist", source) if sdist is not None else None,
            resolution_markers=tuple(str(marker) for marker in markers),
            line=self.line,
        )

    def _lock_source(self, value: object, path: str) -> LockSource:
        table = self.table(value, path)
        for kind, text in table.items():
            if not isinstance(text, str):
                continue
            known = self._sources.get((kind, text))
            if known is None:
                known = _source_of(kind, text)
            if known is not None:
                self._sources[kind, text] = known
                return known
        raise self.problem(path, "names no source that careen knows")

    def _dependencies(self, value: object, path: str) -> tuple[LockedDependency, ...]:
        found = []
        for item in self.array(value, path):
            table = self.table(item, path)
            source = table.get("source")
            found.append(
                LockedDependency(
                    name=self.name(table.get("name"), path),
                    version=self.optional_string(table.get("version"), f"{path}.version"),
                    source=self._lock_source(source, f"{path}.source") if source is not None else None,
                    extras=tuple(
                        str(extra) for extra in self.array(table.get("extra", table.get("extras", [])), f"{path}.extra")
                    ),
                    marker=self.optional_string(table.get("marker"), f"{path}.marker"),
                )
            )
        return tuple(found)

    def dependency_table(self, value: object, path: str) -> Mapping[str, tuple[LockedDependency, ...]]:
        table = self.table(value, path)
        return {name: self._dependencies(items, f"{path}.{name}") for name, items in table.items()}

    def _file(self, value: object, path: str, source: LockSource) -> LockedFile | None:
        """Files of an index carry their address, those of a folder a path, an archive itself only its hash."""
        table = self.table(value, path)
        url = table.get("url") or table.get("path") or table.get("filename")
        if isinstance(source, UrlSource) and not isinstance(table.get("url"), str):
            url = source.url
        elif isinstance(source, LocalSource) and source.kind == "path":
            url = str(self._folder / source.path)
        elif isinstance(source, RegistrySource) and "path" in table and "://" not in source.index:
            url = str(self._folder / source.index / str(url))
        if not isinstance(url, str):
            return None
        size = table.get("size")
        digest = self.digest(table.get("hash"), f"{path}.hash")
        return LockedFile(url=url, digest=digest, size=size if isinstance(size, int) else None)


def _source_of(kind: str, text: str) -> LockSource | None:
    match kind:
        case "registry":
            return RegistrySource(index=text)
        case "git":
            return GitSource(url=text)
        case "url":
            return UrlSource(url=text)
        case "editable" | "virtual" | "directory" | "path":
            return LocalSource(kind=kind, path=PurePosixPath(text))
        case _:
            return None
