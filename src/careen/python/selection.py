"""Which distributions of a lock a target gets, and who asked for each.

The walk is uv's: from the wanted roots along the lock's edges whose markers hold for the target, extras
included, forks told apart by their resolution markers.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from careen.python.environment import TargetEnvironment
from careen.python.names import PackageName
from careen.python.uvlock import LockedDependency, LockedPackage, StaleLockError, UvLock


@dataclass(frozen=True, slots=True)
class Wanted:
    """A root of the walk, and the reason that is told of it."""

    name: PackageName
    extras: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Selected:
    """A distribution with everything that asked for it, in the order of the walk."""

    package: LockedPackage
    reasons: tuple[str, ...]


def closure(lock: UvLock, wanted: Iterable[Wanted], environment: TargetEnvironment) -> tuple[Selected, ...]:
    """Everything that ``wanted`` needs, itself included, by name.

    Raises StaleLockError when the lock does not hold something that is asked for.
    """
    reasons: dict[int, dict[str, None]] = {}
    packages: dict[int, LockedPackage] = {}
    visited: set[tuple[int, str | None]] = set()
    queue: deque[tuple[LockedPackage, tuple[str, ...], str]] = deque()
    for root in wanted:
        dependency = LockedDependency(name=root.name, version=None, extras=root.extras, marker=None)
        package = _choose(lock, dependency, environment)
        if package is not None:
            queue.append((package, root.extras, root.reason))
    while queue:
        package, extras, reason = queue.popleft()
        identity = id(package)
        packages[identity] = package
        reasons.setdefault(identity, {})[reason] = None
        for extra in (None, *extras):
            if (identity, extra) in visited:
                continue
            visited.add((identity, extra))
            edges = package.dependencies if extra is None else package.extras.get(extra, ())
            requirer = package.name if extra is None else f"{package.name}[{extra}]"
            for edge in edges:
                if environment.satisfies(edge.marker):
                    chosen = _choose(lock, edge, environment)
                    if chosen is not None:
                        queue.append((chosen, edge.extras, f"required by {requirer}"))
    found = [Selected(package, tuple(reasons[identity])) for identity, package in packages.items()]
    return tuple(sorted(found, key=lambda selected: (selected.package.name, selected.package.version)))


def project_roots(
    project: LockedPackage, environment: TargetEnvironment, *, groups: Iterable[str] = (), extras: Iterable[str] = ()
) -> tuple[Wanted, ...]:
    """What the project itself asks for: its dependencies, and those of the groups and extras named."""
    sections: list[tuple[str, tuple[LockedDependency, ...]]] = [("dependencies", project.dependencies)]
    sections += [(f"the extra {extra}", project.extras.get(extra, ())) for extra in extras]
    sections += [(f"the group {group}", project.groups.get(group, ())) for group in groups]
    return tuple(
        Wanted(edge.name, edge.extras, f"asked for in {section} of {project.name}")
        for section, edges in sections
        for edge in edges
        if environment.satisfies(edge.marker)
    )


def declared_extras(project: LockedPackage) -> Mapping[PackageName, tuple[str, ...]]:
    """The extras that the project asks of each distribution it names, groups included."""
    found: dict[PackageName, dict[str, None]] = {}
    edges = [*project.dependencies]
    for section in (*project.extras.values(), *project.groups.values()):
        edges += section
    for edge in edges:
        found.setdefault(edge.name, {}).update(dict.fromkeys(edge.extras))
    return {name: tuple(extras) for name, extras in found.items()}


def _choose(lock: UvLock, dependency: LockedDependency, environment: TargetEnvironment) -> LockedPackage | None:
    candidates = lock.by_name.get(dependency.name, ())
    if not candidates:
        raise StaleLockError(
            f"{lock.path}: {dependency.name} is asked for and not in the lock", hints=("lock again with uv lock",)
        )
    if dependency.version is not None:
        candidates = tuple(package for package in candidates if package.version == dependency.version) or candidates
    if len(candidates) == 1:
        return candidates[0]
    for package in candidates:
        if any(environment.satisfies(marker) for marker in package.resolution_markers):
            return package
    return candidates[0]
