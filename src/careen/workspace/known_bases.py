"""What well-known base images weigh, so that an image's size can be told without pulling it.

Figures are decimal megabytes of the unpacked linux/amd64 image as ``docker images`` prints them, read off
published tags; within one family they move by a few percent from release to release, so a prediction that
rests on one says so.
"""

import re
from collections.abc import Sequence
from enum import Enum

from careen.text.values import dataclass


class BaseKind(Enum):
    """What a base is made for, which is what makes it too large or not."""

    FULL = "a full image with compilers and development headers"
    SLIM = "a slim image with a shell and a package manager"
    MINIMAL = "a minimal image without shell or package manager"
    ALPINE = "an Alpine image"
    OPERATING_SYSTEM = "an operating system without Python"
    GPU_RUNTIME = "a CUDA runtime image"
    GPU_DEVELOPMENT = "a CUDA development image with compilers"
    INSTALLER = "an image that carries a Python installer"


@dataclass(frozen=True, slots=True)
class KnownBase:
    """``pattern`` matches ``name:tag`` without registry host and digest; ``bytes`` is None when tags differ widely."""

    pattern: str
    kind: BaseKind
    bytes: int | None


def _row(pattern: str, kind: BaseKind, megabytes: int | None) -> KnownBase:
    return KnownBase(pattern, kind, None if megabytes is None else megabytes * 10**6)


_PYTHON = r"(?:library/)?python"
_KNOWN: Sequence[KnownBase] = (
    _row(rf"{_PYTHON}:[^:]*alpine[\d.]*", BaseKind.ALPINE, 52),
    _row(rf"{_PYTHON}:[^:]*slim(?:-\w+)?", BaseKind.SLIM, 127),
    _row(rf"{_PYTHON}(?::[\w.-]+)?", BaseKind.FULL, 1020),
    _row(r"(?:.*/)?distroless/python3?[\w.-]*(?::[\w.-]+)?", BaseKind.MINIMAL, 57),
    _row(r"(?:.*/)?distroless/[\w.-]+(?::[\w.-]+)?", BaseKind.MINIMAL, 25),
    _row(r"(?:.*/)?uv:(?:[\d.]+-)?(?:python[\d.]+-)?alpine[\d.]*", BaseKind.INSTALLER, 100),
    _row(r"(?:.*/)?uv:(?:[\d.]+-)?(?:python[\d.]+-)?[\w]+-slim", BaseKind.INSTALLER, 180),
    _row(r"(?:.*/)?uv:(?:[\d.]+-)?(?:python[\d.]+-)[\w-]+", BaseKind.INSTALLER, 1070),
    _row(r"(?:library/)?debian:[\w.-]*slim", BaseKind.OPERATING_SYSTEM, 76),
    _row(r"(?:library/)?debian(?::[\w.-]+)?", BaseKind.OPERATING_SYSTEM, 118),
    _row(r"(?:library/)?ubuntu(?::[\w.-]+)?", BaseKind.OPERATING_SYSTEM, 78),
    _row(r"(?:library/)?alpine(?::[\w.-]+)?", BaseKind.ALPINE, 8),
    _row(r"(?:library/)?buildpack-deps(?::[\w.-]+)?", BaseKind.FULL, 870),
    _row(r"nvidia/cuda:[\w.-]*devel[\w.-]*", BaseKind.GPU_DEVELOPMENT, 8900),
    _row(r"nvidia/cuda:[\w.-]*runtime[\w.-]*", BaseKind.GPU_RUNTIME, 3600),
    _row(r"nvidia/cuda:[\w.-]+", BaseKind.GPU_RUNTIME, 240),
    _row(r"pytorch/pytorch:[\w.-]*devel[\w.-]*", BaseKind.GPU_DEVELOPMENT, 13500),
    _row(r"pytorch/pytorch(?::[\w.-]+)?", BaseKind.GPU_RUNTIME, 6500),
    _row(r"tiangolo/[\w.-]+(?::[\w.-]*slim[\w.-]*)", BaseKind.SLIM, 260),
    _row(r"tiangolo/[\w.-]+(?::[\w.-]+)?", BaseKind.FULL, 1100),
    _row(r"continuumio/(?:ana|mini)conda3?(?::[\w.-]+)?", BaseKind.FULL, None),
    _row(r"(?:library/)?node:[\w.-]*alpine[\d.]*", BaseKind.ALPINE, 140),
    _row(r"(?:library/)?node:[\w.-]*slim", BaseKind.SLIM, 220),
    _row(r"(?:library/)?node(?::[\w.-]+)?", BaseKind.FULL, 1110),
)


def known_base(image: str) -> KnownBase | None:
    """The row for an image reference; registry host and digest do not matter."""
    name = image.partition("@")[0]
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        name = rest
    for base in _KNOWN:
        if re.fullmatch(base.pattern, name):
            return base
    return None


_MINIMAL = (
    "apt base-files base-passwd bash bsdutils ca-certificates coreutils dash debian-archive-keyring debianutils "
    "diffutils dpkg findutils grep gzip hostname init-system-helpers libc-bin login ncurses-base ncurses-bin netbase "
    "perl-base sed sysvinit-utils tar tzdata util-linux"
)
_FOR_COMPILING = (
    "autoconf automake bzip2 curl default-libmysqlclient-dev dpkg-dev file g++ gcc git gnupg imagemagick "
    "libbluetooth-dev libbz2-dev libc6-dev libcurl4-openssl-dev libdb-dev libevent-dev libffi-dev libgdbm-dev "
    "libglib2.0-dev libgmp-dev libjpeg-dev libkrb5-dev liblzma-dev libmagickcore-dev libmagickwand-dev "
    "libmaxminddb-dev libncurses5-dev libncursesw5-dev libpng-dev libpq-dev libreadline-dev libsqlite3-dev libssl-dev "
    "libtool libwebp-dev libxml2-dev libxslt-dev libyaml-dev make mercurial openssh-client patch procps subversion "
    "tk-dev unzip uuid-dev wget xz-utils zlib1g-dev"
)


def debian_packages_in(kind: BaseKind | None) -> tuple[str, ...]:
    """Debian packages that an image of this kind has, beside those they depend on: Debian's essential ones, and in full
    images what docker-library's buildpack-deps installs. A base that nobody knows counts as a small one.
    """
    full = kind in {BaseKind.FULL, BaseKind.GPU_DEVELOPMENT}
    return tuple(_MINIMAL.split()) + (tuple(_FOR_COMPILING.split()) if full else ())


_WITHOUT_DOCUMENTS = 0.9
"""What packages take of their announced size in an image that has dpkg leave out manuals, translations and documents.
Measured on bookworm: 563 of 635 MB for build-essential, curl, git, libgl1 and libglib2.0-0 with what they recommend;
211 of 228 MB for ffmpeg, libpq-dev and poppler-utils without."""


def installed_share(kind: BaseKind | None) -> float:
    """Of what Debian's index announces for packages, the share that they take in an image of this kind."""
    return _WITHOUT_DOCUMENTS if kind in {BaseKind.SLIM, BaseKind.INSTALLER} else 1.0
