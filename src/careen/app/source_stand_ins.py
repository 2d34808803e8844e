"""Wheels in the place of distributions that have sources only, for uv to choose versions with: they hold nothing but
what the sources say that they need.
"""

import contextlib
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

from careen.errors import CareenError
from careen.python.index import PackageFiles
from careen.python.locked import LockedFile
from careen.python.names import PackageName
from careen.python.sdists import read_source_texts
from careen.python.source_metadata import requirements_of_source
from careen.text.values import dataclass

_LARGEST_SOURCES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceNeeds:
    """What a source distribution says of itself: distributions, and the Python that it is for."""

    file: LockedFile
    requires: tuple[str, ...]
    requires_python: str | None


def needs_of(files: Iterable[LockedFile], packages: PackageFiles) -> SourceNeeds | None:
    """Of the source distribution among the files; None where only its own code would tell."""
    sources = [file for file in files if file.filename.endswith((".tar.gz", ".zip")) and file.digest is not None]
    for source in sorted(sources, key=lambda file: file.filename.endswith(".zip")):
        try:
            texts = read_source_texts(packages.wheel(source, limit=_LARGEST_SOURCES))
        except (CareenError, OSError):
            continue
        requires = requirements_of_source(texts)
        if requires is not None:
            python = re.search(r"^Requires-Python:[ \t]*(\S.*)$", texts.get("PKG-INFO", ""), re.MULTILINE)
            return SourceNeeds(file=source, requires=requires, requires_python=python[1] if python else None)
    return None


def newest_version(versions: Iterable[str], specifier: str) -> str | None:
    """As installers choose (PEP 440): no pre-release unless one is asked for."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - few stacks need it
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415

    found: dict[Version, str] = {}
    for text in versions:
        with contextlib.suppress(InvalidVersion, InvalidSpecifier):
            version = Version(text)
            if SpecifierSet(specifier).contains(version):
                found[version] = text
    return found[max(found)] if found else None


def write_stand_in(folder: Path, name: PackageName, version: str, needs: SourceNeeds) -> None:
    """A wheel (binary distribution format)."""
    stem = f"{name.replace('-', '_')}-{version.replace('-', '_')}"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {needs.requires_python.strip()}"] if needs.requires_python is not None else []
    lines += [f"Requires-Dist: {' '.join(text.split())}" for text in needs.requires]
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{stem}.dist-info/METADATA", "\n".join([*lines, ""]))
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")
