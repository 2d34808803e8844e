"""The distributions in an image, told by their own records (core metadata, "Recording installed projects")."""

import csv
import posixpath
import re
from collections.abc import Iterator, Mapping

from careen.oci.filesystem import ImageFile
from careen.prove.rootfs import ImageOnDisk
from careen.python.names import InvalidNameError, PackageName, package_name
from careen.text.values import dataclass

_METADATA = re.compile(r"(?P<folder>.+)/(?P<name>[^/]+)\.(?:dist|egg)-info/(?:METADATA|PKG-INFO)")
_VENDORED = re.compile(r"(?:^|/)_vendor(?:/|$)")
"""Copies of others' distributions that belong to the one around them: setuptools' own, for example."""
_LARGEST_METADATA = 1 << 20
_LARGEST_RECORD = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """``record`` is the path of its RECORD, whose rows are relative to ``folder``."""

    name: PackageName
    version: str
    folder: str
    record: str


def installed(image: ImageOnDisk) -> tuple[Installed, ...]:
    """By the ``Name`` and ``Version`` fields of their metadata; what has none is passed over."""
    found = []
    for file in image.files:
        match = _METADATA.fullmatch(file.path)
        if match is None or _VENDORED.search(match["folder"]):
            continue
        headers = _headers(image.read(file.path, _LARGEST_METADATA).decode("utf-8", "replace"))
        try:
            name = package_name(headers.get("name", ""))
        except InvalidNameError:
            continue
        record = f"{file.path.rpartition('/')[0]}/RECORD"
        found.append(Installed(name=name, version=headers.get("version", ""), folder=match["folder"], record=record))
    return tuple(found)


def owners(image: ImageOnDisk) -> Mapping[str, PackageName]:
    """Which distribution each recorded file of the image belongs to."""
    return {path: item.name for item in installed(image) for path in _recorded(image, item)}


def owned_files(image: ImageOnDisk) -> frozenset[str]:
    return frozenset(owners(image))


def module_owners(image: ImageOnDisk) -> Mapping[str, frozenset[PackageName]]:
    """Distributions by the top-level names that they bring; several may share a namespace package."""
    found: dict[str, set[PackageName]] = {}
    for item in installed(image):
        for path in _recorded(image, item):
            below = path.removeprefix(f"{item.folder}/")
            top, slash, _ = below.partition("/")
            name = top if slash else top.partition(".")[0]
            if below != path and name.isidentifier():
                found.setdefault(name, set()).add(item.name)
    return {name: frozenset(names) for name, names in found.items()}


def _recorded(image: ImageOnDisk, item: Installed) -> Iterator[str]:
    text = image.read(item.record, _LARGEST_RECORD).decode("utf-8", "replace")
    for row in csv.reader(text.splitlines()):
        if row:
            path = posixpath.normpath(posixpath.join(item.folder, row[0]))
            if not path.startswith(("..", "/")):
                yield path


def _headers(text: str) -> Mapping[str, str]:
    """The first of each; names in small letters."""
    headers: dict[str, str] = {}
    for line in text.splitlines():
        if not line:
            break
        name, colon, value = line.partition(":")
        if colon and not line[0].isspace():
            headers.setdefault(name.lower(), value.strip())
    return headers


def is_bytecode(file: ImageFile) -> bool:
    return file.path.endswith(".pyc")
