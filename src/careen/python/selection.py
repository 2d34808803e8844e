"""Which distributions of a lock a target gets, and who asked for each.

The walk is uv's: from the wanted roots along the lock's edges whose markers hold for the target, extras
included, forks told apart by the version and source that edges carry. Where a lock has conflicts, its markers ask
which extras and groups are active, so the walk repeats until no new one is (uv-resolver, ``lock/installable.rs``).
"""

from collections import deque
from collections.abc import Iterable, Mapping

from careen.python.environment import TargetEnvironment
from careen.python.locked import (
    Lock,
    LockedDependency,
    LockedPackage,
    LockSource,
    StaleLockError,
    encoded_extra,
    encoded_group,
    encoded_project,
)
from careen.python.markers import NOTHING_ACTIVE, Active
from careen.python.names import PackageName
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True)
class Wanted:
    """A root of the walk, and the reason that is told of it; ``version`` and ``source`` where the name is ambiguous."""

    name: PackageName
    extras: tuple[str, ...]
    reason: str
    version: str | None = None
    source: LockSource | None = None
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selected:
    """A distribution with everything that asked for it, in the order of the walk."""

    package: LockedPackage
    reasons: tuple[str, ...]


def activation(project: LockedPackage, *, extras: Iterable[str], groups: Iterable[str]) -> Active:
    """What asking for these extras and groups of the project makes true, in uv's encoding and in PEP 751's."""
    extras, groups = tuple(extras), tuple(groups)
    encoded = [encoded_project(project.name)]
    encoded += [encoded_extra(project.name, extra) for extra in extras]
    encoded += [encoded_group(project.name, group) for group in groups]
    return Active(frozenset((*encoded, *extras)), frozenset(groups))


def closure(
    lock: Lock,
    wanted: Iterable[Wanted],
    environment: TargetEnvironment,
    active: Active = NOTHING_ACTIVE,
    *,
    without: frozenset[PackageName] = frozenset(),
) -> tuple[Selected, ...]:
    """Everything that ``wanted`` needs, itself included, by name; ``without`` are left out, and what only they need.

    Raises StaleLockError when the lock does not hold something that is asked for.
    """
    roots = tuple(wanted)
    while True:
        walk = _Walk(lock, environment, active, without)
        walk.run(roots)
        grown = Active(active.extras | walk.activated, active.groups)
        if not lock.conflicts or grown == active:
            return walk.selected()
        active = grown


class _Walk:
    def __init__(
        self, lock: Lock, environment: TargetEnvironment, active: Active, without: frozenset[PackageName]
    ) -> None:
        self._without = without
        self._lock = lock
        self._environment = environment
        self._active = active
        self._reasons: dict[int, dict[str, None]] = {}
        self._packages: dict[int, LockedPackage] = {}
        self._chosen: set[int] = set()
        self.activated: set[str] = set()

    def run(self, roots: tuple[Wanted, ...]) -> None:
        visited: set[tuple[int, str | None]] = set()
        queue: deque[tuple[LockedPackage, tuple[str, ...], str]] = deque()
        for root in roots:
            dependency = LockedDependency(
                name=root.name,
                version=root.version,
                source=root.source,
                extras=root.extras,
                versions=root.versions,
            )
            package = self._choose(dependency, root.reason)
            if package is not None:
                queue.append((package, root.extras, root.reason))
        while queue:
            package, extras, reason = queue.popleft()
            identity = id(package)
            self._packages[identity] = package
            self._reasons.setdefault(identity, {})[reason] = None
            for extra in (None, *extras):
                if (identity, extra) in visited:
                    continue
                visited.add((identity, extra))
                if extra is not None:
                    self.activated.add(encoded_extra(package.name, extra))
                edges = package.dependencies if extra is None else package.extras.get(extra, ())
                requirer = package.name if extra is None else f"{package.name}[{extra}]"
                for edge in edges or ():
                    if self._environment.satisfies(edge.marker, self._active):
                        chosen = self._choose(edge, f"required by {requirer}")
                        if chosen is not None:
                            queue.append((chosen, edge.extras, f"required by {requirer}"))

    def selected(self) -> tuple[Selected, ...]:
        found = [Selected(package, tuple(self._reasons[identity])) for identity, package in self._packages.items()]
        return tuple(sorted(found, key=lambda selected: (selected.package.name, selected.package.version)))

    def _choose(self, dependency: LockedDependency, reason: str) -> LockedPackage | None:
        """None for a package that is left out, or that the lock has for other targets only."""
        if dependency.name in self._without:
            return None
        candidates = self._lock.by_name.get(dependency.name, ())
        if not candidates:
            if self._lock.root is not None and dependency.name == self._lock.root.name:
                return self._lock.root
            raise StaleLockError(
                f"{self._lock.path}: {dependency.name} is not in the lock, but {reason}",
                hints=("lock again: the lock is older than what it is for",),
            )
        if dependency.version is not None:
            candidates = tuple(package for package in candidates if package.version == dependency.version) or candidates
        if dependency.versions:
            candidates = tuple(sorted(candidates, key=lambda package: _rank(package, dependency.versions)))
            candidates = tuple(package for package in candidates if package.version in dependency.versions)
        if dependency.source is not None:
            candidates = tuple(package for package in candidates if package.source == dependency.source) or candidates
        fitting = [package for package in candidates if self._environment.satisfies(package.marker, self._active)]
        if not fitting:
            return None
        if len(fitting) > 1:
            for package in fitting:
                if any(self._environment.satisfies(marker, self._active) for marker in package.resolution_markers):
                    return package
            fitting = [package for package in fitting if id(package) in self._chosen] or fitting
        self._chosen.add(id(fitting[0]))
        return fitting[0]


def _rank(package: LockedPackage, versions: tuple[str, ...]) -> int:
    return versions.index(package.version) if package.version in versions else len(versions)


def project_roots(
    project: LockedPackage,
    environment: TargetEnvironment,
    *,
    groups: Iterable[str] = (),
    extras: Iterable[str] = (),
    plain: bool = True,
    active: Active = NOTHING_ACTIVE,
) -> tuple[Wanted, ...]:
    """What the project itself asks for: its dependencies (unless not ``plain``), and those of groups and extras."""
    sections: list[tuple[str, tuple[LockedDependency, ...]]] = []
    if plain:
        sections.append(("dependencies", project.dependencies or ()))
    sections += [(f"the extra {extra}", project.extras.get(extra, ())) for extra in extras]
    sections += [(f"the group {group}", project.groups.get(group, ())) for group in groups]
    return tuple(
        Wanted(
            edge.name,
            edge.extras,
            f"asked for in {section} of {project.name}",
            edge.version,
            edge.source,
            edge.versions,
        )
        for section, edges in sections
        for edge in edges
        if environment.satisfies(edge.marker, active)
    )


def declared_extras(projects: Iterable[LockedPackage]) -> Mapping[PackageName, tuple[str, ...]]:
    """The extras that the projects ask of each distribution they name, groups included."""
    found: dict[PackageName, dict[str, None]] = {}
    for project in projects:
        edges = [*(project.dependencies or ())]
        for section in (*project.extras.values(), *project.groups.values()):
            edges += section
        for edge in edges:
            found.setdefault(edge.name, {}).update(dict.fromkeys(edge.extras))
    return {name: tuple(extras) for name, extras in found.items()}
