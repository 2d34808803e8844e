"""Whose a file is, as package managers write it down: texts in, packages with the paths of their files out.

======================================  ==================================================================
``…/<name>-<version>.dist-info/RECORD``  paths below the site folder, CSV (binary distribution format)
``…/<name>.egg-info/installed-files.txt``  paths below the ``.egg-info`` folder, one a line (setuptools)
``var/lib/dpkg/info/<name>[:<arch>].list``  absolute paths, folders too (dpkg)
``var/lib/dpkg/status.d/<name>.md5sums``  digest and relative path (distroless)
``lib/apk/db/installed``                 see :mod:`careen.size.apk`
``…/conda-meta/<name>-<version>-….json``  ``name``, ``version``, ``files`` below the environment (conda)
======================================  ==================================================================

Versions of Debian packages stand in ``var/lib/dpkg/status`` and ``status.d/<name>``. Records are texts of strangers:
what they say of paths outside of the image or of lines without sense is passed over, and costs no more than a name.
"""

import csv
import io
import json
import posixpath
import re
from collections.abc import Iterable, Iterator

from careen.debian.control import ControlError, read_paragraphs
from careen.errors import CareenError
from careen.python.names import InvalidNameError, package_name
from careen.size.apk import INSTALLED, installed_packages
from careen.size.model import Ecosystem, PackageId
from careen.size.printable import printable
from careen.text.values import dataclass

LARGEST_RECORD = 16 << 20
"""Bytes; the longest RECORD of today has two million, a full dpkg status four."""

_DIST_INFO = re.compile(r"(?:(?P<site>.*)/)?(?P<folder>(?P<name>[^/-]+)-(?P<version>[^/]+)\.dist-info)/RECORD")
_EGG_INFO = re.compile(
    r"(?P<folder>(?:.*/)?(?P<name>[^/-]+)(?:-(?P<version>[^/-]+)(?:-[^/]*)?)?\.egg-info)/installed-files\.txt"
)
_DPKG_LIST = re.compile(r"var/lib/dpkg/info/(?P<name>[^/:]+)(?::(?P<architecture>[^/:]+))?\.list")
_DPKG_STATUS = "var/lib/dpkg/status"
_DISTROLESS_FOLDER = "var/lib/dpkg/status.d/"
_DISTROLESS_SUMS = ".md5sums"
_CONDA = re.compile(r"(?:(?P<prefix>.*)/)?conda-meta/[^/]+\.json")
_ENDINGS = ("/RECORD", "/installed-files.txt", ".list", ".json", "/installed", "/status")
"""Of all records but distroless's, so that most files are told apart without a pattern."""


class RecordError(CareenError):
    """A package manager's record is not what its format says; the message names the path."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A package and the paths, relative to the root, that are its own by its record."""

    package: PackageId
    paths: Iterable[str]


def is_record(path: str) -> bool:
    """Whether the content of the file at a path has to be read."""
    return (path.endswith(_ENDINGS) or path.startswith(_DISTROLESS_FOLDER)) and (
        ecosystem_of(path) is not None or _is_status(path)
    )


def _is_status(path: str) -> bool:
    return path == _DPKG_STATUS or (path.startswith(_DISTROLESS_FOLDER) and not path.endswith(_DISTROLESS_SUMS))


def debian_versions(path: str, data: bytes) -> Iterator[tuple[str, str]]:
    """(name, version) of each package that a status file describes; nothing for other files. Raises RecordError."""
    if not _is_status(path):
        return
    try:
        for fields in read_paragraphs(data.decode("utf-8", "replace")):
            if "package" in fields:
                yield fields["package"], fields.get("version", "")
    except ControlError as error:
        raise RecordError(f"/{printable(path[:200])} cannot be read: {error.message}") from error


def ecosystem_of(path: str) -> Ecosystem | None:
    """Whose record the file at a path is; None for one that claims nothing."""
    if _DIST_INFO.fullmatch(path) or _EGG_INFO.fullmatch(path):
        return Ecosystem.PYTHON
    if _DPKG_LIST.fullmatch(path) or (path.startswith(_DISTROLESS_FOLDER) and path.endswith(_DISTROLESS_SUMS)):
        return Ecosystem.DEBIAN
    if path in INSTALLED:
        return Ecosystem.ALPINE
    return Ecosystem.CONDA if _CONDA.fullmatch(path) else None


def claims(path: str, data: bytes, versions: dict[str, str]) -> Iterator[Claim]:
    """What a record claims; ``versions`` are those of Debian packages.

    Raises RecordError, also while the paths of a claim are gone through.
    """
    text = data.decode("utf-8", "replace")
    if (found := _DIST_INFO.fullmatch(path)) is not None:
        yield from _wheel(found["name"], found["version"], found["site"] or "", text, path)
    elif (found := _EGG_INFO.fullmatch(path)) is not None:
        name = _python_name(found["name"])
        inside = (line.strip() for line in text.splitlines())
        yield Claim(_package(Ecosystem.PYTHON, name, found["version"] or ""), _all_below(found["folder"], inside))
    elif (found := _DPKG_LIST.fullmatch(path)) is not None:
        yield Claim(_debian(found["name"], versions), _all_below("", (line.rstrip("/") for line in text.splitlines())))
    elif path.startswith(_DISTROLESS_FOLDER) and path.endswith(_DISTROLESS_SUMS):
        name = path.removeprefix(_DISTROLESS_FOLDER).removesuffix(_DISTROLESS_SUMS)
        pairs = (line.partition("  ") for line in text.splitlines())
        yield Claim(_debian(name, versions), _all_below("", (place.strip() for _, _, place in pairs)))
    elif path in INSTALLED:
        for package in installed_packages(text):
            yield Claim(_package(Ecosystem.ALPINE, package.name, package.version), _all_below("", package.paths))
    elif (found := _CONDA.fullmatch(path)) is not None:
        yield from _conda(found["prefix"] or "", data, path)


def _wheel(name: str, version: str, site: str, text: str, path: str) -> Iterator[Claim]:
    def paths() -> Iterator[str]:
        try:
            for row in csv.reader(io.StringIO(text, newline="")):
                if row and row[0] and (place := _below(site, row[0])) is not None:
                    yield place
        except csv.Error as error:
            raise RecordError(f"/{printable(path[:200])} cannot be read: {error}") from error

    yield Claim(_package(Ecosystem.PYTHON, _python_name(name), version), paths())


def _conda(prefix: str, data: bytes, path: str) -> Iterator[Claim]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"/{printable(path[:200])} cannot be read: {str(error)[:120]}") from error
    if not isinstance(document, dict) or not isinstance(document.get("name"), str):
        return
    files, version = document.get("files"), document.get("version")
    package = _package(Ecosystem.CONDA, document["name"], version if isinstance(version, str) else "")
    listed = files if isinstance(files, list) else []
    paths = (place for file in listed if isinstance(file, str) and (place := _below(prefix, file)) is not None)
    yield Claim(package, paths)


def _debian(name: str, versions: dict[str, str]) -> PackageId:
    return _package(Ecosystem.DEBIAN, name, versions.get(name, ""))


def _package(ecosystem: Ecosystem, name: str, version: str) -> PackageId:
    return PackageId(ecosystem=ecosystem.value, name=printable(name), version=printable(version))


def _python_name(text: str) -> str:
    try:
        return package_name(text)
    except InvalidNameError:
        return text


def _all_below(folder: str, paths: Iterable[str]) -> Iterator[str]:
    return (place for path in paths if path and (place := _below(folder, path)) is not None)


def _below(folder: str, path: str) -> str | None:
    """The place of a path that is given relative to a folder, or absolute; None when it is outside of the root."""
    if ".." not in path and not path.startswith(("/", "./")):
        return f"{folder}/{path}" if folder else path
    place = posixpath.normpath(posixpath.join(folder, path))
    place = place.lstrip("/")
    return None if place in ("", ".") or place.split("/", 1)[0] == ".." else place
