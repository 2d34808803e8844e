"""The Python that each Debian release carries, and the packages that make a base of it.

The lists are those that distroless publishes for its Python images, with ``ca-certificates`` for the CA bundle and
``libc-bin`` for the C.UTF-8 locale.
"""

from pathlib import PurePosixPath

from careen.errors import CareenError
from careen.text.values import dataclass


class UnknownReleaseError(CareenError):
    """Not a Debian release that careen can compose a Python base from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianPython:
    """``version`` is the interpreter's minor version, ``(3, 11)``.

    ``site_packages`` is a full site folder (``.pth`` files count) that the interpreter looks into by itself and that
    no Debian package writes to. ``packages`` is the exact list, in the order of names.
    """

    release: str
    version: tuple[int, int]
    packages: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"python{self.version[0]}.{self.version[1]}"

    @property
    def executable(self) -> PurePosixPath:
        return PurePosixPath("/usr/bin", self.name)

    @property
    def site_packages(self) -> PurePosixPath:
        return PurePosixPath("/usr/local/lib", self.name, "dist-packages")

    @property
    def scripts(self) -> PurePosixPath:
        return PurePosixPath("/usr/local/bin")


_EVERYWHERE = (
    "base-files",
    "ca-certificates",
    "libbz2-1.0",
    "libc-bin",
    "libc6",
    "libcom-err2",
    "libcrypt1",
    "libexpat1",
    "libffi8",
    "libgcc-s1",
    "libgomp1",
    "libgssapi-krb5-2",
    "libk5crypto3",
    "libkeyutils1",
    "libkrb5-3",
    "libkrb5support0",
    "liblzma5",
    "libncursesw6",
    "libnsl2",
    "libsqlite3-0",
    "libstdc++6",
    "libtinfo6",
    "libuuid1",
    "media-types",
    "netbase",
    "tzdata",
    "zlib1g",
)


def _python(release: str, minor: int, *more: str) -> DebianPython:
    name = f"python3.{minor}"
    own = (name, f"{name}-minimal", f"lib{name}-minimal", f"lib{name}-stdlib")
    return DebianPython(release=release, version=(3, minor), packages=tuple(sorted({*_EVERYWHERE, *own, *more})))


_RELEASES = {
    python.release: python
    for python in (
        _python("bookworm", 11, "gcc-12-base", "libdb5.3", "libreadline8", "libssl3", "libtirpc3", "python3-distutils"),
        _python(
            "trixie",
            13,
            "gcc-14-base",
            "libdb5.3t64",
            "libreadline8t64",
            "libssl3t64",
            "libtirpc3t64",
            "libzstd1",
            "tzdata-legacy",
        ),
    )
}


def python_of(release: str) -> DebianPython:
    """Raises UnknownReleaseError."""
    try:
        return _RELEASES[release]
    except KeyError:
        known = ", ".join(f"{python.release} (Python 3.{python.version[1]})" for python in _RELEASES.values())
        raise UnknownReleaseError(
            f"careen composes no Python base from Debian {release!r}", hints=(f"known releases: {known}",)
        ) from None


def release_for(major: int, minor: int) -> DebianPython | None:
    """The release that carries this Python; None when Debian has none with it."""
    return next((python for python in _RELEASES.values() if python.version == (major, minor)), None)
