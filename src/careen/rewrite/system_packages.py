"""What a Debian package that a Dockerfile installs is there for, told by its name."""

from collections.abc import Mapping
from enum import Enum


class Purpose(Enum):
    """Why somebody installs a package into an image."""

    BUILDING = "needed while wheels are built"
    CONVENIENCE = "a tool for people, or part of every base"
    LIBRARY = "a shared library"
    PROGRAM = "a program that the service may start"


_BUILDING = frozenset(
    {"build-essential", "gcc", "g++", "clang", "make", "cmake", "pkg-config", "pkgconf", "cargo", "rustc", "autoconf"}
    | {"automake", "libtool", "ninja-build", "meson", "gfortran", "patch", "swig", "llvm", "golang", "bison", "flex"}
)
_CONVENIENCE = frozenset(
    {"apt-transport-https", "apt-utils", "bash", "bash-completion", "ca-certificates", "curl", "dirmngr", "dnsutils"}
    | {"dumb-init", "gettext", "git", "gnupg", "gnupg2", "gosu", "htop", "iproute2", "iputils-ping", "jq", "less"}
    | {
        "locales",
        "lsb-release",
        "lsof",
        "mercurial",
        "nano",
        "net-tools",
        "netcat",
        "netcat-openbsd",
        "netcat-traditional",
    }
    | {"openssh-client", "procps", "python3", "python3-pip", "python3-venv", "python3-setuptools", "python3-wheel"}
    | {"rsync", "software-properties-common", "strace", "subversion", "sudo", "telnet", "tini", "tree", "tzdata"}
    | {"unzip", "vim", "vim-tiny", "wait-for-it", "wget", "xz-utils", "zip"}
)

STARTED_BY_WORD: Mapping[str, tuple[str, ...]] = {
    "postgresql-client": ("psql", "pg_dump", "pg_restore", "pg_isready"),
    "default-mysql-client": ("mysql", "mysqldump"),
    "tesseract-ocr": ("tesseract", "pytesseract"),
    "poppler-utils": ("pdftoppm", "pdftotext", "pdf2image", "pdfinfo"),
    "imagemagick": ("convert", "magick", "wand"),
    "graphviz": ("graphviz", "pydot"),
    "libreoffice": ("soffice", "libreoffice"),
    "chromium": ("chromium", "selenium", "playwright"),
    "chromium-driver": ("chromedriver", "selenium"),
    "ghostscript": ("gs", "ghostscript"),
    "redis-tools": ("redis-cli",),
    "default-jre-headless": ("java", "tabula", "pyspark"),
    "default-jre": ("java", "tabula", "pyspark"),
}
"""Words in a service's code that tell it starts a package's program, where they are not the package's name."""

LOADED_BY: Mapping[str, tuple[str, ...]] = {
    "libmagic1": ("python-magic",),
    "libcairo2": ("cairocffi", "weasyprint", "cairosvg"),
    "libpango-1.0-0": ("weasyprint",),
    "libpangocairo-1.0-0": ("weasyprint",),
    "libpangoft2-1.0-0": ("weasyprint",),
    "libharfbuzz-subset0": ("weasyprint",),
    "libgdk-pixbuf2.0-0": ("weasyprint",),
    "libgdk-pixbuf-2.0-0": ("weasyprint",),
    "libzbar0": ("pyzbar",),
    "libvips42": ("pyvips",),
    "libvips": ("pyvips",),
    "libsndfile1": ("soundfile",),
    "libportaudio2": ("sounddevice",),
    "libxmlsec1-openssl": ("xmlsec", "pysaml2"),
    "libenchant-2-2": ("pyenchant",),
    "libdmtx0b": ("pylibdmtx",),
    "libgeos-c1v5": ("django",),
    "libproj25": ("django",),
    "libgdal32": ("django",),
    "libspatialite7": ("django",),
    "libusb-1.0-0": ("pyusb",),
    "libsodium23": ("pysodium",),
}
"""Libraries that distributions load by name at run time, so that no ELF header asks for them."""


def purpose_of(package: str) -> Purpose:
    """``package`` without version and architecture."""
    if package in _BUILDING or package.endswith(("-dev", "-headers")) or package.startswith("linux-headers"):
        return Purpose.BUILDING
    if package in _CONVENIENCE:
        return Purpose.CONVENIENCE
    return Purpose.LIBRARY if package.startswith("lib") and package != "libreoffice" else Purpose.PROGRAM


def bare(package: str) -> str:
    """``libpq5`` of ``libpq5=15.3-0+deb12u1`` and of ``libpq5:amd64``."""
    return package.partition("=")[0].partition(":")[0]
