"""Which modules get bytecode: those that some service of the stack imports, and no others.

With it a service starts in a third of the time; compiling everything would cost twice the bytes for nothing. The
choice is made for the stack, so that services go on sharing layers.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from careen.blobs.digest import Digest
from careen.blobs.store import EntryKey, Store
from careen.build.debian_root import BaseRecipe
from careen.build.distribution import Compile, WheelRecipe
from careen.build.image_root import ImageRootRecipe
from careen.build.interpreter import base_files
from careen.build.module_graph import Imports, Module, ModuleSet, Starts, find_imports, module_name, reached_modules
from careen.build.segment import Contents, Member, Segment, SegmentMaker
from careen.oci.layer import Packer
from careen.plan.target import PythonRuntime, ServicePlan
from careen.python.contents import installed_path, parse_entry_points
from careen.python.trim_rules import is_trimmed
from careen.python.trimming import TrimmingPolicy
from careen.python.wheel_archive import WheelArchive
from careen.text.values import dataclass

_SCAN_FORMAT = 4
"""Raised when sources are searched differently, so that what was found before is not believed."""

_REACHED_FORMAT = 2
_LARGEST_SOURCE = 16 << 20
_STARTUP = (
    "concurrent.futures.thread",
    "encodings.aliases",
    "encodings.ascii",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.utf_8",
    "os",
    "runpy",
    "site",
    "sitecustomize",
    "stringprep",
)
"""What the interpreter imports by itself, before or beside any program."""

_NOT_AT_RUN_TIME = re.compile(
    r"(?:console|gui)_scripts|pytest.*|distutils\..*|setuptools\..*|sphinx.*|babel\..*|mypy.*"
)
_SCHEME = re.compile(r"\b([A-Za-z][A-Za-z0-9+]*)://")
_WORD = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


def wheel_modules(store: Store, recipe: WheelRecipe) -> ModuleSet:
    """What the modules of a wheel import; its sources are searched once. Raises what reading a wheel raises."""
    inputs = {"format": _SCAN_FORMAT, "wheel": recipe.digest.hex, "trimmed": recipe.trimming is not TrimmingPolicy.NONE}

    def scan() -> bytes:
        with recipe.open() as archive:
            return _document(_wheel_sources(archive, recipe.trimming), _plugins(archive))

    return _read(store.get_or_make(EntryKey.of("modules", inputs), lambda _: scan()).document)


def library_modules(
    store: Store,
    recipe: BaseRecipe | ImageRootRecipe,
    segment: Callable[[], Segment],
    packer: Packer,
    runtime: PythonRuntime,
) -> ModuleSet:
    """The same for the standard library in a base, of which ``segment`` is asked when nobody has searched it."""
    # Whichever libraries a base has, its modules are the same.
    base_inputs = {name: value for name, value in recipe.inputs().items() if name != "libraries"}
    inputs = {"format": _SCAN_FORMAT, "base": base_inputs}
    folder = library_folder(runtime)

    def scan() -> bytes:
        base = segment()
        sites = (f"{folder}site-packages/", f"{folder}dist-packages/")  # of which an image may have some
        wanted = [
            file.path
            for file in base.files
            if file.path.startswith(folder) and file.path.endswith(".py") and not file.path.startswith(sites)
        ]
        sources = ((path.removeprefix(folder), data) for path, data in base_files(base, packer, wanted))
        return _document(((path, _decoded(data)) for path, data in sources), ())

    return _read(store.get_or_make(EntryKey.of("modules", inputs), lambda _: scan()).document)


def library_folder(runtime: PythonRuntime) -> str:
    """Of the standard library in the image, relative to its root, with a slash at its end."""
    prefix = runtime.executable.parent.parent
    return f"{prefix}/lib/python{runtime.version}/".lstrip("/")


def service_starts(services: Iterable[ServicePlan], read: Callable[[PurePosixPath], bytes]) -> Starts:
    """What the services' commands and their own modules import. ``read`` gives a file of the project."""
    imports: dict[str, None] = dict.fromkeys(_STARTUP)
    texts: dict[str, None] = {}
    words: set[str] = set()
    seen: set[tuple[object, str, bool]] = set()  # services share modules, and each is searched once
    for service in services:
        health = service.health.argv if service.health is not None else ()
        for word in (*service.entry_point, *health):
            for name in re.split(r"[:,=]", word):
                if _WORD.fullmatch(name):
                    imports.update({name: None, f"{name}.__main__": None})
                    words.update(name.lower().split("."))
        for _, value in (*service.environment, *service.run_environment):
            words.update(_schemes(value))
        roots = [PurePosixPath(root) for root in dict(service.environment).get("PYTHONPATH", "").split(":") if root]
        for place, source in _own_modules(service):
            name, is_package = _name_in(place, roots)
            if (source, name, is_package) in seen:
                continue
            seen.add((source, name, is_package))
            content = _decoded(source if isinstance(source, bytes) else read(source))
            found = find_imports(content, name, is_package=is_package)
            imports.update(dict.fromkeys((*found.eager, *found.lazy)))
            texts.update(dict.fromkeys(found.texts))
            words.update(_schemes(content))
            words.update(name.partition(".")[0].lower() for name in (*found.eager, *found.lazy))
    return Starts(tuple(sorted(imports)), tuple(sorted(texts)), frozenset(words))


def _own_modules(service: ServicePlan) -> Iterator[tuple[PurePosixPath, PurePosixPath | bytes]]:
    """Places in the image; and files of the project, or what stands there."""
    for file in service.application:
        if file.destination.suffix == ".py":
            yield file.destination, file.source
    for support in service.support:
        if support.destination.suffix == ".py":
            yield support.destination, support.content


def _schemes(text: str) -> Iterator[str]:
    """Of addresses: ``redis``, or both words of ``postgresql+asyncpg``."""
    if "://" not in text:
        return
    for scheme in _SCHEME.findall(text):
        yield from scheme.lower().split("+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """Sets of modules by keys that tell their contents, of which trimming leaves less; ``library`` is one of the
    ``keys``. ``read`` gives them all, and is called for a question that nobody has asked before.
    """

    keys: Collection[str]
    library: str
    trimmed: bool
    read: Callable[[], Mapping[str, ModuleSet]]


def reached(store: Store, searched: Searched, starts: Starts) -> Mapping[str, Mapping[str, int]]:
    """The sources that get bytecode with their sizes, in the order of their paths, by the key of their set."""
    inputs = {
        "format": _SCAN_FORMAT,
        "answer": _REACHED_FORMAT,
        "sets": sorted(searched.keys),
        "library": searched.library,
        "trimmed": searched.trimmed,
        "imports": starts.imports,
        "texts": starts.texts,
        "words": sorted(starts.words),
    }

    def find() -> bytes:
        sets = searched.read()
        found: dict[str, dict[str, int]] = {}
        for key, paths in reached_modules(sets, starts, library=searched.library).items():
            sizes = {module.path: module.size for module in sets[key].modules.values()}
            found[key] = {path: sizes[path] for path in sorted(paths)}
        return json.dumps(found, separators=(",", ":")).encode()

    document = json.loads(store.get_or_make(EntryKey.of("reached", inputs), lambda _: find()).document)
    return {str(key): {str(path): int(size) for path, size in paths.items()} for key, paths in document.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryRecipe:
    """The standard library's bytecode, in a segment of its own: the base stays the same for every stack."""

    base_key: EntryKey
    base: Callable[[], Segment]
    packer: Packer
    runtime: PythonRuntime
    modules: tuple[str, ...]
    compiler: str
    compile: Compile
    cache_tag: str

    @property
    def what(self) -> str:
        return f"bytecode of Python {self.runtime.version}'s standard library"

    @property
    def weight(self) -> int:
        return len(self.modules) * 10_000

    def key(self, maker: SegmentMaker, /) -> EntryKey:
        modules = Digest.of("\n".join(self.modules).encode()).hex
        return maker.key("library", {"base": self.base_key.digest.hex, "modules": modules, "compiler": self.compiler})

    def fetch(self) -> None:
        """The base is a segment, made before."""

    def segment(self, maker: SegmentMaker, /, *, without: frozenset[str] = frozenset()) -> Segment:
        return maker.get_or_make(
            self.key(maker), lambda: Contents(what=self.what, members=list(self._members(without)))
        )

    def _members(self, without: frozenset[str]) -> Iterator[Member]:
        folder = library_folder(self.runtime)
        wanted = [f"{folder}{module}" for module in self.modules]
        files = base_files(self.base(), self.packer, wanted)
        compiled = self.compile({PurePosixPath("/", path): data for path, data in files})
        found = {compiled_path(str(path).lstrip("/"), self.cache_tag): data for path, data in compiled.items()}
        for path in sorted(set(found) - without):
            yield Member(
                path=path, size=len(found[path]), content=found[path], digest=Digest.of(found[path]), is_bytecode=True
            )


def compiled_path(source: str, cache_tag: str) -> str:
    """Where Python looks for the bytecode of a source (PEP 3147)."""
    folder, slash, name = source.rpartition("/")
    return f"{folder}{slash}__pycache__/{name.removesuffix('.py')}.{cache_tag}.pyc"


def _wheel_sources(archive: WheelArchive, trimming: TrimmingPolicy) -> Iterator[tuple[str, str]]:
    for entry in archive.directory.files():
        path = installed_path(entry.path)
        if path is None or module_name(path) is None or entry.size > _LARGEST_SOURCE:
            continue
        if trimming is TrimmingPolicy.NONE or not is_trimmed(path):
            yield path, _decoded(archive.read(entry))


def _plugins(archive: WheelArchive) -> list[str]:
    """Modules that other distributions load because this one is installed (entry points)."""
    found: dict[str, None] = {}
    for entry in archive.directory.files():
        if entry.path.endswith(".dist-info/entry_points.txt") and entry.path.count("/") == 1:
            for group, pairs in parse_entry_points(_decoded(archive.read(entry))).items():
                if not _NOT_AT_RUN_TIME.fullmatch(group):
                    found.update((target.partition(":")[0].strip(), None) for _, target in pairs)
    return list(found)


def _document(sources: Iterable[tuple[str, str]], plugins: Iterable[str]) -> bytes:
    modules = {}
    for path, text in sources:
        named = module_name(path)
        if named is not None:
            imports = find_imports(text, named[0], is_package=named[1])
            modules[named[0]] = [path, len(text), imports.eager, imports.lazy, imports.texts]
    return json.dumps({"modules": modules, "plugins": list(plugins)}, separators=(",", ":")).encode()


def _read(document: bytes) -> ModuleSet:
    fields = json.loads(document)
    modules = {
        name: Module(path, size, Imports(tuple(eager), tuple(lazy), tuple(texts)))
        for name, (path, size, eager, lazy, texts) in fields["modules"].items()
    }
    return ModuleSet(modules, tuple(fields["plugins"]))


def _name_in(place: PurePosixPath, roots: Iterable[PurePosixPath]) -> tuple[str, bool]:
    for root in roots:
        if place.is_relative_to(root):
            named = module_name(str(place.relative_to(root)))
            if named is not None:
                return named
    return place.stem, False


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def project_reader(root: Path) -> Callable[[PurePosixPath], bytes]:
    """Reads modules of the project; what is too large for a source, or is not there, is told by the application."""

    def read(path: PurePosixPath) -> bytes:
        place = root / path
        return place.read_bytes() if place.is_file() and place.stat().st_size <= _LARGEST_SOURCE else b""

    return read
