"""Indices of a Debian suite: ``Packages`` (Debian policy, chapter 5) and ``Contents`` (Debian wiki, RepositoryFormat).

Both are read once as streams and kept with tables by which they are asked; see :mod:`careen.debian.tables`.
"""

import mmap
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field

from careen.blobs.digest import Digest, InvalidDigestError
from careen.debian.packages import BinaryPackage
from careen.debian.tables import Table, TableError, render_table
from careen.debian.versions import DebianVersion
from careen.errors import CareenError
from careen.text.values import dataclass

_NEEDED = ("Package", "Version", "Architecture", "Filename", "Size", "SHA256")
_FIELDS = (*_NEEDED, "Installed-Size", "Pre-Depends", "Depends", "Provides", "Recommends")
_FIELD = re.compile(
    rb"^(" + b"|".join(name.encode() for name in _FIELDS) + rb"):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE
)
_NAME = re.compile(rb"^Package:[ \t]*(\S+)", re.MULTILINE)
_PROVIDES = re.compile(rb"^Provides:[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
_PROVIDED = re.compile(r"([a-z0-9][a-z0-9+.-]*)(?::\w+)?\s*(?:\(=\s*([^)\s]+)\s*\))?")
_LIBRARY = re.compile(rb"^((?:usr/)?lib/(?:[^/\s]+/){0,2}([^/\s]+\.so(?:\.[0-9][^/\s]*)?))[ \t]+(\S+)$", re.MULTILINE)
_LONGEST_STANZA = 1 << 20


class IndexFormatError(CareenError):
    """The mirror's index is not what the format has it to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageTables:
    """Rendered tables: where in the index the stanzas of a package begin and how many bytes they have, by its name;
    and names by the virtual names that they provide.
    """

    packages: bytes
    provides: bytes


def read_packages(chunks: Iterable[bytes], keep: Callable[[bytes], object]) -> PackageTables:
    """Reads an uncompressed ``Packages`` file, whose bytes go to ``keep`` as they come.

    Of the sixty thousand stanzas a plan wants a hundred, so that no more than their names is read here.
    Raises IndexFormatError.
    """
    packages: list[bytes] = []  # lines of the table, as white space never stands in a name
    provides: list[tuple[str, str, str]] = []
    for offset, stanza in _stanzas(chunks, keep):
        match = _NAME.match(stanza) or _NAME.search(stanza)
        if match is None:
            raise IndexFormatError("a package in the index lacks its Package")
        packages.append(b"%s\t%d\t%d\n" % (match[1], offset, len(stanza)))
        if b"\nProvides:" in stanza and (found := _PROVIDES.search(stanza)) is not None:
            name, text = (part.decode("utf-8", "replace") for part in (match[1], found[1]))
            provides += [(virtual, name, version) for virtual, version in _PROVIDED.findall(text)]
    return PackageTables(packages=b"".join(sorted(packages)), provides=render_table(provides))


def read_contents(chunks: Iterable[bytes]) -> bytes:
    """The table of shared libraries by file name, from an uncompressed ``Contents`` file."""
    rows: list[tuple[str, ...]] = []
    for part in _whole_lines(chunks):
        for path, name, packages in _LIBRARY.findall(part):
            owners = [package.rpartition(b"/")[2] for package in packages.split(b",")]
            rows += [tuple(word.decode("utf-8", "replace") for word in (name, path, owner)) for owner in owners]
    return render_table(rows)


def _stanzas(chunks: Iterable[bytes], keep: Callable[[bytes], object]) -> Iterator[tuple[int, bytes]]:
    """Each with its offset."""
    rest, offset = b"", 0
    for chunk in chunks:
        keep(chunk)
        *whole, rest = (rest + chunk).split(b"\n\n")
        for stanza in whole:
            if stanza.strip():
                yield offset, stanza
            offset += len(stanza) + 2
        if len(rest) > _LONGEST_STANZA + len(chunk):
            raise IndexFormatError("the index has a stanza without an end")
    if rest.strip():
        yield offset, rest


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
    """One suite's packages, by tables into its index ``text``; ``mirror`` completes their addresses."""

    suite: str
    mirror: str
    packages: Table
    provides: Table
    text: bytes | mmap.mmap

    def versions(self, name: str) -> Iterator[BinaryPackage]:
        """Raises IndexFormatError or TableError."""
        for fields in self._stanzas(name):
            missing = [field for field in _NEEDED if field not in fields]
            if missing:
                raise IndexFormatError(f"{name} in the index lacks its {missing[0]}")
            filename, size, installed = fields["Filename"], fields["Size"], fields.get("Installed-Size", "")
            if ".." in filename.split("/") or not size.isdecimal() or (installed and not installed.isdecimal()):
                raise IndexFormatError(f"the index describes {name} in a way that cannot be")
            try:
                digest = Digest(fields["SHA256"].lower())
            except InvalidDigestError as error:
                raise IndexFormatError(f"the index has no digest for {name}") from error
            depends = (fields.get(field) for field in ("Pre-Depends", "Depends"))
            yield BinaryPackage(
                name=name,
                version=fields["Version"],
                architecture=fields["Architecture"],
                digest=digest,
                size=int(size),
                installed_bytes=int(installed or 0) * 1024,
                url=f"{self.mirror}/{filename}",
                depends=", ".join(part for part in depends if part),
            )

    def recommends(self, name: str, version: str) -> str | None:
        """What the package recommends, None for one that is not here. Raises TableError."""
        found = (fields for fields in self._stanzas(name) if fields.get("Version") == version)
        return next((fields.get("Recommends", "") for fields in found), None)

    def _stanzas(self, name: str) -> Iterator[Mapping[str, str]]:
        for _, offset, size in self.packages.rows(name, cells=3):
            if not (offset.isdecimal() and size.isdecimal()):
                raise TableError(f"a cached table has a damaged row for {name}", hints=("empty careen's cache",))
            stanza = self.text[int(offset) : int(offset) + int(size)]
            fields = {
                key.decode(): " ".join(value.decode("utf-8", "replace").split())
                for key, value in _FIELD.findall(stanza)
            }
            if fields.get("Package") != name:
                raise TableError(f"a cached index does not have {name} in its place", hints=("empty careen's cache",))
            yield fields


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
        answers = (suite.recommends(package.name, package.version) for suite in self.suites)
        return next(filter(None, answers), "")

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
