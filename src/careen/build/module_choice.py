"""Which modules of a stack's layers get bytecode, and recipes that say so."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

from careen.build.bytecode import (
    LibraryRecipe,
    Searched,
    compiled_path,
    library_folder,
    library_modules,
    project_reader,
    reached,
    service_starts,
    wheel_modules,
)
from careen.build.debian_root import BaseRecipe
from careen.build.distribution import WheelRecipe
from careen.build.image_root import ImageRootRecipe
from careen.build.interpreter import Compiler
from careen.build.module_graph import ModuleSet
from careen.build.segment import Recipe, Segment, SegmentMaker
from careen.build.stack_layers import StackLayer
from careen.build.unimported import unimported
from careen.plan.target import Plan
from careen.python.contents import likely_bytecode
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """``sets`` gives all modules, and ``modules`` are the chosen sources with their sizes, by the digest of their wheel
    and the key of the base.
    """

    sets: Callable[[], Mapping[str, ModuleSet]]
    modules: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleChoice:
    """``root`` is the project's folder; ``trimmed`` is whether distributions are without their tests and the like;
    ``busy`` is held by whoever works rather than waits.
    """

    plan: Plan
    root: Path
    trimmed: bool
    base: BaseRecipe | ImageRootRecipe
    maker: SegmentMaker
    makers: ThreadPoolExecutor
    busy: threading.Semaphore

    def choose(self, layers: Sequence[StackLayer]) -> Choice:
        """Fetches every wheel that nobody has searched yet, unless the same was chosen before."""
        wheels = {recipe.digest.hex: recipe for recipe in wheels_of(layers)}
        base_key = self._base_key
        sets = cache(lambda: self._sets(wheels))
        searched = Searched(keys=(*wheels, base_key), library=base_key, trimmed=self.trimmed, read=sets)
        starts = service_starts(self.plan.services, project_reader(self.root))
        return Choice(sets=sets, modules=reached(self.maker.store, searched, starts))

    def _sets(self, wheels: Mapping[str, WheelRecipe]) -> Mapping[str, ModuleSet]:
        store, runtime = self.maker.store, self.plan.base.runtime
        library = self.makers.submit(
            lambda: library_modules(store, self.base, self._base_segment, self.maker.packer, runtime)
        )
        scanned = self.makers.map(self._scan, wheels.values())
        return {**dict(zip(wheels, scanned, strict=True)), self._base_key: library.result()}

    def compiled(self, layers: Sequence[StackLayer], choice: Choice, compiler: Compiler) -> list[StackLayer]:
        """The same layers with recipes that compile what was chosen."""
        standard = LibraryRecipe(
            base_key=self.base.key(self.maker),
            base=self._base_segment,
            packer=self.maker.packer,
            runtime=self.plan.base.runtime,
            modules=tuple(choice.modules[self._base_key]),
            compiler=compiler.name,
            compile=compiler.compile,
            cache_tag=compiler.cache_tag,
        )

        def compiling(recipe: Recipe) -> Recipe:
            if not isinstance(recipe, WheelRecipe):
                return recipe
            own = tuple(choice.modules[recipe.digest.hex])
            return replace(recipe, modules=own, compiler=compiler.name, compile=compiler.compile)

        first, *others = layers
        if isinstance(self.base, ImageRootRecipe):
            missing = self._without_known(standard, compiler)
            own = [StackLayer(missing.what, first.services, (missing,))] if missing.modules else []
            beneath = [first, *own]
        else:
            beneath = [replace(first, recipes=(*first.recipes, standard))]
        return [
            *beneath,
            *(replace(layer, recipes=tuple(compiling(recipe) for recipe in layer.recipes)) for layer in others),
        ]

    def _without_known(self, standard: LibraryRecipe, compiler: Compiler) -> LibraryRecipe:
        """An image may bring bytecode of its own, which its builder answers for."""
        folder = library_folder(self.plan.base.runtime)
        known = {file.path for file in self._base_segment().files}
        return replace(
            standard,
            modules=tuple(
                module
                for module in standard.modules
                if compiled_path(f"{folder}{module}", compiler.cache_tag) not in known
            ),
        )

    def likely_bytes(self, layers: Sequence[StackLayer]) -> Mapping[str, int]:
        """What the bytecode of each service's image will weigh."""
        chosen = self.choose(layers).modules
        found: dict[str, int] = {}
        for service in self.plan.services:
            keys = [self._base_key]
            keys += [recipe.digest.hex for recipe in wheels_of(layers, service.name)]
            sizes = [size for key in keys for size in chosen[key].values()]
            sizes += [file.bytes for file in service.application if file.destination.suffix == ".py"]
            sizes += [len(file.content) for file in service.support if file.destination.suffix == ".py"]
            found[service.name] = likely_bytecode(sizes, self.plan.base.runtime.version.minor)
        return found

    def unimported(self, layers: Sequence[StackLayer]) -> tuple[str, ...]:
        """Of distributions that are wheels, relative to the site folder, and of the standard library, with the path in
        the image; as that function tells them.
        """
        choice = self.choose(layers)

        def of(keys: Sequence[str]) -> tuple[str, ...]:
            sets = choice.sets()
            sizes = {module.path: module.size for key in keys for module in sets[key].modules.values()}
            return unimported(sizes, {path for key in keys for path in choice.modules[key]})

        library = f"/{library_folder(self.plan.base.runtime)}"
        return (
            *(f"{library}{path}" for path in of([self._base_key])),
            *of([recipe.digest.hex for recipe in wheels_of(layers)]),
        )

    @property
    def _base_key(self) -> str:
        return self.base.key(self.maker).digest.hex

    def _base_segment(self) -> Segment:
        return self.base.segment(self.maker)

    def _scan(self, recipe: WheelRecipe) -> ModuleSet:
        recipe.fetch()
        with self.busy:
            return wheel_modules(self.maker.store, recipe)


def wheels_of(layers: Sequence[StackLayer], service: str | None = None) -> list[WheelRecipe]:
    """Of all services, or of one."""
    return [
        recipe
        for layer in layers
        if service is None or service in layer.services
        for recipe in layer.recipes
        if isinstance(recipe, WheelRecipe)
    ]
