"""Which shared libraries a wheel's own files ask for and do not bring (PEP 427; auditwheel's ``*.libs``)."""

import json
import os
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from careen.blobs.elf_streams import linkage_of
from careen.python.contents import installed_path, native_files
from careen.python.wheels import WheelFormatError
from careen.text.values import dataclass

_FORMAT = 1
_LARGEST_LIBRARY = 4 * 1024**3
_PIECE = 1 << 20
_GLIBC = re.compile(rb"\0GLIBC_(\d{1,3})\.(\d{1,3})(?=[.\0])")
_LONGEST_VERSION = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A library that is asked for by name, and the file of the wheel that asks."""

    soname: str
    wanted_by: str


def outside_needs(wheel: Path) -> tuple[Need, ...]:
    """What the wheel's ELF files need from elsewhere, by name, once each. Raises WheelFormatError, or OSError."""
    wanted: dict[str, str] = {}
    brought: set[str] = set()
    try:
        with zipfile.ZipFile(wheel) as archive:
            for path in native_files(archive.namelist()):
                if installed_path(path) is None or archive.getinfo(path).file_size > _LARGEST_LIBRARY:
                    continue
                linkage = linkage_of(archive.getinfo(path).file_size, lambda path=path: _pieces(archive, path))  # type: ignore[misc]
                if linkage is None:
                    continue
                brought |= {PurePosixPath(path).name, *([linkage.soname] if linkage.soname else [])}
                for name in linkage.needed:
                    wanted.setdefault(name, path)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise WheelFormatError(f"{wheel.name} cannot be read: {error}") from error
    return tuple(Need(soname=name, wanted_by=path) for name, path in sorted(wanted.items()) if name not in brought)


def _pieces(archive: zipfile.ZipFile, path: str) -> Iterator[bytes]:
    with archive.open(path) as stream:
        while data := stream.read(_PIECE):
            yield data


def newest_glibc(wheel: Path) -> tuple[int, int] | None:
    """The version of glibc without which the wheel's native files cannot be loaded; None when they ask for none.

    Versions are names in their string tables (Linux Standard Base, "Symbol Versioning"). Raises WheelFormatError, or
    OSError.
    """
    newest: tuple[int, int] | None = None
    try:
        with zipfile.ZipFile(wheel) as archive:
            for path in native_files(archive.namelist()):
                rest = b""
                for data in _pieces(archive, path):
                    for major, minor in _GLIBC.findall(rest + data):
                        newest = max(newest or (0, 0), (int(major), int(minor)))
                    rest = data[-_LONGEST_VERSION:]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise WheelFormatError(f"{wheel.name} cannot be read: {error}") from error
    return newest


@dataclass(frozen=True, slots=True)
class NeedsCache:
    """Keeps what was read of a wheel by its digest, since reading unpacks every library in it."""

    folder: Path

    def needs(self, wheel: Path, hex_digest: str) -> tuple[Need, ...]:
        """Raises WheelFormatError, or OSError."""
        known = self.known(hex_digest)
        if known is not None:
            return known
        found = outside_needs(wheel)
        place = self._place(hex_digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(dir=place.parent, prefix=".part-")
        with os.fdopen(descriptor, "w") as target:
            json.dump([[need.soname, need.wanted_by] for need in found], target)
        Path(aside).replace(place)
        return found

    def known(self, hex_digest: str) -> tuple[Need, ...] | None:
        try:
            rows = json.loads(self._place(hex_digest).read_bytes())
            return tuple(Need(soname=str(soname), wanted_by=str(path)) for soname, path in rows)
        except (OSError, ValueError, TypeError):
            return None

    def _place(self, hex_digest: str) -> Path:
        return self.folder / f"v{_FORMAT}" / hex_digest[:2] / f"{hex_digest}.json"


def sonames(needs: Iterable[Need]) -> frozenset[str]:
    return frozenset(need.soname for need in needs)
