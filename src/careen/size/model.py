"""What an image weighs and why: every byte of every layer in exactly one place.

``bytes`` of an image are those of its layers, as ``docker images`` counts them: regular files, hard links once,
replaced and deleted ones included, since they are still pulled and kept. They are the sum of

- ``packages``: visible files that a package manager's records name,
- ``rest``: visible files that no record names, by cause,
- ``hidden``: files that a higher layer replaced or deleted.

The other numbers look at the same bytes from another side: ``layers`` by where they lie, ``inside`` by what kind of
thing packages are full of, ``waste`` by what need not be there.
"""

from enum import Enum

from careen.blobs.digest import Digest
from careen.oci.manifest import ImagePlatform
from careen.text.values import dataclass


class Ecosystem(Enum):
    """Whose records name the files of a package."""

    PYTHON = "python"
    DEBIAN = "debian"
    ALPINE = "alpine"
    CONDA = "conda"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class PackageId:
    """``ecosystem`` is the value of an Ecosystem, so that packages sort. ``version`` is empty when nothing tells it."""

    ecosystem: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()


class Cause(Enum):
    """What kind of thing a file is, told by its path."""

    APPLICATION = "application"
    INTERPRETER = "Python interpreter"
    INSTALLERS = "installers"
    UNRECORDED = "site packages without a record"
    ENVIRONMENT = "virtual environment"
    BYTECODE = "bytecode"
    TESTS = "tests"
    DOCUMENTATION = "documentation"
    LOCALES = "locales"
    TOOLCHAIN = "compilers and headers"
    STATIC_LIBRARIES = "static libraries"
    NODE_MODULES = "node_modules"
    DATA = "data"
    PIP_CACHE = "pip's cache"
    UV_CACHE = "uv's cache"
    APT_LISTS = "apt's lists"
    APT_CACHE = "apt's cache"
    OTHER_CACHES = "other caches"
    VERSION_CONTROL = "version control"
    TEMPORARY = "temporary files"
    LOGS = "logs"
    PACKAGE_RECORDS = "package managers' records"
    SYSTEM = "system files without a package"


LEFTOVERS = frozenset(
    {
        Cause.PIP_CACHE,
        Cause.UV_CACHE,
        Cause.APT_LISTS,
        Cause.APT_CACHE,
        Cause.OTHER_CACHES,
        Cause.VERSION_CONTROL,
        Cause.TEMPORARY,
        Cause.LOGS,
    }
)
"""Nothing that runs needs them."""


class WasteKind(Enum):
    OWNER_CHANGED = "stored again for another owner"
    MODE_CHANGED = "stored again for other rights"
    UNCHANGED = "stored again unchanged"
    MOVED = "stored again under another name"
    REPLACED = "replaced by a higher layer"
    DELETED = "deleted by a higher layer"
    DUPLICATE = "the same content twice"
    LEFTOVER = "left over from the build"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A package's or a cause's part of a layer; exactly one of the two is there. ``hidden_bytes`` of ``bytes`` are."""

    package: PackageId | None
    cause: Cause | None
    bytes: int
    hidden_bytes: int
    files: int

    @property
    def label(self) -> str:
        return str(self.package) if self.package is not None else self.cause.value if self.cause is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedLayer:
    """``number`` counts from the bottom, 1. ``instruction`` is empty when the image's history does not tell.

    ``compressed_bytes`` is None where the layer is kept unpacked. ``hidden_bytes`` of ``bytes`` are no longer visible
    in the image. ``shares`` are what it is made of, hidden files included, heaviest first.
    """

    number: int
    digest: Digest
    instruction: str
    bytes: int
    compressed_bytes: int | None
    files: int
    hidden_bytes: int
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedPackage:
    """``bytes`` are visible; ``bytecode_bytes`` of them are ``.pyc``. ``hidden_bytes`` more lie in lower layers."""

    package: PackageId
    bytes: int
    files: int
    bytecode_bytes: int
    hidden_bytes: int
    layers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedCause:
    cause: Cause
    bytes: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedFile:
    path: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waste:
    """``bytes`` in ``layer`` that need not be there, because of what ``because_of`` did; both count from 1.

    For a duplicate, ``layer`` has the copy and ``because_of`` the first of them; for what is left over both are the
    layer that made it. ``label`` names the cause, or the package that most of it belongs to. ``examples`` are the
    heaviest.
    """

    kind: WasteKind
    layer: int
    because_of: int
    bytes: int
    files: int
    label: str
    examples: tuple[SizedFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSize:
    """``name`` is the image as the user called it. ``layers`` bottom to top; all else the heaviest first.

    ``compressed_bytes`` is None when a layer is kept unpacked. ``wasted_bytes`` counts no byte twice.
    """

    name: str
    platform: ImagePlatform
    bytes: int
    compressed_bytes: int | None
    hidden_bytes: int
    wasted_bytes: int
    layers: tuple[SizedLayer, ...]
    packages: tuple[SizedPackage, ...]
    rest: tuple[SizedCause, ...]
    inside: tuple[SizedCause, ...]
    waste: tuple[Waste, ...]
    notes: tuple[str, ...]

    @property
    def visible_bytes(self) -> int:
        return self.bytes - self.hidden_bytes

    def instruction(self, layer: int) -> str:
        return self.layers[layer - 1].instruction
