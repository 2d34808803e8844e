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
from careen.compose.interpolate import interpolate
from careen.compose.model import ComposeProject, ComposeService
from careen.compose.services import ServiceReader
from careen.errors import CareenError
from careen.text.source import Source

DEFAULT_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
OVERRIDE_NAMES = (
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yaml",
    "docker-compose.override.yml",
)

_APPENDED_KEYS = frozenset({"ports", "expose", "volumes", "tmpfs", "cap_add", "cap_drop", "security_opt", "devices"})
_MERGED_KEYS = frozenset(
    {
        "environment",
        "labels",
        "build",
        "healthcheck",
        "deploy",
        "depends_on",
        "logging",
        "args",
        "resources",
        "limits",
        "reservations",
    }
)

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

    What ``extends`` and ``include`` name and cannot be read becomes a note.
    """
    loader = _Loader(read, variables)
    for path in paths:
        loader.add(path)
    first = paths[0]
    name = next((text for document in loader.documents if (text := _top_name(document, variables))), None)
    return ComposeProject(
        name=project_name(name or folder_name),
        folder=first.parent,
        documents=tuple(loader.documents),
        services=tuple(loader.services.values()),
        notes=tuple(dict.fromkeys(loader.notes)),
    )


def _top_name(document: ComposeDocument, variables: Mapping[str, str]) -> str | None:
    node = document.root.get("name")
    return interpolate(node.text, variables).text if isinstance(node, YamlScalar) else None


class _Loader:
    def __init__(self, read: Reader, variables: Mapping[str, str]) -> None:
        self._read = read
        self._variables = variables
        self._entries: dict[str, tuple[ComposeDocument, YamlEntry]] = {}
        self._known: dict[PurePosixPath, ComposeDocument] = {}
        self._included: set[PurePosixPath] = set()
        self.documents: list[ComposeDocument] = []
        self.services: dict[str, ComposeService] = {}
        self.notes: list[str] = []

    def add(self, path: PurePosixPath) -> None:
        document = self._document(path)
        self.documents.append(document)
        self._include(document)
        services = document.root.get("services")
        if not isinstance(services, YamlMapping):
            if services is None and document.root.get("version") is None:
                services = _first_version_services(document.root)
            else:
                services = YamlMapping((), document.root.span)
        for entry in services:
            name = entry.key.text
            resolved = self._extended(document, entry, ((path, name),))
            known = self._entries.get(name)
            if known is not None:
                resolved = _merge_entries(known[1], resolved)
            self._entries[name] = (document, resolved)
            reader = ServiceReader(document, self._variables)
            service = reader.read(name, resolved)
            if known is not None:
                service = replace(service, place=self.services[name].place)
            self.services[name] = service
            self.notes += reader.notes

    def _document(self, path: PurePosixPath) -> ComposeDocument:
        document = self._known.get(path)
        if document is None:
            document = read_compose(self._read(path))
            self._known[path] = document
            self.notes += document.notes
        return document

    def _include(self, document: ComposeDocument) -> None:
        include = document.root.get("include")
        for item in include.items if isinstance(include, YamlSequence) else ():
            node = item.get("path") if isinstance(item, YamlMapping) else item
            nodes = node.items if isinstance(node, YamlSequence) else (node,)
            for target in nodes:
                if not isinstance(target, YamlScalar):
                    continue
                path = _join(document.source.path, interpolate(target.text, self._variables).text)
                if path in self._included or path == document.source.path:
                    continue
                self._included.add(path)
                try:
                    self.add(path)
                except CareenError as error:
                    line = document.source.line_of(target.span.start)
                    self.notes.append(
                        f"{document.source.path}:{line}: an included file was passed over: {error.message}"
                    )

    def _extended(
        self, document: ComposeDocument, entry: YamlEntry, seen: tuple[tuple[PurePosixPath, str], ...]
    ) -> YamlEntry:
        node = entry.value
        extends = node.get("extends") if isinstance(node, YamlMapping) else None
        if extends is None or not isinstance(node, YamlMapping):
            return entry
        file: str | None = None
        service = extends.text if isinstance(extends, YamlScalar) else None
        if isinstance(extends, YamlMapping):
            file_node, service_node = extends.get("file"), extends.get("service")
            file = file_node.text if isinstance(file_node, YamlScalar) else None
            service = service_node.text if isinstance(service_node, YamlScalar) else None
        line = document.source.line_of(extends.span.start)
        path = document.source.path if file is None else _join(document.source.path, file)
        if service is None or (path, service) in seen:
            self.notes.append(f"{document.source.path}:{line}: `extends` leads in a circle or nowhere; passed over")
            return entry
        try:
            parent_document = self._document(path)
        except CareenError as error:
            self.notes.append(f"{document.source.path}:{line}: `extends` was passed over: {error.message}")
            return entry
        services = parent_document.root.get("services")
        parent = services.entry(service) if isinstance(services, YamlMapping) else None
        if parent is None:
            self.notes.append(f"{document.source.path}:{line}: `extends` names {service}, which is not in {path}")
            return entry
        return _merge_entries(self._extended(parent_document, parent, (*seen, (path, service))), entry)


def _first_version_services(root: YamlMapping) -> YamlMapping:
    """Files of compose's first version have services at the top; each is a mapping with an image or a build."""
    entries = tuple(
        entry
        for entry in root
        if isinstance(entry.value, YamlMapping) and (entry.value.get("image") or entry.value.get("build"))
    )
    return YamlMapping(entries, root.span)


def _join(origin: PurePosixPath, relative: str) -> PurePosixPath:
    parts: list[str] = []
    for part in (origin.parent / relative).parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        else:
            parts.append(part)
    return PurePosixPath(*parts)


def _merge_entries(base: YamlEntry, override: YamlEntry) -> YamlEntry:
    """Compose's merge (specification, 13-merge): mappings by key, some lists joined, everything else replaced."""
    return YamlEntry(override.key, _merge(base.value, override.value, key=None))


def _merge(base: YamlNode, override: YamlNode, *, key: str | None) -> YamlNode:
    if isinstance(base, YamlMapping) and isinstance(override, YamlMapping):
        if key is not None and key not in _MERGED_KEYS:
            return override
        entries = {entry.key.text: entry for entry in base}
        for entry in override:
            known = entries.get(entry.key.text)
            value = entry.value if known is None else _merge(known.value, entry.value, key=entry.key.text)
            entries[entry.key.text] = YamlEntry(entry.key, value)
        return YamlMapping(tuple(entries.values()), override.span)
    if (
        isinstance(base, YamlSequence)
        and isinstance(override, YamlSequence)
        and key in _APPENDED_KEYS | {"environment"}
    ):
        return YamlSequence((*base.items, *override.items), override.span)
    return override
