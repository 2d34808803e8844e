"""The native engine: from a plan to images in an OCI layout, without a daemon, without root, without running anything.

Everything that is slow is kept under what it was made from: packed segments by their wheel, layers by their segments.
So a build does what nobody did before, and links the rest.
"""

import contextlib
import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath

from careen.blobs.digest import Descriptor, Digest
from careen.blobs.store import EntryKey
from careen.build.allocator import give_back, share_arenas
from careen.build.application import ApplicationRecipe
from careen.build.assembly import Assembler, Layer, Piece
from careen.build.attachments import Attachments, NewImage
from careen.build.bytecode import (
    LibraryRecipe,
    library_modules,
    project_reader,
    reached,
    service_starts,
    wheel_modules,
)
from careen.build.closure import missing_libraries
from careen.build.configuration import annotations, image_config, references
from careen.build.debian_root import BaseRecipe, SystemRecipe
from careen.build.distribution import WheelRecipe
from careen.build.engine import BuildOptions, BuildResult, BuildSources, BuiltImage, BuiltLayer, BuiltShare
from careen.build.interpreter import Compiler
from careen.build.licences import licences_of_packages, licences_of_wheels
from careen.build.module_graph import ModuleSet
from careen.build.segment import FORMAT, Recipe, Segment, SegmentMaker
from careen.build.stripping import find_stripper
from careen.build.unbuilt import WheelBuilder, WheelFile
from careen.oci.layer import packer
from careen.oci.layout import LayoutWriter
from careen.oci.manifest import ImagePlatform, Index, IndexEntry, Manifest
from careen.oci.media_types import CONFIG, INDEX, MANIFEST, layer_type
from careen.plan.target import Plan, PlannedDistribution, ServicePlan, UnbuiltSource
from careen.progress import Progress, Step, unheard
from careen.python.contents import likely_bytecode
from careen.python.locked import LockedFile
from careen.python.tags import GLIBC_OF_RELEASE
from careen.python.trimming import TrimmingPolicy
from careen.text.values import dataclass

ENGINE = "native"
_FETCHERS = 6
_LARGE_BYTES = 20_000_000


def build_stack(
    plan: Plan,
    sources: BuildSources,
    *,
    output: Path,
    options: BuildOptions | None = None,
    progress: Progress = unheard,
) -> BuildResult:
    """Writes every image of the plan into the layout ``output``, which is made, or holds an earlier build.

    Raises LayoutError for a folder that holds something else, and what fetching, verifying and reading raise; images
    that were in ``output`` stay until the new ones are whole.
    """
    (result,) = build_platforms((plan,), sources, output=output, options=options, progress=progress)
    return result


def build_platforms(
    plans: Sequence[Plan],
    sources: BuildSources,
    *,
    output: Path,
    options: BuildOptions | None = None,
    progress: Progress = unheard,
) -> tuple[BuildResult, ...]:
    """The same for several plans of one stack, each for a platform of its own.

    What a name in the layout leads to is then an index of its images.
    """
    share_arenas()
    processors = os.cpu_count() or 1
    results = []
    with (
        ThreadPoolExecutor(processors, "careen-pack") as packers,
        ThreadPoolExecutor(max(_FETCHERS, processors), "careen-make") as makers,
        LayoutWriter(output) as writer,
    ):
        written: dict[str, list[IndexEntry]] = {}
        for plan in plans:
            started = time.perf_counter()
            build = _Build(plan, sources, options or BuildOptions(), progress, packers, makers)
            images = build.run(writer)
            platform = ImagePlatform.of(plan.platform)
            for image, descriptor in images:
                written.setdefault(image.reference, []).append(IndexEntry(descriptor=descriptor, platform=platform))
            results.append(
                BuildResult(
                    engine=ENGINE,
                    platform=plan.platform,
                    layout=output,
                    images=tuple(image for image, _ in images),
                    seconds=time.perf_counter() - started,
                )
            )
        if len(plans) == 1:
            named = {name: entry.descriptor for name, (entry,) in written.items()}
        else:
            indexes = {name: Index(entries=tuple(entries)) for name, entries in written.items()}
            named = {name: writer.put(INDEX, index.render()) for name, index in indexes.items()}
        writer.finish(named)
    return tuple(results)


def likely_bytecode_bytes(plan: Plan, sources: BuildSources, options: BuildOptions | None = None) -> Mapping[str, int]:
    """What bytecode will add to the image of each service, without building it; 0 where the options want none.

    Fetches wheels and the base's packages unless they are here, and keeps what it learns of them for the build.
    Raises what that raises.
    """
    chosen = options or BuildOptions()
    if not chosen.bytecode:
        return {service.name: 0 for service in plan.services}
    with ThreadPoolExecutor(os.cpu_count() or 1) as packers, ThreadPoolExecutor(_FETCHERS) as makers:
        return _Build(plan, sources, chosen, unheard, packers, makers).likely_bytecode_bytes()


@dataclass(frozen=True, slots=True)
class _StackLayer:
    """A layer to be: its recipes in their order, and the services that take it."""

    what: str
    services: tuple[str, ...]
    recipes: tuple[Recipe, ...]


@dataclass(frozen=True, slots=True)
class _Placed:
    """A layer that is."""

    layer: _StackLayer
    pieces: tuple[Piece, ...]
    made: Layer


@dataclass(frozen=True, slots=True)
class _ImageFacts:
    """``hidden_bytes`` are those of files that a layer above replaces; ``tops`` the top names that have files."""

    hidden_bytes: int
    notes: tuple[str, ...]
    tops: frozenset[str]


class _Build:
    def __init__(
        self,
        plan: Plan,
        sources: BuildSources,
        options: BuildOptions,
        progress: Progress,
        packers: ThreadPoolExecutor,
        makers: ThreadPoolExecutor,
    ) -> None:
        packing = packer(options.compression)
        self.plan = plan
        self.sources = sources
        self.options = options
        self.progress = progress
        self.makers = makers
        self.maker = SegmentMaker(sources.store, packing, packers, plan.source_date_epoch)
        self.assembler = Assembler(sources.store, packing, packers, plan.source_date_epoch)
        # Fetching may be ahead of the rest, but as many as can work at once may fill the memory.
        self.busy = threading.Semaphore(os.cpu_count() or 1)
        self.base = BaseRecipe(base=plan.base, architecture=plan.platform.architecture, debs=sources.debs)
        self.compiler = self._compiler() if options.bytecode else None
        lean = options.trimming is TrimmingPolicy.LEAN
        self.stripper = find_stripper(plan.platform.architecture) if lean else None
        self.builder = WheelBuilder(
            store=sources.store,
            packages=sources.packages,
            uv=sources.uv,
            environment=sources.environment,
            python=plan.base.runtime.version,
            platform=plan.platform,
            glibc=GLIBC_OF_RELEASE[plan.base.release],
            epoch=plan.source_date_epoch,
        )

    def _compiler(self) -> Compiler:
        return Compiler(
            runtime=self.plan.base.runtime,
            architecture=self.plan.platform.architecture,
            base_key=self.base.key(self.maker),
            base=self._base_segment,
            store=self.sources.store,
            packer=self.maker.packer,
        )

    def _base_segment(self) -> Segment:
        return self.base.segment(self.maker)

    def run(self, writer: LayoutWriter) -> tuple[tuple[BuiltImage, Descriptor], ...]:
        with contextlib.closing(self.compiler) if self.compiler is not None else contextlib.nullcontext():
            return self._run(writer)

    def _run(self, writer: LayoutWriter) -> tuple[tuple[BuiltImage, Descriptor], ...]:
        shared = self._shared_layers()
        if self.compiler is not None:
            shared = self._with_bytecode(shared, self.compiler)
        self._make_segments(shared)
        placed = list(self.makers.map(self._place, shared))
        existing = self.assembler.contents(placed[0].pieces).folders
        names = references(self.plan.services)
        attachments = self._attachments(shared)
        built = []
        for number, service in enumerate(self.plan.services, 1):
            own = self._application(service, existing)
            layers = [item for item in placed if service.name in item.layer.services]
            layers.append(self._place(_StackLayer(own.what, (service.name,), (own,))))
            image, written = self._write_image(writer, service, names[service.name], layers)
            attachments.attach(writer, replace(written, files=own.digests))
            built.append((image, written.manifest))
            self.progress(Step("writing images", number, len(self.plan.services), service.name))
        return tuple(built)

    def _attachments(self, layers: Sequence[_StackLayer]) -> Attachments:
        recipes = [recipe for layer in layers for recipe in layer.recipes]
        wheels = [recipe for recipe in recipes if isinstance(recipe, WheelRecipe)]
        licences = dict(licences_of_wheels(self.sources.store, wheels, self.makers))
        for recipe in recipes:
            if isinstance(recipe, BaseRecipe | SystemRecipe):
                known = licences_of_packages(
                    self.sources.store,
                    recipe.key(self.maker),
                    lambda recipe=recipe: recipe.segment(self.maker),  # type: ignore[misc]  # bound now, not later
                    self.maker.packer,
                )
                licences |= known
        name = self.compiler.name if self.compiler is not None else ""
        return Attachments(
            plan=self.plan,
            options=self.options,
            compiler="by the base" if name.startswith("base ") else name,
            digests={recipe.name: recipe.digest for recipe in wheels},
            licences=licences,
        )

    def _shared_layers(self) -> list[_StackLayer]:
        names = tuple(service.name for service in self.plan.services)
        found = [_StackLayer(self.plan.base.label, names, (self.base,))]
        for system in self.plan.system_layers:
            recipe = SystemRecipe(base=self.base, packages=system.packages)
            found.append(_StackLayer(recipe.what, system.services, (recipe,)))
        for layer in self.plan.distribution_layers:
            recipes = tuple(self._distribution(item) for item in layer.distributions)
            found.append(_StackLayer(", ".join(item.name for item in layer.distributions), layer.services, recipes))
        return found

    def _distribution(self, item: PlannedDistribution) -> WheelRecipe:
        source = item.source
        if isinstance(source, UnbuiltSource):
            digest, direct_url = self.builder.identity(item, source), self.builder.direct_url(source)
        else:
            digest, direct_url = source.digest, None
        return WheelRecipe(
            name=item.name,
            version=item.version,
            digest=digest,
            wheel=lambda: self._wheel(item),
            runtime=self.plan.base.runtime,
            trimming=self.options.trimming,
            stripper=self.stripper,
            direct_url=direct_url,
            weight=item.installed_bytes or 0,
        )

    def _wheel(self, item: PlannedDistribution) -> WheelFile:
        source = item.source
        if isinstance(source, UnbuiltSource):
            return self.builder.wheel(item, source)
        locked = LockedFile(url=source.url, digest=source.digest, size=source.size)
        return WheelFile(self.sources.packages.wheel(locked), source.filename)

    def likely_bytecode_bytes(self) -> Mapping[str, int]:
        layers = self._shared_layers()
        chosen = self._choose_modules(layers)
        found: dict[str, int] = {}
        for service in self.plan.services:
            keys = [self.base.key(self.maker).digest.hex]
            for layer in layers:
                if service.name in layer.services:
                    keys += [recipe.digest.hex for recipe in layer.recipes if isinstance(recipe, WheelRecipe)]
            sizes = [size for key in keys for size in chosen[key].values()]
            sizes += [file.bytes for file in service.application if file.destination.suffix == ".py"]
            sizes += [len(file.content) for file in service.support if file.destination.suffix == ".py"]
            found[service.name] = likely_bytecode(sizes)
        return found

    def _choose_modules(self, layers: Sequence[_StackLayer]) -> Mapping[str, Mapping[str, int]]:
        """Sources that get bytecode, with their sizes, by the digest of their wheel and the key of the base."""
        wheels = {
            recipe.digest.hex: recipe for layer in layers for recipe in layer.recipes if isinstance(recipe, WheelRecipe)
        }
        store, runtime = self.sources.store, self.plan.base.runtime
        library = self.makers.submit(
            lambda: library_modules(store, self.base, self._base_segment, self.maker.packer, runtime)
        )
        scanned = self.makers.map(self._scan, wheels.values())
        sets = dict(zip(wheels, scanned, strict=True))
        base_key = self.base.key(self.maker).digest.hex
        sets[base_key] = library.result()
        starts = service_starts(self.plan.services, project_reader(self.sources.root))
        modules = reached(store, sets, starts, library=base_key)
        sizes = {key: {module.path: module.size for module in found.modules.values()} for key, found in sets.items()}
        return {key: {path: sizes[key][path] for path in paths} for key, paths in modules.items()}

    def _with_bytecode(self, layers: list[_StackLayer], compiler: Compiler) -> list[_StackLayer]:
        """The same layers with recipes that compile what the stack imports."""
        modules = {key: tuple(chosen) for key, chosen in self._choose_modules(layers).items()}
        base_key = self.base.key(self.maker)
        standard = LibraryRecipe(
            base_key=base_key,
            base=self._base_segment,
            packer=self.maker.packer,
            runtime=self.plan.base.runtime,
            modules=modules[base_key.digest.hex],
            compiler=compiler.name,
            compile=compiler.compile,
            cache_tag=compiler.cache_tag,
        )

        def compiling(recipe: Recipe) -> Recipe:
            if not isinstance(recipe, WheelRecipe):
                return recipe
            own = modules[recipe.digest.hex]
            return replace(recipe, modules=own, compiler=compiler.name, compile=compiler.compile)

        first, *others = layers
        return [
            replace(first, recipes=(*first.recipes, standard)),
            *(replace(layer, recipes=tuple(compiling(recipe) for recipe in layer.recipes)) for layer in others),
        ]

    def _scan(self, recipe: WheelRecipe) -> ModuleSet:
        recipe.fetch()
        with self.busy:
            return wheel_modules(self.sources.store, recipe)

    def _application(self, service: ServicePlan, existing: frozenset[str]) -> ApplicationRecipe:
        return ApplicationRecipe(
            service=service,
            root=self.sources.root,
            existing=existing,
            compiler=self.compiler.name if self.compiler is not None else "",
            compile=self._compiled if self.compiler is not None else None,
            cache_tag=self.compiler.cache_tag if self.compiler is not None else "",
        )

    def _compiled(self, sources: Mapping[PurePosixPath, bytes]) -> Mapping[PurePosixPath, bytes]:
        """One module at a time is kept, since of an application one changes at a time."""
        compiler = self.compiler
        if compiler is None:
            return {}
        found: dict[PurePosixPath, bytes] = {}
        for path, source in sources.items():
            inputs = {"compiler": compiler.name, "path": str(path), "source": Digest.of(source).hex}
            entry = self.sources.store.get_or_make(
                EntryKey.of("bytecode", inputs),
                lambda _, path=path, source=source: compiler.compile({path: source}).get(path, b""),  # type: ignore[misc]
            )
            if entry.document:
                found[path] = entry.document
        return found

    def _make_segments(self, layers: Sequence[_StackLayer]) -> None:
        """Fetches and packs whatever is wanted and has no segment yet.

        The largest come first, since they decide when the last is done.
        """
        missing = [
            recipe
            for layer in layers
            if not self.assembler.has([recipe.key(self.maker) for recipe in layer.recipes])
            for recipe in layer.recipes
            if self.maker.find(recipe.key(self.maker)) is None
        ]
        missing.sort(key=lambda recipe: -recipe.weight)
        for done, recipe in enumerate(self.makers.map(self._make, missing), 1):
            self.progress(Step("packing", done, len(missing), recipe.what))

    def _make(self, recipe: Recipe) -> Recipe:
        recipe.fetch()
        with self.busy:
            recipe.segment(self.maker)
            if recipe.weight > _LARGE_BYTES:
                give_back()
        return recipe

    def _place(self, layer: _StackLayer) -> _Placed:
        pieces = tuple(self._piece(recipe) for recipe in layer.recipes)
        with self.busy:
            return _Placed(layer, pieces, self.assembler.layer(pieces))

    def _piece(self, recipe: Recipe) -> Piece:
        return Piece(key=recipe.key(self.maker), segment=lambda without: recipe.segment(self.maker, without=without))

    def _write_image(
        self, writer: LayoutWriter, service: ServicePlan, reference: str, placed: Sequence[_Placed]
    ) -> tuple[BuiltImage, NewImage]:
        media_type = layer_type(self.options.compression)
        layers = []
        for item in placed:
            descriptor = Descriptor(media_type, item.made.digest, item.made.packed_bytes)
            if not writer.has(descriptor):
                writer.add_blob(descriptor, item.made.path)
            layers.append(descriptor)
        contents = [(item.layer.what, item.made.diff_id) for item in placed]
        origin = self.options.origin
        config = image_config(self.plan, service, contents, origin)
        manifest = Manifest(
            config=writer.put(CONFIG, config.render()),
            layers=tuple(layers),
            annotations=annotations(self.plan, service, contents[0][1], origin),
        )
        descriptor = writer.put(MANIFEST, manifest.render())
        facts = self._facts(placed)
        image = BuiltImage(
            service=service.name,
            reference=reference,
            digest=descriptor.digest,
            bytes=sum(item.made.bytes for item in placed) - facts.hidden_bytes,
            compressed_bytes=sum(item.made.packed_bytes for item in placed),
            layers=tuple(_built(item) for item in placed),
            notes=(*facts.notes, *(sentence for item in placed for sentence in item.made.overlaps)),
        )
        written = NewImage(
            service=service, reference=reference, manifest=descriptor, run=config.run, layers=contents, files={}
        )
        return image, written

    def _facts(self, placed: Sequence[_Placed]) -> _ImageFacts:
        """What is true of these layers together. Of the shared ones it is known from the last time; the service's own
        files, which change often, lie apart as a rule.
        """
        *shared, own = placed
        known = self._known_facts(shared)
        contents = self.assembler.contents(own.pieces)
        if contents.natives or any(_top(path) in known.tops for path in contents.files):
            return self._known_facts(placed)
        return known

    def _known_facts(self, placed: Sequence[_Placed]) -> _ImageFacts:
        key = EntryKey.of("image", {"format": FORMAT, "layers": [item.made.key.digest.hex for item in placed]})
        document = json.loads(self.sources.store.get_or_make(key, lambda _: self._find_facts(placed)).document)
        return _ImageFacts(document["hidden_bytes"], tuple(document["notes"]), frozenset(document["tops"]))

    def _find_facts(self, placed: Sequence[_Placed]) -> bytes:
        contents = [self.assembler.contents(item.pieces) for item in placed]
        files: dict[str, int] = {}
        hidden = 0
        for layer in contents:
            for path, size in layer.files.items():
                hidden += files.get(path, 0)
                files[path] = size
        natives = [native for layer in contents for native in layer.natives]
        missing = missing_libraries(natives, files, self.plan.platform.architecture)
        document = {
            "hidden_bytes": hidden,
            "notes": [str(library) for library in missing],
            "tops": sorted({_top(path) for path in files}),
        }
        return json.dumps(document).encode()


def _top(path: str) -> str:
    return path.partition("/")[0]


def _built(item: _Placed) -> BuiltLayer:
    return BuiltLayer(
        digest=item.made.digest,
        diff_id=item.made.diff_id,
        bytes=item.made.bytes,
        compressed_bytes=item.made.packed_bytes,
        services=item.layer.services,
        what=item.layer.what,
        shares=tuple(
            BuiltShare(what=share.what, bytes=share.bytes, bytecode_bytes=share.bytecode_bytes)
            for share in item.made.shares
        ),
    )
