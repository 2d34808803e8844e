"""The native engine: from a plan to images in an OCI layout, without a daemon, without root, without running anything.

Everything that is slow is kept under what it was made from: packed segments by their wheel, layers by their segments.
So a build does what nobody did before, and links the rest.
"""

import contextlib
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
from careen.build.assembly import Assembler, Piece
from careen.build.attachments import Attachments
from careen.build.configuration import references
from careen.build.debian_root import BaseRecipe, SystemRecipe
from careen.build.distribution import WheelRecipe
from careen.build.engine import BuildOptions, BuildResult, BuildSources, BuiltImage
from careen.build.image_root import ImageRootRecipe
from careen.build.image_writing import ImageWriter, PlacedLayer
from careen.build.interpreter import Compiler
from careen.build.licences import licences_of_packages, licences_of_wheels
from careen.build.module_choice import Choice, ModuleChoice, wheels_of
from careen.build.segment import Recipe, Segment, SegmentMaker
from careen.build.stack_layers import StackLayer, StackLayers
from careen.build.traced import WheelFiles, kept_files, touched_files, wheel_files
from careen.oci.layer import packer
from careen.oci.layout import LayoutWriter
from careen.oci.manifest import ImagePlatform, Index, IndexEntry
from careen.oci.media_types import INDEX
from careen.plan.target import Plan, ServicePlan
from careen.progress import Progress, Step, unheard
from careen.python.trimming import TrimmingPolicy

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
    give_back()  # what planning had
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
        build = _Build(plan, sources, chosen, unheard, packers, makers)
        return build.choice.likely_bytes(build.layers.shared())


def unimported_modules(plan: Plan, sources: BuildSources) -> tuple[str, ...]:
    """Modules that no service of the stack imports, which the engine compiles for none: those of distributions relative
    to the site folder, those of the standard library by their path in the image.

    Fetches, keeps and raises what :func:`likely_bytecode_bytes` does.
    """
    with ThreadPoolExecutor(os.cpu_count() or 1) as packers, ThreadPoolExecutor(_FETCHERS) as makers:
        build = _Build(plan, sources, BuildOptions(), unheard, packers, makers)
        return build.choice.unimported(build.layers.shared())


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
        self.layers = StackLayers(plan, sources, options)
        self.base = self.layers.base
        self.images = ImageWriter(plan, options, sources.store, self.assembler)
        self.choice = ModuleChoice(
            plan=plan,
            root=sources.root,
            trimmed=options.trimming is not TrimmingPolicy.NONE,
            base=self.base,
            maker=self.maker,
            makers=makers,
            busy=self.busy,
        )
        self.compiler = self._compiler() if options.bytecode else None

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
        shared = self._with_modules(self.layers.shared())
        self._make_segments(shared)
        placed = self._placed(shared)
        existing = self.assembler.contents(placed[0].pieces).folders
        names = references(self.plan.services)
        attachments = self._attachments(shared)
        built = []
        for number, service in enumerate(self.plan.services, 1):
            own = self._application(service, existing)
            layers = [item for item in placed if service.name in item.layer.services]
            layers.append(self._place(StackLayer(own.what, (service.name,), (own,))))
            image, written = self.images.write(writer, service, names[service.name], layers)
            attachments.attach(writer, replace(written, files=own.digests))
            built.append((image, written.manifest))
            self.progress(Step("writing images", number, len(self.plan.services), service.name))
        return tuple(built)

    def _with_modules(self, layers: list[StackLayer]) -> list[StackLayer]:
        """Recipes that know which modules are compiled, and which files stay where that is for a trace to say."""
        traced = self.options.trimming is TrimmingPolicy.TRACED
        touched = touched_files(self.options.traces, self.plan.services) if traced else frozenset[str]()
        if self.compiler is None and not traced:
            return layers
        choice = self.choice.choose(layers)
        if traced:
            layers = self._without_untouched(layers, choice, touched)
        return layers if self.compiler is None else self.choice.compiled(layers, choice, self.compiler)

    def _without_untouched(self, layers: list[StackLayer], choice: Choice, touched: frozenset[str]) -> list[StackLayer]:
        wheels = {recipe.digest.hex: recipe for recipe in wheels_of(layers)}

        def read(recipe: WheelRecipe) -> WheelFiles:
            with self.busy:
                return wheel_files(self.sources.store, recipe)

        files = dict(zip(wheels, self.makers.map(read, wheels.values()), strict=True))
        kept = kept_files(files, choice, touched, self.plan.base.runtime)
        return [
            replace(
                layer,
                recipes=tuple(
                    replace(recipe, only=kept[recipe.digest.hex]) if isinstance(recipe, WheelRecipe) else recipe
                    for recipe in layer.recipes
                ),
            )
            for layer in layers
        ]

    def _attachments(self, layers: Sequence[StackLayer]) -> Attachments:
        recipes = [recipe for layer in layers for recipe in layer.recipes]
        wheels = wheels_of(layers)
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

    def _make_segments(self, layers: Sequence[StackLayer]) -> None:
        """Fetches and packs whatever is wanted and has no segment yet.

        The largest come first, since they decide when the last is done.
        """
        missing = [
            recipe
            for layer in layers
            if not self.assembler.has([recipe.key(self.maker) for recipe in layer.recipes])
            for recipe in layer.recipes
            if not self.maker.has(recipe.key(self.maker))
        ]
        missing.sort(key=lambda recipe: -recipe.weight)
        jobs = _jobs(missing)
        for done, recipe in enumerate(self.makers.map(self._make_all, jobs), 1):
            self.progress(Step("packing", done, len(jobs), recipe.what))
        if missing:
            give_back()

    def _make_all(self, recipes: Sequence[Recipe]) -> Recipe:
        """In their order; a base that others are laid over is composed once for all of them."""
        first, *_ = recipes
        with first.held() if isinstance(first, BaseRecipe) and len(recipes) > 1 else contextlib.nullcontext():
            for recipe in recipes:
                self._make(recipe)
        return first

    def _make(self, recipe: Recipe) -> Recipe:
        recipe.fetch()
        with self.busy:
            recipe.segment(self.maker)
            if recipe.weight > _LARGE_BYTES:
                give_back()
        return recipe

    def _placed(self, layers: Sequence[StackLayer]) -> list[PlacedLayer]:
        """In their order; the largest are begun first, as above."""
        numbers = sorted(range(len(layers)), key=lambda number: -layers[number].weight)
        begun = {
            number: self.makers.submit(self._above if number else self._below, layers[number]) for number in numbers
        }
        return [item for number in range(len(layers)) for item in begun[number].result()]

    def _above(self, layer: StackLayer) -> list[PlacedLayer]:
        return [self._place(layer)]

    def _below(self, layer: StackLayer) -> list[PlacedLayer]:
        """One of ours, or those of the image that is the base."""
        if not isinstance(self.base, ImageRootRecipe):
            return [self._place(layer)]
        # What is in all of them together is known as one; the lowest stands for it.
        whole: tuple[Piece, ...] = (self._piece(self.base),)
        made = self.base.layers()
        return [
            PlacedLayer(replace(layer, what=item.shares[0].what), whole if number == 0 else (), item)
            for number, item in enumerate(made)
        ]

    def _place(self, layer: StackLayer) -> PlacedLayer:
        pieces = tuple(self._piece(recipe) for recipe in layer.recipes)
        with self.busy:
            return PlacedLayer(layer, pieces, self.assembler.layer(pieces))

    def _piece(self, recipe: Recipe) -> Piece:
        return Piece(key=recipe.key(self.maker), segment=lambda without: recipe.segment(self.maker, without=without))


def _jobs(recipes: Sequence[Recipe]) -> list[list[Recipe]]:
    """Recipes that are made one after the other, as a base and what is laid over it are; the rest by themselves."""
    over = [recipe for recipe in recipes if isinstance(recipe, SystemRecipe)]
    together = bool(over) and any(isinstance(recipe, BaseRecipe) for recipe in recipes)
    return [
        [recipe, *over] if together and isinstance(recipe, BaseRecipe) else [recipe]
        for recipe in recipes
        if not (together and isinstance(recipe, SystemRecipe))
    ]
