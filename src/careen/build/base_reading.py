"""What an image must have to be a base: a Python, and a C library that wheels are made for.

All of it is told by files. The interpreter is the first on the image's ``PATH``, links followed; its site folder is
where its own ``site`` module looks, which Debian has taught another place; glibc says its version in a string of
``libc.so.6``, musl in its package or in the loader itself, and that decides which wheels fit (PEP 600, PEP 656).
"""

import csv
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from email.parser import HeaderParser
from pathlib import PurePosixPath

from careen.blobs.digest import Descriptor
from careen.errors import CareenError
from careen.oci.config import ImageConfig
from careen.oci.filesystem import FileSystem, ImageFile
from careen.oci.images import Images, read_config, read_manifest
from careen.oci.layer_entries import EntryKind
from careen.oci.manifest import Manifest
from careen.oci.media_types import compression_of, layer_type
from careen.oci.unpack import read_files
from careen.plan.target import BaseLayer, ImageBase, InstalledPackage, PythonRuntime
from careen.platforms import Platform
from careen.python.c_library import CLibrary, glibc, musl
from careen.python.names import InvalidNameError, PythonVersion, package_name
from careen.size.apk import INSTALLED, installed_packages
from careen.text.values import dataclass

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PYTHON = re.compile(r"python3\.(\d+)")
_GLIBC = re.compile(rb"GNU C Library [^\n]{0,200}?release version (\d+)\.(\d+)")
_MUSL = re.compile(r"(?:.*/)?ld-musl-[^/]+\.so\.1")
_MUSL_VERSION = re.compile(rb"\0(1)\.(\d{1,2})\.\d+(?=[\0_-]|$)")
"""A string of its own in the loader (``__libc_version``); there has been no other first number yet."""

_PATCH = re.compile(rb'#define\s+PY_VERSION\s+"3\.\d+\.(\d+)')
_METADATA = re.compile(r"(?P<folder>.+)/[^/]+\.dist-info/METADATA")
_AUTHORITIES = (
    "etc/ssl/certs/ca-certificates.crt",
    "etc/ssl/cert.pem",
    "etc/pki/tls/certs/ca-bundle.crt",
    "etc/ssl/ca-bundle.pem",
)
_LOADED_TOGETHER = re.compile(
    r"(?:.*/)?(?:os-release|libc\.so\.6|libc-2\.\d+\.so|ld-musl-[^/]+\.so\.1|patchlevel\.h|python3\.\d+/site\.py)"
    r"|(?:usr/)?lib/apk/db/installed"
    r"|var/lib/dpkg/status(?:\.d/[^/]+)?|.+\.dist-info/(?:METADATA|RECORD)"
)


class UnsuitableImageError(CareenError):
    """An image that no service can be built upon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseName:
    """``label`` is how it was named, ``source`` where it can be had again."""

    label: str
    source: str


def read_base(
    images: Images, top: Descriptor, name: BaseName, platform: Platform, allowed: Callable[[PythonVersion], bool]
) -> ImageBase:
    """``top`` is the manifest; ``allowed`` is asked which Pythons the project takes.

    Raises UnsuitableImageError, and what reading the image raises.
    """
    manifest = read_manifest(images, top)
    config = read_config(images, manifest)
    if not config.platform.fits(platform):
        raise UnsuitableImageError(f"{name.label} is for {config.platform}, not for {platform}")
    read = read_files(images, manifest, lambda path: _LOADED_TOGETHER.fullmatch(path) is not None)
    image = _Image(name.label, config, read.file_system, read.contents)
    runtime = image.runtime(allowed)
    release = image.release
    files = read.file_system.files()
    return ImageBase(
        label=name.label,
        source=name.source,
        manifest=top.digest,
        system=release.get("ID", ""),
        system_version=release.get("VERSION_ID", ""),
        runtime=runtime,
        patch=image.patch(runtime),
        c_library=image.c_library(files),
        layers=tuple(_layers(manifest, config, files)),
        environment=config.run.environment,
        certificates=next((f"/{path}" for path in _AUTHORITIES if image.has(path)), ""),
        libraries=tuple(sorted({_name(file.path) for file in files if ".so" in _name(file.path)})),
        installed=(*image.debian_packages(), *image.alpine_packages()),
        distributions=tuple(image.distributions(runtime)),
        bytes=sum(file.size for file in files),
    )


@dataclass(frozen=True, slots=True)
class _Image:
    label: str
    config: ImageConfig
    system: FileSystem
    contents: Mapping[str, bytes]

    def has(self, path: str) -> bool:
        return self.system.find(path) is not None

    def text(self, path: str) -> bytes:
        """Links followed; empty for what is not there."""
        found = self.system.find(path)
        if found is None:
            return b""
        return self.contents.get(found.path, b"")

    @property
    def release(self) -> Mapping[str, str]:
        lines = (self.text("etc/os-release") or self.text("usr/lib/os-release")).decode("utf-8", "replace").splitlines()
        return {name: value.strip().strip("\"'") for name, _, value in (line.partition("=") for line in lines)}

    def runtime(self, allowed: Callable[[PythonVersion], bool]) -> PythonRuntime:
        found = dict.fromkeys(self._interpreters())
        chosen = next((path for path in found if allowed(_version(path))), None)
        if chosen is None and found:
            offered = ", ".join(dict.fromkeys(str(_version(path)) for path in found))
            raise UnsuitableImageError(f"{self.label} has Python {offered}, which the project does not allow")
        if chosen is None:
            raise UnsuitableImageError(
                f"{self.label} has no Python on its PATH", hints=("name an image with one, such as python:3.13-slim",)
            )
        version, prefix = _version(chosen), PurePosixPath("/", chosen).parent.parent
        library = prefix / "lib" / f"python{version}"
        where = self.text(f"{library}/site.py".lstrip("/"))
        if not where:
            raise UnsuitableImageError(f"{self.label} has /{chosen} without its standard library in {library}")
        if b"dist-packages" in where and prefix == PurePosixPath("/usr"):
            prefix, site = PurePosixPath("/usr/local"), "dist-packages"
        else:
            site = "site-packages"
        folder = self.system.resolve(f"{prefix}/lib/python{version}/{site}".lstrip("/"))
        return PythonRuntime(
            version=version,
            executable=PurePosixPath("/", chosen),
            site_packages=PurePosixPath("/", folder),
            scripts=prefix / "bin",
        )

    def _interpreters(self) -> Iterator[str]:
        """Real paths, in the order in which a shell would look for them; ``python3`` before those with numbers."""
        path = dict(self.config.run.environment).get("PATH") or _DEFAULT_PATH
        folders = [folder.strip("/") for folder in path.split(":") if folder.startswith("/")]
        numbered: list[str] = []
        for folder in folders:
            for name in ("python3", "python"):
                yield from self._interpreter(f"{folder}/{name}")
            numbered += [f"{folder}/python3.{minor}" for minor in range(30, 7, -1)]
        for place in numbered:
            yield from self._interpreter(place)

    def _interpreter(self, path: str) -> Iterator[str]:
        found = self.system.find(path)
        if found is not None and found.kind is EntryKind.FILE and _PYTHON.fullmatch(_name(found.path)):
            yield found.path

    def patch(self, runtime: PythonRuntime) -> int:
        """The last number of the version; 0 where nothing tells."""
        named = dict(self.config.run.environment).get("PYTHON_VERSION", "").split(".")
        if len(named) >= 3 and named[1] == str(runtime.version.minor) and named[2].isdigit():
            return int(named[2])
        for path, content in self.contents.items():
            told = _PATCH.search(content) if path.endswith(f"/python{runtime.version}/patchlevel.h") else None
            if told is not None:
                return int(told[1])
        for package in self.debian_packages():
            if package.name == f"python{runtime.version}-minimal":
                number = re.match(rf"{re.escape(str(runtime.version))}\.(\d+)", package.version)
                return int(number[1]) if number is not None else 0
        return 0

    def c_library(self, files: Sequence[ImageFile]) -> CLibrary:
        for path, content in self.contents.items():
            told = _GLIBC.search(content) if "libc" in _name(path) else None
            if told is not None:
                return glibc(int(told[1]), int(told[2]))
        loaders = [file.path for file in files if _MUSL.fullmatch(file.path)]
        if loaders:
            return self._musl(loaders)
        raise UnsuitableImageError(f"{self.label} has no C library that wheels are made for")

    def _musl(self, loaders: Sequence[str]) -> CLibrary:
        versions = [package.version.encode() for package in self.alpine_packages() if package.name == "musl"]
        told = [_MUSL_VERSION.match(b"\0" + version) for version in versions]
        told += [_MUSL_VERSION.search(self.text(loader)) for loader in loaders]
        found = next((match for match in told if match is not None), None)
        if found is None:
            raise UnsuitableImageError(
                f"{self.label} has musl for a C library, of a version that nothing in it tells",
                hints=("name an image of Alpine, whose package of musl says it",),
            )
        return musl(int(found[1]), int(found[2]))

    def alpine_packages(self) -> Iterator[InstalledPackage]:
        """Those that apk's record tells of."""
        for text in dict.fromkeys(self.text(path) for path in INSTALLED):
            for package in installed_packages(text.decode("utf-8", "replace")):
                yield InstalledPackage(package.name, package.version, package.architecture, kind="apk")

    def debian_packages(self) -> Iterator[InstalledPackage]:
        """Those that dpkg's status tells of, be it one file or, as in distroless images, one of each."""
        for path, content in sorted(self.contents.items()):
            if not path.startswith("var/lib/dpkg/status") or path.endswith(".md5sums"):
                continue
            for paragraph in content.decode("utf-8", "replace").split("\n\n"):
                fields = HeaderParser().parsestr(paragraph.strip("\n"), headersonly=True)
                if fields["Package"] and (fields["Status"] or "install ok installed").endswith(" installed"):
                    yield InstalledPackage(
                        str(fields["Package"]), str(fields["Version"] or ""), str(fields["Architecture"] or "")
                    )

    def distributions(self, runtime: PythonRuntime) -> Iterator[InstalledPackage]:
        """Of every site folder; those of another than the runtime's have no paths, since nothing takes their place."""
        for path, content in sorted(self.contents.items()):
            match = _METADATA.fullmatch(path)
            if match is None or self.system.find(path) is None:
                continue
            headers = HeaderParser().parsestr(content.decode("utf-8", "replace"), headersonly=True)
            try:
                name = package_name(str(headers["Name"] or ""))
            except InvalidNameError:
                continue
            own = match["folder"] == str(runtime.site_packages).lstrip("/")
            record = self.contents.get(f"{path.rpartition('/')[0]}/RECORD", b"")
            paths = tuple(sorted(_owned(record, match["folder"]))) if own else ()
            yield InstalledPackage(name, str(headers["Version"] or ""), "", paths, kind="pypi")


def _owned(record: bytes, folder: str) -> Iterable[str]:
    """Every file that a RECORD names, as a path in the image; none that climbs out."""
    found = set()
    for row in csv.reader(record.decode("utf-8", "replace").splitlines()):
        path = posixpath.normpath(posixpath.join(folder, row[0])) if row else ""
        if path and not path.startswith(("/", "..")):
            found.add(path)
    return found


def _layers(manifest: Manifest, config: ImageConfig, files: Iterable[ImageFile]) -> Iterator[BaseLayer]:
    """Raises UnsuitableImageError when manifest and configuration do not agree."""
    if len(config.diff_ids) != len(manifest.layers):
        raise UnsuitableImageError(
            f"the image has {len(manifest.layers)} layers, and its configuration tells of {len(config.diff_ids)}"
        )
    weights: dict[int, int] = {}
    for file in files:
        weights[file.layer] = weights.get(file.layer, 0) + file.size
    for number, (layer, diff_id) in enumerate(zip(manifest.layers, config.diff_ids, strict=True)):
        packing = compression_of(layer.media_type)
        if packing is None:
            raise UnsuitableImageError(f"a layer of the image is of an unknown kind: {layer.media_type}")
        yield BaseLayer(
            media_type=layer_type(packing),
            digest=layer.digest,
            size=layer.size,
            diff_id=diff_id,
            bytes=weights.get(number, 0),
        )


def _version(path: str) -> PythonVersion:
    match = _PYTHON.fullmatch(_name(path))
    return PythonVersion(int(match[1]) if match is not None else 0)


def _name(path: str) -> str:
    return path.rpartition("/")[2]
