"""The segment of one distribution: its wheel, straight from the zip."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from careen.blobs.digest import Digest
from careen.blobs.store import EntryKey
from careen.build.segment import Contents, Member, Segment, SegmentMaker
from careen.build.stripping import STRIPPER, strip
from careen.build.unbuilt import WheelFile
from careen.plan.target import PythonRuntime
from careen.python.installing import Additions, InstalledFile, Scheme, content, installed_files
from careen.python.names import PackageName
from careen.python.trimming import VERSION, TrimmingPolicy
from careen.python.wheel_archive import WheelArchive
from careen.text.values import dataclass

_BATCH_BYTES = 4 << 20
_HELD_BYTES = 8 << 20


def scheme_for(runtime: PythonRuntime, name: PackageName) -> Scheme:
    """Debian's ``posix_local`` scheme: what is not for the site folder goes beside it, below ``/usr/local``."""
    prefix = runtime.scripts.parent
    return Scheme(
        site_packages=runtime.site_packages,
        scripts=runtime.scripts,
        data=prefix,
        headers=prefix / "include" / f"python{runtime.version}" / name,
        executable=runtime.executable,
    )


Compile = Callable[[Mapping[PurePosixPath, bytes]], Mapping[PurePosixPath, bytes]]
"""Sources by their places in the image, to their bytecode; what does not compile is missing from the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelRecipe:
    """Everything that a distribution's segment is made from.

    ``wheel`` gives its file, fetched or built when it must be, and ``digest`` is the file's. ``modules`` are those
    of its sources, relative to the site folder, that get bytecode. ``only`` are the paths in the image that stay, None
    for all.
    """

    name: PackageName
    version: str
    digest: Digest
    wheel: Callable[[], WheelFile]
    runtime: PythonRuntime
    trimming: TrimmingPolicy
    modules: tuple[str, ...] = ()
    compiler: str = ""
    compile: Compile | None = None
    direct_url: bytes | None = None
    weight: int = 0
    only: frozenset[str] | None = None

    @property
    def what(self) -> str:
        return f"{self.name} {self.version}"

    def key(self, maker: SegmentMaker, /, *, without: frozenset[str] = frozenset()) -> EntryKey:
        scheme = scheme_for(self.runtime, self.name)
        inputs: dict[str, object] = {
            "wheel": self.digest.hex,
            "trimming": [self.trimming.value, VERSION],
            "modules": Digest.of("\n".join(self.modules).encode()).hex if self.modules else "",
            "compiler": self.compiler if self.modules else "",
            "scheme": [str(scheme.site_packages), str(scheme.scripts), str(scheme.data), str(scheme.executable)],
            "python": str(self.runtime.version),
            "stripper": STRIPPER if self.trimming.strips else "",
            "direct_url": self.direct_url.decode() if self.direct_url is not None else "",
            "without": sorted(without),
        }
        if self.only is not None:
            inputs["only"] = Digest.of("\n".join(sorted(self.only)).encode()).hex
        return maker.key("wheel", inputs)

    def fetch(self) -> None:
        self.wheel()

    def open(self) -> WheelArchive:
        file = self.wheel()
        return WheelArchive(file.path, file.name)

    def segment(self, maker: SegmentMaker, /, *, without: frozenset[str] = frozenset()) -> Segment:
        return maker.get_or_make(
            self.key(maker, without=without),
            lambda: Contents(what=self.what, members=self._members(maker, without)),
        )

    def _members(self, maker: SegmentMaker, without: frozenset[str]) -> Iterator[Member]:
        scheme = scheme_for(self.runtime, self.name)
        with self.open() as archive, maker.store.scratch() as scratch:
            replaced = self._stripped(archive, scheme, scratch)
            additions = Additions(
                only=self.only,
                bytecode=self._bytecode(archive, scheme, scratch / "compiled"),
                replaced=replaced,
                direct_url=self.direct_url,
                cache_tag=f"cpython-3{self.runtime.version.minor}",
            )
            for file in installed_files(archive, scheme, self.trimming, additions):
                if file.path not in without:
                    yield _member(archive, file)

    def _bytecode(self, archive: WheelArchive, scheme: Scheme, folder: Path) -> Mapping[str, bytes | Path]:
        """A few megabytes of sources at a time; of a large package the results wait in files of ``folder``."""
        if not self.modules or self.compile is None:
            return {}
        found: dict[str, bytes | Path] = {}
        held = 0
        for names, sources in self._batches(archive, scheme):
            for place, compiled in self.compile(sources).items():
                held += len(compiled)
                found[names[place]] = compiled if held <= _HELD_BYTES else _put_aside(folder, compiled, len(found))
        return found

    def _batches(
        self, archive: WheelArchive, scheme: Scheme
    ) -> Iterator[tuple[dict[PurePosixPath, str], dict[PurePosixPath, bytes]]]:
        """Names of modules, and their sources, by their places in the image."""
        wanted = set(self.modules)
        names: dict[PurePosixPath, str] = {}
        sources: dict[PurePosixPath, bytes] = {}
        size = 0
        for file in installed_files(archive, scheme, self.trimming):
            if file.module_path in wanted and self._stays(file) and not isinstance(file.source, Path):
                place = PurePosixPath("/", file.path)
                sources[place] = b"".join(content(archive, file))
                names[place] = file.module_path
                size += file.size
                if size >= _BATCH_BYTES:
                    yield names, sources
                    names, sources, size = {}, {}, 0
        if sources:
            yield names, sources

    def _stays(self, file: InstalledFile) -> bool:
        return self.only is None or file.path in self.only

    def _stripped(self, archive: WheelArchive, scheme: Scheme, scratch: Path) -> Mapping[str, Path]:
        if not self.trimming.strips:
            return {}
        replaced: dict[str, Path] = {}
        folder = scratch / "stripped"
        folder.mkdir()
        for number, file in enumerate(installed_files(archive, scheme, self.trimming)):
            path = file.module_path or ""
            if ".so" not in path.rpartition("/")[2] or isinstance(file.source, Path):
                continue
            if not self._stays(file):
                continue
            aside = folder / str(number)
            with aside.open("wb") as target:
                for data in content(archive, file):
                    target.write(data)
            if strip(aside):
                replaced[path] = aside
            else:
                aside.unlink()
        return replaced


def _put_aside(folder: Path, data: bytes, number: int) -> Path:
    folder.mkdir(exist_ok=True)
    place = folder / str(number)
    place.write_bytes(data)
    return place


def _member(archive: WheelArchive, file: InstalledFile) -> Member:
    return Member(
        path=file.path,
        size=file.size,
        mode=0o755 if file.executable else 0o644,
        content=file.source if isinstance(file.source, bytes) else lambda: content(archive, file),
        digest=file.digest,
        is_bytecode=file.path.endswith(".pyc"),
    )
