"""Edges for locks that have none: what each package needs, by its wheel's ``Requires-Dist`` (core metadata)."""

from collections.abc import Callable
from dataclasses import replace

from careen.python.locked import Lock, LockedDependency, LockedPackage
from careen.python.names import PackageName
from careen.python.requirements import dependencies_of
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True)
class Missing:
    """``package`` needs ``name``, which the lock does not hold; ``marker`` is the condition."""

    package: LockedPackage
    name: PackageName
    marker: str | None


def lacks_edges(lock: Lock) -> bool:
    return any(package.dependencies is None for package in lock.packages)


def with_edges(
    lock: Lock, requires: Callable[[LockedPackage], tuple[str, ...] | None]
) -> tuple[Lock, tuple[Missing, ...]]:
    """``requires`` gives the metadata's words, None where they cannot be had.

    A package of which nobody knows what it needs is taken to need whatever nothing else accounts for, so that nothing
    it may need is lost.
    """
    names = frozenset(lock.by_name)
    missing: list[Missing] = []
    unknown: set[int] = set()
    packages: list[LockedPackage] = []
    for package in lock.packages:
        if package.dependencies is not None:
            packages.append(package)
            continue
        words = requires(package)
        if words is None:
            unknown.add(len(packages))
            packages.append(replace(package, dependencies=tuple(edge for edge in package.told if edge.name in names)))
            continue
        plain, extras = dependencies_of(words)
        missing += [Missing(package, edge.name, edge.marker) for edge in plain if edge.name not in names]
        packages.append(
            replace(
                package,
                dependencies=tuple(edge for edge in plain if edge.name in names),
                extras={extra: tuple(edge for edge in edges if edge.name in names) for extra, edges in extras.items()},
            )
        )
    if unknown:
        orphans = _orphans(packages)
        for index in unknown:
            package = packages[index]
            more = tuple(LockedDependency(name=name) for name in orphans if name != package.name)
            packages[index] = replace(package, dependencies=(*(package.dependencies or ()), *more))
    return replace(lock, packages=tuple(packages)), tuple(missing)


def _orphans(packages: list[LockedPackage]) -> tuple[PackageName, ...]:
    """Packages that no package whose needs are known asks for."""
    asked = {
        edge.name
        for package in packages
        for section in (package.dependencies or (), *package.extras.values())
        for edge in section
    }
    return tuple(dict.fromkeys(package.name for package in packages if package.name not in asked))
