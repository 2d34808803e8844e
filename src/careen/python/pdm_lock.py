"""``pdm.lock``, lock-version 4 (pdm's ``formats`` and ``models/repositories/lock.py``).

[[package]]
name = "celery"
version = "5.4.0"
extras = ["redis"]
groups = ["default"]
marker = "python_version >= '3.9'"
dependencies = ["kombu<6.0,>=5.3.4", "celery==5.4.0"]
files = [{file = "celery-5.4.0-py3-none-any.whl", hash = "sha256:..."}]

An entry with extras stands beside the plain one, and says only what the extras add. The project's own needs are those
packages whose groups say so. A lock without the strategy ``inherit_metadata``, as they were by default before pdm 2.11,
says no groups: there the project's needs come from pyproject.toml.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

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
from careen.python.pdm_project import PdmProject
from careen.python.requirements import parse_requirement
from careen.text.problems import SyntaxProblem
from careen.text.source import Source

ROOT = PackageName("project")
_SUPPORTED = re.compile(r"4\.[\d.]+")
_MAIN = "default"


def read_pdm_lock(source: Source, project: PdmProject, document: Mapping[str, object] | None = None) -> Lock:
    """The lock calls the project's extras groups like any other; ``project`` tells them apart.

    Raises SyntaxProblem, with the line where it is known, for anything that is not a lock of version 4.
    """
    if document is None:
        document = parse_lock_toml(source)
    reader = _Reader(source)
    metadata = reader.table(document.get("metadata", {}), "metadata")
    version = metadata.get("lock_version", metadata.get("lock-version"))
    if not isinstance(version, str) or not _SUPPORTED.fullmatch(version):
        raise SyntaxProblem(
            source.path, 1, f"a lock of version {version!r}, careen reads version 4", hints=("lock again: pdm lock",)
        )
    reader.files = reader.table(metadata.get("files", {}), "metadata.files")
    items = reader.array(document.get("package", []), "package")
    entries = [reader.entry(item, index) for index, item in enumerate(items)]
    inherits = "inherit_metadata" in reader.strings(metadata.get("strategy", []), "metadata.strategy")
    root = _by_groups(entries, project) if inherits else _by_project(project)
    targets = reader.array(metadata.get("targets", []), "metadata.targets")
    python = next(
        (str(item["requires_python"]) for item in targets if isinstance(item, dict) and "requires_python" in item), None
    )
    return Lock(
        path=source.path,
        requires_python=python,
        packages=_joined(entries),
        root=root,
        default_groups=tuple(root.groups),
    )


_Entry = tuple[LockedPackage, tuple[str, ...], tuple[str, ...]]
"""A package, its groups, and the extras that the entry is about."""


def _by_project(project: PdmProject) -> LockedPackage:
    return LockedPackage(
        name=project.name or ROOT,
        version="0",
        source=LocalSource(kind="editable", path=PurePosixPath()),
        dependencies=project.plain,
        extras=project.extras,
        groups=project.groups,
    )


def _by_groups(entries: list[_Entry], project: PdmProject) -> LockedPackage:
    names = dict.fromkeys(group for _, groups, _ in entries for group in groups)
    sections = {
        group: tuple(_edge(package, asked) for package, groups, asked in entries if group in groups) for group in names
    }
    others = {normal_name(name): edges for name, edges in sections.items() if name != _MAIN}
    return LockedPackage(
        name=project.name or ROOT,
        version="0",
        source=LocalSource(kind="editable", path=PurePosixPath()),
        dependencies=sections.get(_MAIN, ()),
        extras={name: edges for name, edges in others.items() if name in project.extras},
        groups={name: edges for name, edges in others.items() if name not in project.extras},
    )


def _edge(package: LockedPackage, extras: tuple[str, ...]) -> LockedDependency:
    return LockedDependency(name=package.name, version=package.version, extras=extras, marker=package.marker)


def _joined(entries: list[_Entry]) -> tuple[LockedPackage, ...]:
    """Entries with extras become extras of the plain one."""
    plain: dict[tuple[PackageName, str], LockedPackage] = {}
    for package, _, extras in entries:
        key = (package.name, package.version)
        if not extras:
            before = plain.get(key)
            plain[key] = package if before is None else replace(package, extras=before.extras)
            continue
        base = plain.get(key) or replace(package, dependencies=(), marker=None)
        own = tuple(edge for edge in package.dependencies or () if edge.name != package.name)
        plain[key] = replace(base, extras={**base.extras, **dict.fromkeys(extras, own)})
    return tuple(plain.values())


class _Reader(TomlLockReader):
    files: Mapping[str, object]

    def __init__(self, source: Source) -> None:
        super().__init__(source, "package", "pdm lock")

    def entry(self, value: object, index: int) -> _Entry:
        path = f"package[{index}]"
        self.at(index)
        table = self.table(value, path)
        source = self._source(table, path)
        shared = self.files.get(f"{table.get('name')} {table.get('version')}", [])  # so it was before version 4.3
        listed = self.array(table.get("files", shared), f"{path}.files")
        files = [self._file(item, f"{path}.files", source) for item in listed]
        wheels = tuple(file for file in files if file.filename.endswith(".whl"))
        others = [file for file in files if not file.filename.endswith(".whl")]
        package = LockedPackage(
            name=self.name(table.get("name"), path),
            version=self.optional_string(table.get("version"), f"{path}.version") or "0",
            source=source,
            dependencies=self._edges(table.get("dependencies", []), f"{path}.dependencies"),
            wheels=wheels,
            sdist=others[0] if others else None,
            marker=self.optional_string(table.get("marker"), f"{path}.marker") or None,
            line=self.line,
        )
        groups = self.strings(table.get("groups", [_MAIN]), f"{path}.groups")
        return package, groups, self.strings(table.get("extras", []), f"{path}.extras")

    def _edges(self, value: object, path: str) -> tuple[LockedDependency, ...]:
        found = []
        for text in self.strings(value, path):
            requirement = parse_requirement(text)
            if requirement is not None:
                found.append(
                    LockedDependency(name=requirement.name, extras=requirement.extras, marker=requirement.marker)
                )
        return tuple(found)

    def _source(self, table: Mapping[str, object], path: str) -> LockSource:
        git, url, folder = table.get("git"), table.get("url"), table.get("path")
        if isinstance(git, str):
            commit = self.string(table.get("revision"), f"{path}.revision")
            below = self.optional_string(table.get("subdirectory"), f"{path}.subdirectory")
            return GitSource(url=f"{git}{f'?subdirectory={below}' if below else ''}#{commit}")
        if isinstance(url, str):
            return UrlSource(url=url)
        if isinstance(folder, str):
            kind = "editable" if table.get("editable") is True else "directory"
            archive = folder.endswith((".whl", ".tar.gz", ".zip"))
            return LocalSource(kind="path" if archive else kind, path=PurePosixPath(folder))
        return RegistrySource(index="")

    def _file(self, value: object, path: str, source: LockSource) -> LockedFile:
        table = self.table(value, path)
        told = table.get("url")
        name = told if isinstance(told, str) else self.string(table.get("file"), f"{path}.file")
        if isinstance(source, UrlSource):
            name = source.url
        return LockedFile(url=name, digest=self.digest(table.get("hash"), f"{path}.hash"), size=None)
