"""Indices of a Debian suite: ``Packages`` (Debian policy, chapter 5) and ``Contents`` (Debian wiki, RepositoryFormat).

Both are read once as streams and kept as tables; see :mod:`careen.debian.tables`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field

from careen.blobs.digest import Digest, InvalidDigestError
from careen.debian.packages import BinaryPackage
from careen.debian.tables import Table, render_table
from careen.debian.versions import DebianVersion
from careen.errors import CareenError
from careen.text.values import dataclass

_FIELDS = (
    "Package",
    "Version",
    "Architecture",
    "Filename",
    "Size",
    "SHA256",
    "Installed-Size",
    "Pre-Depends",
    "Depends",
    "Provides",
    "Recommends",
)
_FIELD = re.compile(
    rb"^(" + b"|".join(name.encode() for name in _FIELDS) + rb"):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE
)
_PROVIDED = re.compile(r"([a-z0-9][a-z0-9+.-]*)(?::\w+)?\s*(?:\(=\s*([^)\s]+)\s*\))?")
_LIBRARY = re.compile(rb"^((?:usr/)?lib/(?:[^/\s]+/){0,2}([^/\s]+\.so(?:\.[0-9][^/\s]*)?))[ \t]+(\S+)$", re.MULTILINE)
_LONGEST_STANZA = 1 << 20


class IndexFormatError(CareenError):
    """The mirror's index is not what the format has it to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageTables:
    """Rendered tables: packages by name, names by the virtual names that they provide, what packages recommend."""

    packages: bytes
    provides: bytes
    recommends: bytes


def read_packages(chunks: Iterable[bytes]) -> PackageTables:
    """Reads an uncompressed ``Packages`` file. Raises IndexFormatError."""
    packages: list[tuple[str, ...]] = []
    provides: list[tuple[str, ...]] = []
    recommends: list[tuple[str, ...]] = []
    for stanza in _stanzas(chunks):
        fields = {key.decode(): value.decode("utf-8", "replace") for key, value in _FIELD.findall(stanza)}
        missing = [name for name in _FIELDS[:6] if name not in fields]
        if missing:
            raise IndexFormatError(f"a package in the index lacks its {missing[0]}")
        packages.append(tuple(fields.get(name, "") for name in _FIELDS[:9]))
        for name, version in _PROVIDED.findall(fields.get("Provides", "")):
            provides.append((name, fields["Package"], version))
        if fields.get("Recommends"):
            recommends.append((fields["Package"], fields["Version"], fields["Recommends"]))
    return PackageTables(
        packages=render_table(packages), provides=render_table(provides), recommends=render_table(recommends)
    )


def read_contents(chunks: Iterable[bytes]) -> bytes:
    """The table of shared libraries by file name, from an uncompressed ``Contents`` file."""
    rows: list[tuple[str, ...]] = []
    for part in _whole_lines(chunks):
        for path, name, packages in _LIBRARY.findall(part):
            owners = [package.rpartition(b"/")[2] for package in packages.split(b",")]
            rows += [tuple(word.decode("utf-8", "replace") for word in (name, path, owner)) for owner in owners]
    return render_table(rows)


def _stanzas(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n\n")
        yield from (stanza for stanza in whole if stanza.strip())
        if len(rest) > _LONGEST_STANZA + len(chunk):
            raise IndexFormatError("the index has a stanza without an end")
    if rest.strip():
        yield rest


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        lines, newline, tail = chunk.rpartition(b"\n")
        if newline:
            yield rest + lines
            rest = tail
        else:
            rest += tail
            if len(rest) > _LONGEST_STANZA:
                raise IndexFormatError("the index has a line without an end")
    yield rest


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteIndex:
    """One suite's packages; ``mirror`` completes their addresses."""

    suite: str
    mirror: str
    packages: Table
    provides: Table
    recommends: Table

    def versions(self, name: str) -> Iterator[BinaryPackage]:
        """Raises IndexFormatError or TableError."""
        for row in self.packages.rows(name, cells=9):
            _, version, architecture, filename, size, sha256, installed, pre_depends, depends = row
            if ".." in filename.split("/") or not size.isdecimal() or (installed and not installed.isdecimal()):
                raise IndexFormatError(f"the index describes {name} in a way that cannot be")
            try:
                digest = Digest(sha256.lower())
            except InvalidDigestError as error:
                raise IndexFormatError(f"the index has no digest for {name}") from error
            yield BinaryPackage(
                name=name,
                version=version,
                architecture=architecture,
                digest=digest,
                size=int(size),
                installed_bytes=int(installed or 0) * 1024,
                url=f"{self.mirror}/{filename}",
                depends=", ".join(part for part in (pre_depends, depends) if part),
            )


@dataclass(frozen=True, slots=True)
class Provider:
    """A package that offers a virtual name, with the version it offers it in, if it says so."""

    package: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The packages of several suites as one; of each package the newest version counts, unless one is pinned."""

    suites: tuple[SuiteIndex, ...]
    pinned: Mapping[str, BinaryPackage] = field(default_factory=dict)

    def newest(self, name: str) -> BinaryPackage | None:
        """Raises IndexFormatError, TableError or InvalidVersionError."""
        if name in self.pinned:
            return self.pinned[name]
        offers = [package for suite in self.suites for package in suite.versions(name)]
        return max(offers, key=lambda package: DebianVersion(package.version), default=None)

    def recommends(self, package: BinaryPackage) -> str:
        """Its ``Recommends`` field, empty when it has none. Raises TableError."""
        for suite in self.suites:
            for _, version, text in suite.recommends.rows(package.name, cells=3):
                if version == package.version:
                    return text
        return ""

    def providers(self, virtual: str) -> tuple[Provider, ...]:
        found = {
            Provider(package, version or None)
            for suite in self.suites
            for _, package, version in suite.provides.rows(virtual, cells=3)
        }
        return tuple(sorted(found, key=lambda provider: (provider.package, provider.version or "")))


@dataclass(frozen=True, slots=True)
class LibraryOffer:
    """A package that ships a shared library under this name, and where."""

    package: str
    path: str


@dataclass(frozen=True, slots=True)
class LibraryIndex:
    """Which package has which shared library; ``multiarch`` is Debian's library folder (``x86_64-linux-gnu``)."""

    tables: tuple[Table, ...]
    multiarch: str

    def offers(self, soname: str) -> tuple[LibraryOffer, ...]:
        """Best first: in the folder where the linker looks, then under the name that policy gives its package."""
        found = {
            LibraryOffer(package, path)
            for table in self.tables
            for _, path, package in table.rows(soname, cells=3)
            if not package.endswith("-dev")
        }
        default = {f"{top}lib/{folder}{soname}" for top in ("", "usr/") for folder in ("", f"{self.multiarch}/")}
        expected = policy_names(soname)
        return tuple(
            sorted(
                (offer for offer in found if offer.path in default or f"lib/{self.multiarch}/" in offer.path),
                key=lambda offer: (offer.path not in default, not offer.package.startswith(expected), offer.package),
            )
        )


def policy_names(soname: str) -> tuple[str, ...]:
    """The package where policy would have a library (Debian policy, section 8.1), and as it is named by habit.

    ``libGL.so.1`` is in ``libgl1`` and ``libpcre2-8.so.0`` in ``libpcre2-8-0``, but ``libglib-2.0.so.0`` in
    ``libglib2.0-0``.
    """
    stem, _, version = soname.partition(".so")
    name = stem.lower().replace("_", "-")
    version = version.lstrip(".")
    if name[-1:].isdigit() and version:
        return tuple(dict.fromkeys((f"{name}-{version}", f"{re.sub(r'-(?=[0-9.]+$)', '', name)}-{version}")))
    return (name + version,)
