"""The Debian packages that bases rest on, written down, so that every machine and every day takes the same.

::

    version = 1

    [[package]]
    release = "bookworm"
    for = "amd64"
    name = "libssl3"
    version = "3.0.17-1~deb12u3"
    suite = "bookworm-security"
    path = "pool/updates/main/o/openssl/libssl3_3.0.17-1~deb12u3_amd64.deb"
    sha256 = "..."
    size = 2027428
    installed = 6058
    depends = "libc6 (>= 2.34), debconf (>= 0.5) | debconf-2.0"

``path`` is below the folder of whichever mirror apt is configured with for the suite; ``size`` counts bytes of the
.deb, ``installed`` is ``Installed-Size`` of the index in kibibytes.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from careen.blobs.digest import Digest, InvalidDigestError
from careen.debian.packages import BinaryPackage
from careen.errors import CareenError
from careen.text.source import Source
from careen.text.values import dataclass

LOCK_NAME = PurePosixPath("careen.lock")
_VERSION = 1
_HEADING = """\
# The Debian packages that this stack's images rest on. `careen refresh` tells what is newer since; with --write it
# takes it. Not to be edited by hand.
version = 1
"""
_KIBIBYTE = 1024


class InvalidPinsError(CareenError):
    """The file is not one that careen wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A package of ``release`` for images of ``architecture`` (Debian's names); ``suite`` is where it was found."""

    release: str
    architecture: str
    suite: str
    path: str
    package: BinaryPackage

    def on(self, mirrors: Mapping[str, str]) -> BinaryPackage:
        """The package at the mirror of its suite, or of any other when that is not configured."""
        mirror = mirrors.get(self.suite) or next(iter(mirrors.values()))
        package = self.package
        return BinaryPackage(
            name=package.name,
            version=package.version,
            architecture=package.architecture,
            digest=package.digest,
            size=package.size,
            installed_bytes=package.installed_bytes,
            url=f"{mirror}/{self.path}",
            depends=package.depends,
        )


def render_pins(pins: Iterable[Pin]) -> str:
    """In the order of release, architecture and name."""
    ordered = sorted(pins, key=lambda pin: (pin.release, pin.architecture, pin.package.name))
    return _HEADING + "".join(_rendered(pin) for pin in ordered)


def _rendered(pin: Pin) -> str:
    package = pin.package
    fields: dict[str, str | int] = {
        "release": pin.release,
        "for": pin.architecture,
        "name": package.name,
        "version": package.version,
        "suite": pin.suite,
        "path": pin.path,
        "sha256": package.digest.hex,
        "size": package.size,
        "installed": package.installed_bytes // _KIBIBYTE,
    }
    if package.depends:
        fields["depends"] = package.depends
    # What JSON writes of texts and numbers is TOML, too.
    return "\n[[package]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items())


def read_pins(source: Source) -> tuple[Pin, ...]:
    """Raises InvalidPinsError, which names the line where one can be named."""
    try:
        document = tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        raise _invalid(source, str(error)) from error
    if document.get("version") != _VERSION:
        raise _invalid(source, f"it is not of version {_VERSION}")
    rows = document.get("package", [])
    if not isinstance(rows, list):
        raise _invalid(source, "package is not a list of tables")
    starts = [number for number, line in enumerate(source.text.split("\n"), 1) if line.strip() == "[[package]]"]
    pins = tuple(_pin(source, row, starts[index] if index < len(starts) else 1) for index, row in enumerate(rows))
    seen: set[tuple[str, str, str]] = set()
    for pin, line in zip(pins, starts, strict=False):
        key = pin.release, pin.architecture, pin.package.name
        if key in seen:
            raise _invalid(source, f"{pin.package.name} stands in it twice", line)
        seen.add(key)
    return pins


def _pin(source: Source, row: object, line: int) -> Pin:
    match row:
        case {
            "release": str(release),
            "for": str(architecture),
            "name": str(name),
            "version": str(version),
            "suite": str(suite),
            "path": str(path),
            "sha256": str(sha256),
            "size": int(size),
            "installed": int(installed),
            **rest,
        }:
            pass
        case _:
            raise _invalid(source, "a package lacks something, or has something of another kind", line)
    depends = rest.pop("depends", "")
    if rest or not isinstance(depends, str):
        odd = ", ".join(sorted(map(str, rest))) or "depends"
        raise _invalid(source, f"{name} has what no package has: {odd}", line)
    place = PurePosixPath(path)
    if place.is_absolute() or ".." in place.parts or place.suffix != ".deb" or size < 0 or installed < 0:
        raise _invalid(source, f"{name} is described in a way that cannot be", line)
    try:
        digest = Digest(sha256)
    except InvalidDigestError as error:
        raise _invalid(source, f"{name}: {error.message}", line) from error
    package = BinaryPackage(
        name=name,
        version=version,
        architecture=place.stem.rpartition("_")[2],
        digest=digest,
        size=size,
        installed_bytes=installed * _KIBIBYTE,
        url="",
        depends=depends,
    )
    return Pin(release=release, architecture=architecture, suite=suite, path=path, package=package)


def _invalid(source: Source, reason: str, line: int = 1) -> InvalidPinsError:
    return InvalidPinsError(f"{source.path}:{line}: {reason}", hints=("`careen refresh --write` writes it anew",))
