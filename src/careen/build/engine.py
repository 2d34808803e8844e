"""What is asked of a build and what comes of it, whichever engine does it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Protocol

from careen.blobs.digest import Digest
from careen.blobs.store import Store
from careen.debian.packages import BinaryPackage
from careen.errors import CareenError
from careen.oci.layout import Layout
from careen.oci.media_types import Compression
from careen.plan.target import ImageBase
from careen.plan.traces import ServiceTrace
from careen.platforms import Platform
from careen.python.locked import LockedFile
from careen.python.trimming import TrimmingPolicy
from careen.text.values import dataclass


class NoSuchBaseError(CareenError):
    """A base is an image, and nobody knows where to find it."""


def no_image_base(base: ImageBase) -> Layout:
    """Raises NoSuchBaseError."""
    raise NoSuchBaseError(f"nobody here knows where {base.label} is to be found")


class Wheels(Protocol):
    """Gives the files of distributions (:class:`careen.python.index.PackageFiles`)."""

    def wheel(self, file: LockedFile, /) -> Path:
        """On this disk, fetched when it is not there yet."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What images say of where they come from; all of it may be unknown. ``lock`` is the digest of the lock's text."""

    version: str = ""
    source: str = ""
    revision: str = ""
    lock: Digest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """``traces`` are of every service that is built, where the trimming policy is TRACED."""

    compression: Compression = Compression.GZIP
    trimming: TrimmingPolicy = TrimmingPolicy.SAFE
    bytecode: bool = True
    traces: tuple[ServiceTrace, ...] = ()
    origin: Origin = field(default_factory=Origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSources:
    """Where everything that a plan names is found.

    ``root`` is the project's folder; ``debs`` gives the files of Debian packages, in their order
    (``MirrorClient.debs``); ``uv`` is the program that builds distributions without a wheel, where there is one, and
    ``environment`` what it is told of the caller's: where to find its configuration, indexes and credentials.
    ``find_base`` gives the layout with a base that is an image; its name there is the digits of its digest.
    """

    root: Path
    packages: Wheels
    debs: Callable[[Iterable[BinaryPackage]], tuple[tuple[BinaryPackage, Path], ...]]
    store: Store
    uv: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    find_base: Callable[[ImageBase], Layout] = no_image_base


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltShare:
    """What one source (a distribution with its version, the base, the application) has of a layer's bytes."""

    what: str
    bytes: int
    bytecode_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltLayer:
    """``bytes`` is the sum of its regular files; ``services`` are those whose image has it."""

    digest: Digest
    diff_id: Digest
    bytes: int
    compressed_bytes: int
    services: tuple[str, ...]
    what: str
    shares: tuple[BuiltShare, ...]

    @property
    def bytecode_bytes(self) -> int:
        return sum(share.bytecode_bytes for share in self.shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltImage:
    """``reference`` is its name in the layout; ``digest`` that of its manifest; ``layers`` bottom to top.

    ``bytes`` is what ``docker images`` would say: the sum of the regular files that a container sees, hard links
    once. ``notes`` are sentences about what may go wrong when it runs.
    """

    service: str
    reference: str
    digest: Digest
    bytes: int
    compressed_bytes: int
    layers: tuple[BuiltLayer, ...]
    notes: tuple[str, ...] = ()

    @property
    def bytecode_bytes(self) -> int:
        return sum(layer.bytecode_bytes for layer in self.layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """``layout`` is the folder that holds all images, of which these are for ``platform``; ``seconds`` is what the
    build took.
    """

    engine: str
    platform: Platform
    layout: Path
    images: tuple[BuiltImage, ...]
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def layers(self) -> tuple[BuiltLayer, ...]:
        """Every layer once, in the order of its first appearance."""
        found = {layer.digest: layer for image in self.images for layer in image.layers}
        return tuple(found.values())

    @property
    def unique_bytes(self) -> int:
        """What the stack takes on a host: every layer once."""
        return sum(layer.bytes for layer in self.layers)

    @property
    def unique_compressed_bytes(self) -> int:
        return sum(layer.compressed_bytes for layer in self.layers)

    def image(self, service: str) -> BuiltImage:
        """Raises KeyError."""
        for image in self.images:
            if image.service == service:
                return image
        raise KeyError(service)
