"""``poetry.lock``, lock-versions 1 and 2 (poetry's ``packages/locker.py``).

[[package]]
name = "celery"
version = "5.4.0"
optional = false
python-versions = ">=3.8"
groups = ["main"]
markers = "sys_platform == 'linux'"
files = [{file = "celery-5.4.0-py3-none-any.whl", hash = "sha256:..."}]

[package.dependencies]
kombu = ">=5.3.4,<6.0"

[package.extras]
redis = ["redis (>=4.5.2)"]

The project's own needs are not in it: they come from ``pyproject.toml``. Neither are addresses of files.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
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
from careen.python.names import PackageName, normal_name
from careen.python.poetry_constraints import allows, alternatives, both, either, python_marker
from careen.python.poetry_project import PoetryNeed, PoetryProject, exclusive_extras, need_of
from careen.python.requirements import parse_requirement, without_extra
from careen.text.problems import SyntaxProblem
from careen.text.source import Source
from careen.text.values import dataclass

ROOT = PackageName("project")
"""Stands for a project without a name (package-mode = false)."""

_SUPPORTED = re.compile(r"[12]\.\d+")


def read_poetry_lock(source: Source, project: PoetryProject, document: Mapping[str, object] | None = None) -> Lock:
    """Raises SyntaxProblem, with the line where it is known, for anything that is not a lock of version 1 or 2."""
    if document is None:
        document = parse_lock_toml(source)
    reader = _Reader(source)
    metadata = reader.table(document.get("metadata", {}), "metadata")
    version = metadata.get("lock-version", "1.0" if metadata else None)
    if not isinstance(version, str) or not _SUPPORTED.fullmatch(version):
        hints = ("lock again: poetry lock",)
        raise SyntaxProblem(
            source.path, 1, f"a lock of version {version!r}, careen reads versions 1 and 2", hints=hints
        )
    reader.files = reader.table(metadata.get("files", {}), "metadata.files")
    reader.hashes = reader.table(metadata.get("hashes", {}), "metadata.hashes")
    items = reader.array(document.get("package", []), "package")
    drafts = [reader.draft(item, index) for index, item in enumerate(items)]
    edges = _Edges(drafts, project.sources)
    packages = tuple(edges.finished(draft) for draft in _newest_first(drafts))
    python = metadata.get("python-versions")
    name = project.name or ROOT
    return Lock(
        path=source.path,
        requires_python=python if isinstance(python, str) else None,
        packages=packages,
        root=LockedPackage(
            name=name,
            version="0",
            source=LocalSource(kind="editable", path=PurePosixPath()),
            dependencies=edges.of(project.plain),
            extras={extra: edges.of(needs) for extra, needs in project.extras.items()},
            groups={group: edges.of(needs) for group, needs in project.groups.items()},
        ),
        conflicts=tuple(
            tuple(ConflictItem(package=name, extra=extra) for extra in pair) for pair in exclusive_extras(project)
        ),
        default_groups=project.default_groups,
        indexes=project.indexes,
        extra_indexes=project.extra_indexes,
    )


@dataclass(frozen=True, kw_only=True)
class _Draft:
    package: LockedPackage
    python: str | None
    needs: tuple[PoetryNeed, ...]
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class _Reader(TomlLockReader):
    files: Mapping[str, object]
    hashes: Mapping[str, object]

    def __init__(self, source: Source) -> None:
        super().__init__(source, "package", "poetry lock")

    def draft(self, value: object, index: int) -> _Draft:
        path = f"package[{index}]"
        self.at(index)
        table = self.table(value, path)
        name = self.name(table.get("name"), path)
        written = self.string(table.get("name"), f"{path}.name")
        version = self.string(table.get("version"), f"{path}.version")
        source = self._source(table.get("source"), f"{path}.source", develop=table.get("develop") is True)
        listed = table.get("files", self.files.get(written, self.files.get(name, [])))
        files = [self._file(item, f"{path}.files", source) for item in self.array(listed, f"{path}.files")]
        files = [file for file in files if _is_of(file, version, self.files)]
        hashes = self.array(self.hashes.get(written, []), "metadata.hashes")
        needs = [
            need_of(self.name(other, f"{path}.dependencies"), item)
            for other, items in self.table(table.get("dependencies", {}), f"{path}.dependencies").items()
            for item in (items if isinstance(items, list) else [items])
        ]
        package = LockedPackage(
            name=name,
            version=version,
            source=source,
            wheels=tuple(file for file in files if file.filename.endswith(".whl")),
            sdist=_sdist(files),
            hashes=tuple(
                digest for item in hashes if (digest := self.digest(f"sha256:{item}", "metadata.hashes")) is not None
            ),
            marker=self._marker(table, path),
            line=self.line,
        )
        extras = self.table(table.get("extras", {}), f"{path}.extras")
        return _Draft(
            package=package,
            python=self.optional_string(table.get("python-versions"), f"{path}.python-versions"),
            needs=tuple(needs),
            extras={normal_name(extra): self.strings(texts, f"{path}.extras") for extra, texts in extras.items()},
        )

    def _marker(self, table: Mapping[str, object], path: str) -> str | None:
        """A marker, or one for each group, of which any will do: that a group is wanted, the walk knows.

        A group without one takes the package always.
        """
        value = table.get("markers", table.get("marker"))
        if not isinstance(value, dict):
            return self.optional_string(value, f"{path}.markers") or None
        groups = self.strings(table.get("groups", []), f"{path}.groups")
        if any(group not in value for group in groups):
            return None
        return either(self.string(marker, f"{path}.markers") for marker in value.values())

    def _source(self, value: object, path: str, *, develop: bool) -> LockSource:
        if value is None:
            return RegistrySource(index="")
        table = self.table(value, path)
        kind, url = table.get("type"), self.string(table.get("url"), f"{path}.url")
        match kind:
            case "legacy":
                return RegistrySource(index=url.rstrip("/"))
            case "url":
                return UrlSource(url=url)
            case "file":
                return LocalSource(kind="path", path=PurePosixPath(url))
            case "directory":
                return LocalSource(kind="editable" if develop else "directory", path=PurePosixPath(url))
            case "git":
                commit = self.string(table.get("resolved_reference", table.get("reference")), f"{path}.reference")
                below = self.optional_string(table.get("subdirectory"), f"{path}.subdirectory")
                return GitSource(url=f"{url}{f'?subdirectory={below}' if below else ''}#{commit}")
            case _:
                raise self.problem(f"{path}.type", f"{kind!r} is no source that careen knows")

    def _file(self, value: object, path: str, source: LockSource) -> LockedFile:
        table = self.table(value, path)
        name = self.string(table.get("file"), f"{path}.file")
        url = name
        if isinstance(source, UrlSource):
            url = source.url
        elif isinstance(source, LocalSource):
            url = str(source.path)
        told = table.get("url")
        return LockedFile(
            url=told if isinstance(told, str) else url,
            digest=self.digest(table.get("hash"), f"{path}.hash"),
            size=None,
        )


def _is_of(file: LockedFile, version: str, shared: Mapping[str, object]) -> bool:
    """Old locks list the files of all versions of a name together."""
    if not shared:
        return True
    plain = version.replace("-", "_")
    return f"-{version}" in file.filename or f"-{plain}" in file.filename or "://" in file.url


def _sdist(files: Iterable[LockedFile]) -> LockedFile | None:
    found = [file for file in files if not file.filename.endswith(".whl")]
    return next((file for file in found if file.filename.endswith(".tar.gz")), found[0] if found else None)


def _is_from(draft: _Draft, index: str) -> bool:
    source = draft.package.source
    return isinstance(source, RegistrySource) and source.index == index


def _newest_first(drafts: Sequence[_Draft]) -> Iterable[_Draft]:
    """Of several versions of a name the newest stands first, which is the one to be preferred."""
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415 - as where versions are compared

    names = [draft.package.name for draft in drafts]
    if len(set(names)) == len(names):
        return drafts

    def key(draft: _Draft) -> Version:
        try:
            return Version(draft.package.version)
        except InvalidVersion:
            return Version("0")

    return sorted(drafts, key=key, reverse=True)


class _Edges:
    """Needs in poetry's words as edges; a name that stands in the lock more than once is told apart by version."""

    def __init__(self, drafts: Sequence[_Draft], sources: Mapping[str, str]) -> None:
        self._sources = sources
        self._by_name: dict[PackageName, list[_Draft]] = {}
        for draft in _newest_first(drafts):
            self._by_name.setdefault(draft.package.name, []).append(draft)

    def finished(self, draft: _Draft) -> LockedPackage:
        package = draft.package
        several = len(self._by_name[package.name]) > 1
        python = python_marker(draft.python) if several and draft.python is not None else None
        return replace(
            package,
            dependencies=self.of(need for need in draft.needs if not need.optional),
            extras={extra: self._extra(draft, texts) for extra, texts in draft.extras.items()},
            marker=both(package.marker, python),
        )

    def of(self, needs: Iterable[PoetryNeed]) -> tuple[LockedDependency, ...]:
        return tuple(self._edge(need) for need in needs)

    def _extra(self, draft: _Draft, texts: Iterable[str]) -> tuple[LockedDependency, ...]:
        """An extra lists texts; what the lock says of the same names among the needs counts more."""
        found: list[LockedDependency] = []
        for text in texts:
            requirement = parse_requirement(text)
            if requirement is None:
                continue
            own = [need for need in draft.needs if need.name == requirement.name and need.optional]
            for need in own:
                marker = without_extra(need.marker) if need.marker is not None else None
                extras = tuple(dict.fromkeys((*need.extras, *requirement.extras)))
                found.append(self._edge(replace(need, marker=marker, extras=extras)))
            if not own and (requirement.name in self._by_name or requirement.name == draft.package.name):
                specifier = requirement.specifier.strip("()") or "*"
                found.append(
                    self._edge(
                        PoetryNeed(
                            name=requirement.name,
                            constraint=specifier,
                            extras=requirement.extras,
                            marker=without_extra(requirement.marker) if requirement.marker is not None else None,
                        )
                    )
                )
        return tuple(edge for edge in found if edge.name in self._by_name)

    def _edge(self, need: PoetryNeed) -> LockedDependency:
        candidates = self._by_name.get(need.name, [])
        versions: tuple[str, ...] = ()
        if len(candidates) > 1:
            allowed = alternatives(need.constraint)
            if need.source is not None:
                index = self._sources.get(need.source, "")
                candidates = [draft for draft in candidates if _is_from(draft, index)] or candidates
            fitting = [draft.package.version for draft in candidates if allows(allowed, draft.package.version)]
            versions = tuple(dict.fromkeys(fitting))
        return LockedDependency(name=need.name, extras=need.extras, marker=need.marker, versions=versions)
