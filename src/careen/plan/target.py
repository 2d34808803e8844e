"""The image that each service should be: the waist between judging and doing.

Everything that writes files, builds images or proves them reads this value and nothing else, so that
a Dockerfile rendered from it and an image built from it hold the same files.
"""

from collections.abc import Iterator
from dataclasses import field
from enum import StrEnum
from pathlib import PurePosixPath

from careen.blobs.digest import Digest
from careen.debian.packages import BinaryPackage
from careen.plan.roles import Role
from careen.platforms import Platform
from careen.python.c_library import OF_RELEASE, CLibrary
from careen.python.names import PackageName, PythonVersion
from careen.text.values import dataclass

LAYOUT_PREFIX = "oci:"
"""Of a base that lies in an OCI layout on disk."""


class Certainty(StrEnum):
    """Whether a distribution is known to be needed, or kept because it could not be ruled out."""

    NEEDED = "needed"
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelSource:
    """A wheel at the address that the lock gives."""

    url: str
    filename: str
    digest: Digest
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnbuiltSource:
    """A distribution without a wheel for the platform; it is built once, in isolation.

    ``requirement`` is what a resolver would be told (PEP 508, direct references included).
    """

    requirement: str
    url: str | None
    digest: Digest | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDistribution:
    """A distribution that a service needs, and why; ``installed_bytes`` is None when it cannot be known yet, and is an
    estimate where it is told from sources that nobody has built.
    """

    name: PackageName
    version: str
    source: WheelSource | UnbuiltSource
    installed_bytes: int | None
    reasons: tuple[str, ...]
    certainty: Certainty = Certainty.NEEDED
    is_estimate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedDistribution:
    """A distribution that today's image holds and this service does not need."""

    name: PackageName
    version: str
    installed_bytes: int | None
    reason: str
    is_estimate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonRuntime:
    """The interpreter of a base and the folders it looks into without being told.

    Distributions go straight into ``site_packages``: no virtual environment, hence no link that can break.
    """

    version: PythonVersion
    executable: PurePosixPath
    site_packages: PurePosixPath
    scripts: PurePosixPath


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianBase:
    """A base composed from Debian packages, all of them pinned.

    ``kept_libraries`` are names of shared libraries (SONAME) that distributions load from the base, and
    ``kept_modules`` modules of the standard library that services import, so that trimming must leave both.
    ``bytes`` is what the base weighs, None before it was ever composed. ``emptied`` are those of its packages of which
    trimming leaves nothing, ``unneeded`` the libraries that it drops from the others (``libmvec``).
    """

    release: str
    runtime: PythonRuntime
    packages: tuple[BinaryPackage, ...]
    kept_libraries: tuple[str, ...] = ()
    kept_modules: tuple[str, ...] = ()
    bytes: int | None = None
    emptied: tuple[str, ...] = ()
    unneeded: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return f"debian:{self.release}"

    @property
    def c_library(self) -> CLibrary:
        return OF_RELEASE[self.release]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseLayer:
    """A layer of an image that others are put upon; ``bytes`` are those of its files that the image shows."""

    media_type: str
    digest: Digest
    size: int
    diff_id: Digest
    bytes: int


@dataclass(frozen=True, slots=True)
class InstalledPackage:
    """What a base has installed. ``kind`` is that of its package address (purl-spec): deb, apk or pypi. ``paths`` are
    what a Python distribution owns in the image, top names of its site folder and scripts, so that another version of
    it can take its place.
    """

    name: str
    version: str
    architecture: str = ""
    paths: tuple[str, ...] = ()
    kind: str = "deb"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBase:
    """A base that is an image of some registry, or of a layout on disk, taken as it is.

    ``source`` is where it can be had again, by its digest: a reference, or the folder of a layout with ``oci:`` before
    it. ``system`` and ``system_version`` are its ID and VERSION_ID (os-release(5)); ``certificates`` is where its
    authorities lie, "" where it has none. ``libraries`` are names of its shared libraries. One that is only
    ``described`` has not been looked at: what it says is what is known of its kind, and ``manifest`` leads nowhere.
    """

    label: str
    source: str
    manifest: Digest
    system: str
    system_version: str
    runtime: PythonRuntime
    patch: int
    c_library: CLibrary
    layers: tuple[BaseLayer, ...]
    environment: tuple[tuple[str, str], ...]
    certificates: str
    libraries: tuple[str, ...]
    installed: tuple[InstalledPackage, ...]
    distributions: tuple[InstalledPackage, ...]
    bytes: int
    described: bool = False

    @property
    def reference(self) -> str:
        """As others find it, "" for what only this disk has."""
        return "" if self.source.startswith(LAYOUT_PREFIX) else self.label.partition("@")[0]

    @property
    def packages(self) -> tuple[BinaryPackage, ...]:
        """It is composed of none."""
        return ()

    @property
    def kept_libraries(self) -> tuple[str, ...]:
        """Nothing of it is trimmed."""
        return ()

    @property
    def kept_modules(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class NumericUser:
    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """An exec-form probe; times in seconds."""

    argv: tuple[str, ...]
    interval: float = 10
    timeout: float = 3
    start_period: float = 20
    retries: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a service may use. ``observed`` is False for defaults by role."""

    memory_bytes: int
    cpus: float
    pids: int = 256
    observed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationFile:
    """A file of the repository and its absolute place in the image."""

    source: PurePosixPath
    destination: PurePosixPath
    bytes: int
    executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportFile:
    """A file that careen itself adds to the image, such as the health check."""

    destination: PurePosixPath
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one instruction of today's Dockerfile adds to the image, in bytes; None when it cannot be known."""

    what: str
    line: int
    bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    """The image of one service and the way it is to be run.

    ``entry_point`` is exec form and complete. ``environment`` is part of the image, ``run_environment`` what
    compose adds when it starts it. ``container_ports`` are those the service listens on.
    ``predicted_bytes`` holds bytecode where ``predicted_bytecode_bytes`` says how much.
    ``writable`` are the folders that get a tmpfs under a read-only root; ``volumes`` (absolute mount points)
    stay mounts. ``depends_on`` names services of the stack, planned or backing. ``before`` are commands of today's
    start script, as they are written there, that the entry point runs first. ``obstacle`` says why the entry point
    cannot work as it stands, with file and line; the sizes hold nevertheless. ``beside`` says, with file and line, why
    the root must stay writable; the user owns the folders ``owned`` then. ``written`` tells where its code
    writes. Upon Alpine, ``alpine_packages`` are those that its libraries and programs come from, and ``unfit`` says, in
    a sentence each, why it cannot run there. ``is_job`` when it does one thing and ends. ``host_folders`` are
    folders of the host that it may write to, if these let its user.
    """

    name: str
    image: str
    role: Role
    entry_point: tuple[str, ...]
    working_directory: PurePosixPath
    environment: tuple[tuple[str, str], ...]
    run_environment: tuple[tuple[str, str], ...]
    user: NumericUser
    stop_signal: str
    stop_grace_seconds: int
    health: HealthCheck | None
    limits: Limits
    container_ports: tuple[int, ...]
    writable: tuple[PurePosixPath, ...]
    volumes: tuple[PurePosixPath, ...]
    depends_on: tuple[str, ...]
    distributions: tuple[PlannedDistribution, ...]
    dropped: tuple[DroppedDistribution, ...]
    system_packages: tuple[BinaryPackage, ...]
    application: tuple[ApplicationFile, ...]
    support: tuple[SupportFile, ...]
    predicted_bytes: int | None
    current_predicted_bytes: int | None
    current_contributions: tuple["Contribution", ...]
    budget_bytes: int
    queues: tuple[str, ...] = ()
    predicted_bytecode_bytes: int | None = None
    before: tuple[tuple[str, ...], ...] = ()
    obstacle: str | None = None
    beside: tuple[str, ...] = ()
    owned: tuple[PurePosixPath, ...] = ()
    written: tuple[str, ...] = ()
    alpine_packages: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()
    is_job: bool = False
    host_folders: tuple[PurePosixPath, ...] = ()

    @property
    def read_only(self) -> bool:
        return not self.beside


@dataclass(frozen=True, slots=True, kw_only=True)
class BackingService:
    """A service of the stack that careen does not build: a broker, a cache, a database."""

    name: str
    image: str
    container_ports: tuple[int, ...]
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemLayer:
    """Debian packages beyond the base, for the services that load libraries from them."""

    services: tuple[str, ...]
    packages: tuple[BinaryPackage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionLayer:
    """The distributions of one sharing signature: needed by exactly these services."""

    services: tuple[str, ...]
    distributions: tuple[PlannedDistribution, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole stack, for one platform.

    ``root`` is the project's folder relative to the folder that was asked about; application files are
    relative to it. Layers are listed bottom to top; every image takes those that name its service, in order,
    above the base and below its application. ``predicted_bytecode_bytes`` is what they hold together of bytecode.
    ``lock`` is the file that versions come from, relative to the folder that was asked about. ``aliases`` are other
    names by which services are found, each with the service.
    """

    stack: str
    platform: Platform
    root: PurePosixPath
    base: DebianBase | ImageBase
    services: tuple[ServicePlan, ...]
    backing: tuple[BackingService, ...]
    system_layers: tuple[SystemLayer, ...]
    distribution_layers: tuple[DistributionLayer, ...]
    source_date_epoch: int
    notes: tuple[str, ...] = field(default=())
    predicted_bytecode_bytes: int | None = None
    lock: PurePosixPath | None = None
    aliases: tuple[tuple[str, str], ...] = ()

    @property
    def predicted_unique_bytes(self) -> int | None:
        """What the whole stack takes on a host: every layer once. None while the base was never composed."""
        if self.base.bytes is None:
            return None
        shared = sum(item.installed_bytes or 0 for layer in self.distribution_layers for item in layer.distributions)
        system = sum(package.installed_bytes for layer in self.system_layers for package in layer.packages)
        own = sum(file.bytes for service in self.services for file in service.application)
        return self.base.bytes + shared + system + own + (self.predicted_bytecode_bytes or 0)

    def service(self, name: str) -> ServicePlan:
        """Raises KeyError."""
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(name)

    def system_layers_of(self, service: str) -> Iterator[SystemLayer]:
        return (layer for layer in self.system_layers if service in layer.services)
