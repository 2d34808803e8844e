"""A compose project from its files: several files merged, ``extends`` and ``include`` followed.

Reads nothing itself: the caller hands in how a path is read.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from careen.compose.document import (
    ComposeDocument,
    YamlEntry,
    YamlMapping,
    YamlNode,
    YamlScalar,
    YamlSequence,
    read_compose,
)
from careen.compose.env_file import read_env_file
from careen.compose.interpolate import interpolate
from careen.compose.merge import merge_services, without_resets
from careen.compose.model import ComposeProject, ComposeService
from careen.compose.services import ServiceReader
from careen.errors import CareenError
from careen.text.problems import SyntaxProblem
from careen.text.source import Source
from careen.text.values import dataclass

DEFAULT_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
OVERRIDE_NAMES = (
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yaml",
    "docker-compose.override.yml",
)
_DEEPEST_EXTENDS = 50
_MOST_FILES = 200
_MOST_SERVICES = 1000
"""One machine runs tens; hostile text of the largest size names forty thousand, minutes of work."""
_REMOTE = re.compile(r"^(?:[a-z][a-z0-9+.-]*://|git@|github\.com/)")

Reader = Callable[[PurePosixPath], Source]


def project_name(folder: str) -> str:
    """As compose makes it from a folder's name: lower case, only letters, digits, ``-`` and ``_``."""
    return re.sub(r"[^a-z0-9_-]", "", folder.lower()).lstrip("_-") or "default"


def image_name(project: str, service: str) -> str:
    """The name of an image that compose builds without being told one, in the form of compose's first version."""
    return f"{project}_{service}"


def load_project(
    paths: Sequence[PurePosixPath], read: Reader, *, variables: Mapping[str, str], folder_name: str
) -> ComposeProject:
    """Raises what ``read`` raises for the files named in ``paths``, and SyntaxProblem for text that is not YAML.

    Relative paths in ``paths`` files stand for the folder of the first. What ``extends``, ``include`` and ``env_file``
    name and cannot be read becomes a note.
    """
    folder = paths[0].parent
    loader = _Loader(read, folder)
    scope = _Scope(folder, variables)
    for path in paths:
        loader.add(path, scope)
    named = variables.get("COMPOSE_PROJECT_NAME")
    names = [text for document in loader.documents if (text := _top_name(document, variables))]
    return ComposeProject(
        name=project_name(named or (names[-1] if names else folder_name)),
        folder=folder,
        documents=tuple(loader.documents),
        services=loader.services(),
        notes=tuple(dict.fromkeys(loader.notes)),
    )


def _top_name(document: ComposeDocument, variables: Mapping[str, str]) -> str | None:
    node = document.root.get("name")
    return interpolate(node.text, variables).text if isinstance(node, YamlScalar) else None


@dataclass(frozen=True)
class _Scope:
    """What holds for a file and those merged with it: where relative paths start, and the variables."""

    folder: PurePosixPath
    variables: Mapping[str, str]
    including: tuple[PurePosixPath, ...] = ()


class _Loader:
    def __init__(self, read: Reader, folder: PurePosixPath) -> None:
        self._read = read
        self._folder = folder
        self._entries: dict[str, tuple[ComposeDocument, YamlEntry, _Scope]] = {}
        self._known: dict[PurePosixPath, ComposeDocument] = {}
        self._folders: dict[PurePosixPath, PurePosixPath] = {}
        """Where the relative paths of a file start, for those files that a service was taken from."""
        self._loaded: set[tuple[PurePosixPath, ...]] = set()
        self._env_texts: dict[PurePosixPath, str | None] = {}
        self.documents: list[ComposeDocument] = []
        self.notes: list[str] = []

    def add(self, path: PurePosixPath, scope: _Scope) -> None:
        document = self._document(path)
        if document not in self.documents:
            self.documents.append(document)
        self._folders.setdefault(path, scope.folder)
        self._include(document, scope)
        services = document.root.get("services")
        if not isinstance(services, YamlMapping):
            if services is None and document.root.get("version") is None:
                services = _first_version_services(document.root)
            else:
                services = YamlMapping((), document.root.span)
        for entry in services:
            name = entry.key.text
            resolved = self._extended(document, entry, scope, ((path, name),))
            known = self._entries.get(name)
            if known is not None:
                # The service keeps the place where it was first described.
                merged = merge_services(known[1], resolved)
                self._entries[name] = (known[0], YamlEntry(known[1].key, merged.value), scope)
            elif len(self._entries) >= _MOST_SERVICES:
                line = document.source.line_of(entry.key.span.start)
                raise SyntaxProblem(path, line, f"more than {_MOST_SERVICES} services")
            else:
                self._entries[name] = (document, resolved, scope)

    def services(self) -> tuple[ComposeService, ...]:
        found: list[ComposeService] = []
        for name, (document, entry, scope) in self._entries.items():
            cleaned = YamlEntry(entry.key, without_resets(entry.value))
            reader = ServiceReader(document, scope.variables, self._folder_of)
            service = reader.read(name, cleaned)
            self.notes += reader.notes
            found.append(replace(service, file_environment=self._file_environment(service, scope)))
        return tuple(found)

    def _folder_of(self, path: PurePosixPath) -> PurePosixPath:
        """Relative to the project's folder."""
        return _relative(self._folders.get(path, self._folder), self._folder)

    def _document(self, path: PurePosixPath) -> ComposeDocument:
        document = self._known.get(path)
        if document is None:
            if len(self._known) >= _MOST_FILES:
                raise CareenError(f"{path}: more than {_MOST_FILES} compose files hang together")
            document = read_compose(self._read(path))
            self._known[path] = document
            self.notes += document.notes
        return document

    def _include(self, document: ComposeDocument, scope: _Scope) -> None:
        include = document.root.get("include")
        for item in include.items if isinstance(include, YamlSequence) else ():
            node = item.get("path") if isinstance(item, YamlMapping) else item
            texts = [
                interpolate(target.text, scope.variables).text
                for target in (node.items if isinstance(node, YamlSequence) else (node,))
                if isinstance(target, YamlScalar)
            ]
            where = f"{document.source.path}:{document.source.line_of(item.span.start)}"
            if not texts or any(_REMOTE.match(text) for text in texts):
                self.notes.append(f"{where}: an include from elsewhere is not read: {', '.join(texts) or 'nothing'}")
                continue
            paths = tuple(_join(scope.folder, text) for text in texts)
            if paths[0] in (*scope.including, document.source.path):
                self.notes.append(f"{where}: `include` leads in a circle; passed over")
                continue
            if paths in self._loaded:
                continue
            self._loaded.add(paths)
            inner = self._included_scope(item, paths, scope, document.source.path)
            for path in paths:
                try:
                    self.add(path, inner)
                except (CareenError, RecursionError) as error:
                    reason = error.message if isinstance(error, CareenError) else "nested too deeply"
                    self.notes.append(f"{where}: an included file was passed over: {reason}")

    def _included_scope(
        self, item: YamlNode, paths: tuple[PurePosixPath, ...], scope: _Scope, origin: PurePosixPath
    ) -> _Scope:
        folder = paths[0].parent
        env_files: list[PurePosixPath] = []
        if isinstance(item, YamlMapping):
            named, files = item.get("project_directory"), item.get("env_file")
            if isinstance(named, YamlScalar) and named.text:
                folder = _join(scope.folder, interpolate(named.text, scope.variables).text)
            env_files += [
                _join(scope.folder, interpolate(file.text, scope.variables).text)
                for file in (files.items if isinstance(files, YamlSequence) else (files,))
                if isinstance(file, YamlScalar) and not file.is_null
            ]
        variables: dict[str, str] = {}
        for path in env_files or [folder / ".env"]:
            text = self._env_text(path)
            if text is not None:
                variables.update(read_env_file(text, {**variables, **scope.variables}))
            elif env_files:
                self.notes.append(f"{origin}: the env file {path} cannot be read; its variables are not known")
        return _Scope(folder, {**variables, **scope.variables}, (*scope.including, origin))

    def _env_text(self, path: PurePosixPath) -> str | None:
        if path not in self._env_texts:
            try:
                self._env_texts[path] = self._read(path).text
            except CareenError:
                self._env_texts[path] = None
        return self._env_texts[path]

    def _file_environment(self, service: ComposeService, scope: _Scope) -> tuple[tuple[str, str], ...]:
        values: dict[str, str] = {}
        for file in service.env_files:
            path = _join(self._folder, file)
            text = self._env_text(path)
            if text is None:
                place = service.place
                self.notes.append(
                    f"{place.path}:{place.line}: the env file {file} of {service.name} cannot be read; "
                    "its variables are not known"
                )
            else:
                values.update(read_env_file(text, {**values, **scope.variables}))
        return tuple(values.items())

    def _extended(
        self,
        document: ComposeDocument,
        entry: YamlEntry,
        scope: _Scope,
        seen: tuple[tuple[PurePosixPath, str], ...],
    ) -> YamlEntry:
        """The service over the one that it extends, and so on."""
        chain = [entry]
        while True:
            node = chain[-1].value
            extends = node.get("extends") if isinstance(node, YamlMapping) else None
            if extends is None:
                break
            where = f"{document.source.path}:{document.source.line_of(extends.span.start)}"
            file, service = _extends_parts(extends, scope.variables)
            path = document.source.path if file is None else _join(self._start(document, scope), file)
            if service is None or (path, service) in seen or len(chain) > _DEEPEST_EXTENDS:
                self.notes.append(f"{where}: `extends` leads in a circle or nowhere; passed over")
                break
            try:
                document = self._document(path)
            except CareenError as error:
                self.notes.append(f"{where}: `extends` was passed over: {error.message}")
                break
            services = document.root.get("services")
            if services is None and document.root.get("version") is None:
                services = document.root
            parent = services.entry(service) if isinstance(services, YamlMapping) else None
            if parent is None:
                self.notes.append(f"{where}: `extends` names {service}, which is not in {path}")
                break
            self._folders.setdefault(path, path.parent)
            seen = (*seen, (path, service))
            chain.append(parent)
        merged = chain.pop()
        while chain:
            merged = merge_services(merged, chain.pop())
        return merged

    def _start(self, document: ComposeDocument, scope: _Scope) -> PurePosixPath:
        return self._folders.get(document.source.path, scope.folder)


def _extends_parts(extends: YamlNode, variables: Mapping[str, str]) -> tuple[str | None, str | None]:
    """File and service; None where nothing is said."""
    if isinstance(extends, YamlScalar):
        return None, interpolate(extends.text, variables).text or None
    if not isinstance(extends, YamlMapping):
        return None, None
    file, service = (
        interpolate(node.text, variables).text if isinstance(node, YamlScalar) and not node.is_null else None
        for node in (extends.get("file"), extends.get("service"))
    )
    return file or None, service or None


def _first_version_services(root: YamlMapping) -> YamlMapping:
    """Files of compose's first version have services at the top; each is a mapping with an image or a build."""
    entries = tuple(
        entry
        for entry in root
        if isinstance(entry.value, YamlMapping)
        and any(entry.value.get(key) is not None for key in ("image", "build", "extends"))
    )
    return YamlMapping(entries, root.span)


def _join(folder: PurePosixPath, relative: str) -> PurePosixPath:
    parts: list[str] = []
    for part in (folder / relative).parts:
        if part == ".." and parts and parts[-1] not in {"..", "/"}:
            parts.pop()
        else:
            parts.append(part)
    return PurePosixPath(*parts)


def _relative(folder: PurePosixPath, start: PurePosixPath) -> PurePosixPath:
    common = 0
    for one, other in zip(folder.parts, start.parts, strict=False):
        if one != other:
            break
        common += 1
    return PurePosixPath(*[".."] * (len(start.parts) - common), *folder.parts[common:])
