"""``Pipfile.lock`` (pipfile specification 6; Pipenv's ``plette`` and ``requirementslib``).

{"_meta": {"hash": {"sha256": "..."}, "pipfile-spec": 6, "sources": [{"name": "main", "url": "https://index.example/simple"}]},
 "default": {"celery": {"version": "==5.4.0", "extras": ["redis"], "hashes": ["sha256:..."], "markers": "..."}},
 "develop": {...}}

Every category is a flat list; wheels tell what needs what.
"""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath

from careen.blobs.digest import Digest
from careen.errors import CareenError
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
from careen.python.names import PackageName, normal_name, package_name
from careen.text.problems import SyntaxProblem
from careen.text.source import Source

ROOT = PackageName("pipfile")
"""Stands for the project, which has no name here."""

DEVELOP = "dev"
"""The group that stands for ``develop``, as ``pipenv install --dev`` speaks of it."""

_HINTS = ("lock again: pipenv lock",)


def read_pipfile_lock(source: Source) -> Lock:
    """Raises SyntaxProblem, with the line where it is known, for anything that is not a lock of Pipenv's."""
    try:
        document = json.loads(source.text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        raise SyntaxProblem(source.path, error.lineno, f"not JSON: {error.msg}", hints=_HINTS) from error
    except RecursionError as error:
        raise SyntaxProblem(source.path, 1, "not JSON: nested too deeply", hints=_HINTS) from error
    return _Reader(source).lock(document)


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._sources: dict[str, str] = {}

    def problem(self, name: str, complaint: str) -> SyntaxProblem:
        return SyntaxProblem(self._source.path, self._line(name), complaint, hints=_HINTS)

    def _line(self, name: str) -> int:
        position = self._source.text.find(f'"{name}"')
        return self._source.line_of(position) if position >= 0 else 1

    def table(self, value: object, name: str) -> Mapping[str, object]:
        if not isinstance(value, dict):
            raise self.problem(name, f"{name} must be an object")
        return value

    def lock(self, document: object) -> Lock:
        table = self.table(document, "_meta")
        meta = self.table(table.get("_meta"), "_meta")
        listed = meta.get("sources", [])
        for item in listed if isinstance(listed, list) else []:
            entry = self.table(item, "sources")
            self._sources[str(entry.get("name", ""))] = str(entry.get("url", "")).rstrip("/")
        packages: dict[tuple[PackageName, str], LockedPackage] = {}
        groups: dict[str, tuple[LockedDependency, ...]] = {}
        for category, entries in table.items():
            if category == "_meta":
                continue
            edges = []
            for written, value in self.table(entries, category).items():
                package, edge = self._entry(written, self.table(value, written))
                packages.setdefault((package.name, package.version), package)
                edges.append(edge)
            group = {"default": "", "develop": DEVELOP}.get(category, normal_name(category))
            groups[group] = tuple(edges)
        requires = meta.get("requires")
        return Lock(
            path=self._source.path,
            requires_python=_python(requires if isinstance(requires, dict) else {}),
            packages=tuple(packages.values()),
            root=LockedPackage(
                name=ROOT,
                version="0",
                source=LocalSource(kind="virtual", path=PurePosixPath()),
                dependencies=groups.pop("", ()),
                groups=groups,
            ),
            default_groups=(),
            indexes=tuple(dict.fromkeys(self._sources.values())),
        )

    def _entry(self, written: str, table: Mapping[str, object]) -> tuple[LockedPackage, LockedDependency]:
        try:
            name = package_name(written)
        except CareenError as error:
            raise self.problem(written, error.message) from error
        source, file = self._origin(written, table)
        version = table.get("version", "")
        if not isinstance(version, str) or (isinstance(source, RegistrySource) and not version.startswith("==")):
            raise self.problem(written, f"{written} has no version: a lock names one")
        extras = table.get("extras", [])
        marker = table.get("markers")
        hashes = self._hashes(written, table.get("hashes", []))
        if file is not None and len(hashes) == 1 and file.digest is None:
            file = LockedFile(url=file.url, digest=hashes[0], size=None)
        plain = version.lstrip("=").strip() or "0"
        is_wheel = file is not None and file.filename.endswith(".whl")
        package = LockedPackage(
            name=name,
            version=plain,
            source=source,
            dependencies=None,
            wheels=(file,) if file is not None and is_wheel else (),
            sdist=file if file is not None and not is_wheel else None,
            hashes=hashes if file is None else (),
            line=self._line(written),
        )
        edge = LockedDependency(
            name=name,
            version=plain,
            extras=tuple(str(extra) for extra in extras) if isinstance(extras, list) else (),
            marker=marker if isinstance(marker, str) and marker else None,
        )
        return package, edge

    def _hashes(self, written: str, value: object) -> tuple[Digest, ...]:
        found = []
        for item in value if isinstance(value, list) else []:
            if isinstance(item, str) and item.startswith("sha256:"):
                try:
                    found.append(Digest.parse(item))
                except CareenError as error:
                    raise self.problem(written, error.message) from error
        return tuple(found)

    def _origin(self, written: str, table: Mapping[str, object]) -> tuple[LockSource, LockedFile | None]:
        git, path, file = table.get("git"), table.get("path"), table.get("file")
        if isinstance(git, str):
            commit, below = table.get("ref"), table.get("subdirectory")
            if not isinstance(commit, str):
                raise self.problem(written, f"{written} comes from git without a commit")
            return GitSource(url=f"{git}{f'?subdirectory={below}' if below else ''}#{commit}"), None
        if isinstance(path, str):
            kind = "editable" if table.get("editable") is True else "directory"
            return LocalSource(kind=kind, path=PurePosixPath(path)), None
        if isinstance(file, str):
            if "://" in file:
                return UrlSource(url=file.partition("#")[0]), LockedFile(
                    url=file.partition("#")[0], digest=None, size=None
                )
            return LocalSource(kind="path", path=PurePosixPath(file)), LockedFile(url=file, digest=None, size=None)
        index = table.get("index")
        return RegistrySource(index=self._sources.get(index, "") if isinstance(index, str) else ""), None


def _python(requires: Mapping[str, object]) -> str | None:
    full, plain = requires.get("python_full_version"), requires.get("python_version")
    if isinstance(full, str):
        return f"=={full}"
    return f"=={plain}.*" if isinstance(plain, str) else None
