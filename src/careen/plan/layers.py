"""Which distributions share a layer: one layer for each set of services that needs the same ones.

No byte is stored twice across a stack, and what five services share a host pulls once. When that makes
more layers than the budget, the merges that duplicate the fewest bytes are taken first (the idea of a
layer budget is apko's, docs/layering.md; the merging by duplicated bytes is careen's).
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

from careen.debian.packages import BinaryPackage
from careen.plan.target import DistributionLayer, PlannedDistribution, SystemLayer
from careen.python.names import PackageName

LAYER_BUDGET = 10
"""Layers of distributions an image may have by default; container runtimes stop at 127 in all."""

HEAVY_BYTES = 100_000_000
"""From this installed size on a distribution has a layer of its own, so that a change beside it does not move it."""

_Signature = frozenset[str]


def share_distributions(
    needs: Mapping[str, Sequence[PlannedDistribution]], *, budget: int = LAYER_BUDGET
) -> tuple[DistributionLayer, ...]:
    """Layers bottom to top: the most shared first, then the heaviest.

    ``needs`` maps services to what each needs. One distribution that is needed in two versions is two
    distributions. Where an image would exceed ``budget``, layers are merged and some images hold a few
    distributions they do not need, but none two versions of one.
    """
    holders: dict[tuple[PackageName, str], set[str]] = {}
    merged: dict[tuple[PackageName, str], PlannedDistribution] = {}
    for service, distributions in needs.items():
        for distribution in distributions:
            key = (distribution.name, distribution.version)
            holders.setdefault(key, set()).add(service)
            merged.setdefault(key, distribution)
    groups: dict[tuple[_Signature, PackageName | None], list[PlannedDistribution]] = {}
    for key, services in holders.items():
        distribution = merged[key]
        heavy = (distribution.installed_bytes or 0) >= HEAVY_BYTES
        groups.setdefault((frozenset(services), distribution.name if heavy else None), []).append(distribution)
    layers = [
        DistributionLayer(services=tuple(sorted(signature)), distributions=_by_name(group))
        for (signature, _), group in groups.items()
    ]
    return tuple(sorted(_merge_to_budget(layers, budget), key=_position))


def share_system_packages(needs: Mapping[str, Sequence[BinaryPackage]]) -> tuple[SystemLayer, ...]:
    """One layer for each set of services that load libraries from the same packages."""
    holders: dict[BinaryPackage, set[str]] = {}
    for service, packages in needs.items():
        for package in packages:
            holders.setdefault(package, set()).add(service)
    groups: dict[_Signature, list[BinaryPackage]] = {}
    for package, services in holders.items():
        groups.setdefault(frozenset(services), []).append(package)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[0]), sorted(item[0])))
    return tuple(
        SystemLayer(services=tuple(sorted(signature)), packages=tuple(sorted(group, key=lambda package: package.name)))
        for signature, group in ordered
    )


def _by_name(distributions: Sequence[PlannedDistribution]) -> tuple[PlannedDistribution, ...]:
    return tuple(sorted(distributions, key=lambda distribution: (distribution.name, distribution.version)))


def _bytes(layer: DistributionLayer) -> int:
    return sum(distribution.installed_bytes or 0 for distribution in layer.distributions)


def _position(layer: DistributionLayer) -> tuple[int, int, tuple[str, ...], str]:
    return (-len(layer.services), -_bytes(layer), layer.services, layer.distributions[0].name)


def _merge_to_budget(layers: list[DistributionLayer], budget: int) -> list[DistributionLayer]:
    while True:
        counts: dict[str, int] = {}
        for layer in layers:
            for service in layer.services:
                counts[service] = counts.get(service, 0) + 1
        crowded = {service for service, count in counts.items() if count > budget}
        if not crowded:
            return layers
        candidates = [
            (first, second)
            for first, second in combinations(layers, 2)
            if crowded & set(first.services) & set(second.services) and not _clash(first, second, layers)
        ]
        if not candidates:
            return layers
        first, second = min(candidates, key=lambda pair: (_cost(*pair), _position(pair[0]), _position(pair[1])))
        layers = [layer for layer in layers if layer is not first and layer is not second]
        layers.append(
            DistributionLayer(
                services=tuple(sorted({*first.services, *second.services})),
                distributions=_by_name([*first.distributions, *second.distributions]),
            )
        )


def _clash(first: DistributionLayer, second: DistributionLayer, layers: Sequence[DistributionLayer]) -> bool:
    """Whether some image would hold two versions of a distribution if the two layers became one."""
    others = [layer for layer in layers if layer is not first and layer is not second]
    for service in {*first.services, *second.services}:
        versions: dict[PackageName, str] = {}
        for layer in (first, second, *(layer for layer in others if service in layer.services)):
            for distribution in layer.distributions:
                if versions.setdefault(distribution.name, distribution.version) != distribution.version:
                    return True
    return False


def _cost(first: DistributionLayer, second: DistributionLayer) -> int:
    """Bytes that services would carry without needing them if the two layers became one."""
    only_first = len(set(first.services) - set(second.services))
    only_second = len(set(second.services) - set(first.services))
    return only_first * _bytes(second) + only_second * _bytes(first)
