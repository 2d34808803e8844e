"""The layers that services of a stack share, as recipes: the base, system packages, distributions."""

from careen.build.debian_root import BaseRecipe, SystemRecipe
from careen.build.distribution import WheelRecipe
from careen.build.engine import BuildOptions, BuildSources
from careen.build.image_root import ImageRootRecipe, WhiteoutRecipe, whiteouts
from careen.build.segment import Recipe
from careen.build.unbuilt import WheelBuilder, WheelFile
from careen.plan.target import DebianBase, ImageBase, Plan, PlannedDistribution, UnbuiltSource
from careen.python.locked import LockedFile
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True)
class StackLayer:
    """A layer to be: its recipes in their order, and the services that take it."""

    what: str
    services: tuple[str, ...]
    recipes: tuple[Recipe, ...]

    @property
    def weight(self) -> int:
        """In bytes, by and large."""
        return sum(recipe.weight for recipe in self.recipes)


class StackLayers:
    def __init__(self, plan: Plan, sources: BuildSources, options: BuildOptions) -> None:
        self._plan = plan
        self._sources = sources
        self._options = options
        self.base = self._base(plan.base)
        self._builder = WheelBuilder(
            store=sources.store,
            packages=sources.packages,
            uv=sources.uv,
            environment=sources.environment,
            python=plan.base.runtime.version,
            platform=plan.platform,
            c_library=plan.base.c_library,
            epoch=plan.source_date_epoch,
        )

    def shared(self) -> list[StackLayer]:
        names = tuple(service.name for service in self._plan.services)
        found = [StackLayer(self._plan.base.label, names, (self.base,))]
        if isinstance(self._plan.base, ImageBase):
            found += self._whiteouts(self._plan.base, names)
        if isinstance(self.base, BaseRecipe):
            for system in self._plan.system_layers:
                recipe = SystemRecipe(base=self.base, packages=system.packages)
                found.append(StackLayer(recipe.what, system.services, (recipe,)))
        for layer in self._plan.distribution_layers:
            recipes = tuple(self._distribution(item) for item in layer.distributions)
            found.append(StackLayer(", ".join(item.name for item in layer.distributions), layer.services, recipes))
        return found

    def _base(self, base: DebianBase | ImageBase) -> BaseRecipe | ImageRootRecipe:
        if isinstance(base, ImageBase):
            return ImageRootRecipe(base=base, find=self._sources.find_base)
        return BaseRecipe(base=base, architecture=self._plan.platform.architecture, debs=self._sources.debs)

    def _whiteouts(self, base: ImageBase, services: tuple[str, ...]) -> list[StackLayer]:
        """A layer that hides what the base has of distributions which the stack brings; none where there is nothing."""
        brought = frozenset(item.name for layer in self._plan.distribution_layers for item in layer.distributions)
        paths = whiteouts(base, brought)
        if not paths:
            return []
        names = ", ".join(sorted({item.name for item in base.distributions if item.paths and item.name in brought}))
        recipe = WhiteoutRecipe(paths=paths, what=f"without {base.label}'s own {names}")
        return [StackLayer(recipe.what, services, (recipe,))]

    def _distribution(self, item: PlannedDistribution) -> WheelRecipe:
        source = item.source
        if isinstance(source, UnbuiltSource):
            digest, direct_url = self._builder.identity(item, source), self._builder.direct_url(source)
        else:
            digest, direct_url = source.digest, None
        return WheelRecipe(
            name=item.name,
            version=item.version,
            digest=digest,
            wheel=lambda: self._wheel(item),
            runtime=self._plan.base.runtime,
            trimming=self._options.trimming,
            direct_url=direct_url,
            weight=item.installed_bytes or 0,
        )

    def _wheel(self, item: PlannedDistribution) -> WheelFile:
        source = item.source
        if isinstance(source, UnbuiltSource):
            return self._builder.wheel(item, source)
        locked = LockedFile(url=source.url, digest=source.digest, size=source.size)
        return WheelFile(self._sources.packages.wheel(locked), source.filename)
