"""Plans upon Alpine: the official image of a Python, by what is known of every such image, and what services need
beyond it.

Its C library is musl, so that wheels for glibc, and libraries of Debian's packages, are of no use there. Libraries and
programs come from Alpine's own packages, whose names are given here; what they weigh is told by no index that careen
reads, and is not part of any size.
"""

import re
from collections.abc import Iterable, Mapping

from careen.plan.official_image import OfficialImage
from careen.plan.target import ImageBase
from careen.python.c_library import OF_ALPINE, is_part_of_musl
from careen.python.contents import DistributionContents
from careen.python.locked import LockedFile, LockedPackage
from careen.python.names import PackageName, PythonVersion
from careen.text.values import dataclass

ALPINE = "alpine"
"""How the base is named that nobody has looked at."""

_BYTES = 52_000_000
"""Of a patch release markers ask rarely, and never for one that is not out yet."""

_LIBRARIES = (
    "libbz2.so.1 libcrypto.so.3 libffi.so.8 libgdbm.so.6 liblzma.so.5 libncursesw.so.6 libpanelw.so.6 libreadline.so.8 "
    "libsqlite3.so.0 libssl.so.3 libuuid.so.1 libz.so.1"
)
"""What the interpreter of the image is linked with (``.python-rundeps``), beside musl."""

_PACKAGE_OF_LIBRARY: Mapping[str, str] = {
    "libEGL.so.1": "mesa-egl",
    "libGL.so.1": "mesa-gl",
    "libSM.so.6": "libsm",
    "libX11.so.6": "libx11",
    "libXext.so.6": "libxext",
    "libXrender.so.1": "libxrender",
    "libcairo.so.2": "cairo",
    "libcurl.so.4": "libcurl",
    "libdmtx.so.0": "libdmtx",
    "libexpat.so.1": "libexpat",
    "libfontconfig.so.1": "fontconfig",
    "libfreetype.so.6": "freetype",
    "libgcc_s.so.1": "libgcc",
    "libgfortran.so.5": "libgfortran",
    "libgio-2.0.so.0": "glib",
    "libglib-2.0.so.0": "glib",
    "libgobject-2.0.so.0": "glib",
    "libgomp.so.1": "libgomp",
    "libgthread-2.0.so.0": "glib",
    "libharfbuzz-subset.so.0": "harfbuzz-subset",
    "libharfbuzz.so.0": "harfbuzz",
    "libldap.so.2": "libldap",
    "libmagic.so.1": "libmagic",
    "libmariadb.so.3": "mariadb-connector-c",
    "libodbc.so.2": "unixodbc",
    "libpango-1.0.so.0": "pango",
    "libpangocairo-1.0.so.0": "pango",
    "libpangoft2-1.0.so.0": "pango",
    "libpng16.so.16": "libpng",
    "libpq.so.5": "libpq",
    "libsasl2.so.3": "libsasl",
    "libsndfile.so.1": "libsndfile",
    "libsodium.so.26": "libsodium",
    "libstdc++.so.6": "libstdc++",
    "libusb-1.0.so.0": "libusb",
    "libvips.so.42": "vips",
    "libxcb.so.1": "libxcb",
    "libxml2.so.2": "libxml2",
    "libxslt.so.1": "libxslt",
    "libyaml-0.so.2": "yaml",
    "libzbar.so.0": "zbar",
    "libzstd.so.1": "zstd-libs",
}

_PACKAGE_OF_DEBIANS: Mapping[str, str] = {
    "chromium": "chromium",
    "chromium-driver": "chromium-chromedriver",
    "default-jre": "openjdk17-jre",
    "default-jre-headless": "openjdk17-jre-headless",
    "default-mysql-client": "mysql-client",
    "ffmpeg": "ffmpeg",
    "fontconfig": "fontconfig",
    "ghostscript": "ghostscript",
    "graphviz": "graphviz",
    "imagemagick": "imagemagick",
    "libcairo2": "cairo",
    "libdmtx0b": "libdmtx",
    "libenchant-2-2": "enchant2",
    "libgdal32": "gdal",
    "libgdk-pixbuf-2.0-0": "gdk-pixbuf",
    "libgdk-pixbuf2.0-0": "gdk-pixbuf",
    "libgeos-c1v5": "geos",
    "libgl1": "mesa-gl",
    "libglib2.0-0": "glib",
    "libharfbuzz-subset0": "harfbuzz-subset",
    "libmagic1": "libmagic",
    "libmariadb3": "mariadb-connector-c",
    "libpango-1.0-0": "pango",
    "libpangocairo-1.0-0": "pango",
    "libpangoft2-1.0-0": "pango",
    "libportaudio2": "portaudio",
    "libpq5": "libpq",
    "libproj25": "proj",
    "libreoffice": "libreoffice",
    "libsndfile1": "libsndfile",
    "libsodium23": "libsodium",
    "libspatialite7": "libspatialite",
    "libusb-1.0-0": "libusb",
    "libvips": "vips",
    "libvips42": "vips",
    "libxml2": "libxml2",
    "libxmlsec1-openssl": "xmlsec",
    "libxslt1.1": "libxslt",
    "libzbar0": "zbar",
    "poppler-utils": "poppler-utils",
    "postgresql-client": "postgresql-client",
    "redis-tools": "redis",
    "tesseract-ocr": "tesseract-ocr",
    "xz-utils": "xz",
}

_SAME_NAME = frozenset(
    {"bash", "ca-certificates", "curl", "dumb-init", "gettext", "git", "gnupg", "jq", "less", "netcat-openbsd"}
    | {"openssh-client", "procps", "rsync", "strace", "subversion", "sudo", "tini", "tzdata", "unzip", "wget", "zip"}
)

_MUSL = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_FIRST_WITH_PACKED_RELOCATIONS = (1, 2, 4)

COMPILER = ("build-base",)
_TO_COMPILE: Mapping[str, tuple[str, ...]] = {
    "lxml": ("libxml2-dev", "libxslt-dev"),
    "mysqlclient": ("mariadb-connector-c-dev", "pkgconf"),
    "psycopg2": ("libpq-dev",),
    "psycopg2-binary": ("libpq-dev",),
    "psycopg-c": ("libpq-dev",),
    "python-ldap": ("openldap-dev",),
    "pycurl": ("curl-dev",),
    "xmlsec": ("xmlsec-dev", "libxml2-dev"),
}
"""Packages with the headers that sources ask for, beside the compiler's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpineNeeds:
    """``packages`` are Alpine's, ``unfit`` sentences about what cannot be had there."""

    packages: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()


NOTHING_OF_ALPINE = AlpineNeeds()


def described_alpine(version: PythonVersion) -> ImageBase:
    return OfficialImage(
        tag="alpine",
        system="alpine",
        system_version="",
        c_library=OF_ALPINE,
        libraries=tuple(_LIBRARIES.split()),
        bytes=_BYTES,
    ).described(version)


def package_of_library(soname: str) -> str | None:
    return _PACKAGE_OF_LIBRARY.get(soname)


def package_of_debians(package: str) -> str | None:
    """Alpine's package for what one of Debian's is installed for; None where careen knows none."""
    return package if package in _SAME_NAME else _PACKAGE_OF_DEBIANS.get(package)


def packages_to_compile(name: str) -> tuple[str, ...]:
    return (*COMPILER, *_TO_COMPILE.get(name, ()))


def musl_without_packed_relocations(base: ImageBase) -> str | None:
    """Its version, where the base's is older than 1.2.4: libraries with ``DT_RELR``, which many wheels have that were
    made since, are loaded by it as if they were whole, and crash.
    """
    for package in base.installed:
        match = _MUSL.match(package.version) if package.kind == "apk" and package.name == "musl" else None
        if match is not None and tuple(map(int, match.groups())) < _FIRST_WITH_PACKED_RELOCATIONS:
            return ".".join(match.groups())
    return None


def lacking(sonames: Iterable[str], present: Iterable[str]) -> list[str]:
    """Of the libraries that are asked for, those that neither musl nor the image answers to."""
    there = frozenset(present)
    return sorted(name for name in sonames if name not in there and not is_part_of_musl(name))


def needs_of(
    base: ImageBase, sonames: Iterable[str], programs: Iterable[tuple[str, str, str]], misfits: Iterable[str]
) -> AlpineNeeds:
    """``programs`` are distributions with what each starts and Debian's package of it, ``misfits`` as of
    :func:`without_wheels`.
    """
    packages: set[str] = set()
    unfit = list(misfits)
    for soname in lacking(sonames, base.libraries):
        package = package_of_library(soname)
        if package is None:
            unfit.append(f"no package of Alpine's that careen knows has {soname}")
        else:
            packages.add(package)
    for name, program, debians in programs:
        package = package_of_debians(debians)
        if package is None:
            unfit.append(f"{name} starts {program}, and no package of Alpine's that careen knows has it")
        else:
            packages.add(package)
    return AlpineNeeds(packages=tuple(sorted(packages)), unfit=tuple(unfit))


def without_wheels(
    packages: Iterable[LockedPackage],
    wheels: Mapping[PackageName, LockedFile],
    contents: Mapping[PackageName, DistributionContents],
) -> tuple[str, ...]:
    """What would have to be compiled for musl, in a sentence each. ``wheels`` are those that a target with musl takes.

    Sources without anything to compile need no wheel: what is built from them runs anywhere.
    """
    return tuple(
        _would_be_compiled(package)
        for package in packages
        if package.name not in wheels and not package.is_local and _is_compiled(package, contents.get(package.name))
    )


def _is_compiled(package: LockedPackage, contents: DistributionContents | None) -> bool:
    """Wheels for other systems alone tell it, else the sources, as far as they are known."""
    return bool(package.wheels) or (contents is not None and bool(contents.native))


def _would_be_compiled(package: LockedPackage) -> str:
    head = f"{package.name} {package.version} has no wheel for musl"
    if package.wheels and package.sdist is None:
        return f"{head}, and the lock has no sources of it"
    return f"{head}: compiling it needs {', '.join(packages_to_compile(package.name))}"
