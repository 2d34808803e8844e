"""The lock as one target sees it: what could be installed, and what today's instructions do install."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from careen.errors import CareenError
from careen.plan.sync import SyncRequest, wanted_by
from careen.python.c_library import CLibrary
from careen.python.contents import DistributionContents, ImportIndex
from careen.python.environment import TargetEnvironment
from careen.python.locked import Lock, LockedFile, LockedPackage
from careen.python.markers import Active
from careen.python.names import PackageName
from careen.python.selection import Wanted, activation, closure, declared_extras, project_roots
from careen.python.tags import best_wheel
from careen.text.values import dataclass

_FOR_DEVELOPERS = frozenset(
    {"dev", "develop", "development", "test", "tests", "testing", "lint", "linting", "docs", "doc", "typing", "types"}
)
"""Names of groups that no service is run with, by the habit of the field."""


class NoProjectError(CareenError):
    """The lock does not say which of its packages is the project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockView:
    """The lock as the target sees it: what services could draw on, with contents and import names.

    ``active`` are the extras and groups that are taken where some exclude each other; ``installable`` is all that the
    project could have installed, ``available`` that without what is for developers alone.
    """

    lock: Lock
    environment: TargetEnvironment
    projects: tuple[LockedPackage, ...]
    active: Active
    installable: Mapping[PackageName, LockedPackage]
    available: Mapping[PackageName, LockedPackage]
    contents: Mapping[PackageName, DistributionContents]
    declared_extras: Mapping[PackageName, tuple[str, ...]]
    index: ImportIndex


def project_of(lock: Lock, name: PackageName | None) -> LockedPackage:
    """Raises NoProjectError."""
    project = lock.project(name)
    if project is None:
        raise NoProjectError(
            f"{lock.path}: the lock has no entry for the project{f' {name}' if name else ''}",
            hints=("lock again: the lock is older than the project",),
        )
    return project


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """What could be installed for the target, before anything is known of what the packages hold."""

    lock: Lock
    environment: TargetEnvironment
    projects: tuple[LockedPackage, ...]
    active: Active
    installable: Mapping[PackageName, LockedPackage]
    available: Mapping[PackageName, LockedPackage]


def universe(
    lock: Lock, project: LockedPackage, environment: TargetEnvironment, preferred: Iterable[SyncRequest] = ()
) -> Universe:
    """Of extras and groups that exclude each other, the ones that ``preferred`` names are taken, else the first.

    The packages of a workspace count as projects too. Raises StaleLockError.
    """
    projects = (project, *(other for other in lock.local if other is not project))
    extras, groups = _compatible(lock, projects, tuple(preferred))
    services = {
        package: tuple(group for group in names if group not in _FOR_DEVELOPERS) for package, names in groups.items()
    }
    active = _active(projects, extras, groups)
    return Universe(
        lock=lock,
        environment=environment,
        projects=projects,
        active=active,
        installable=_walk(lock, projects, environment, (extras, groups), active),
        available=_walk(lock, projects, environment, (extras, services), active),
    )


_Names = Mapping[PackageName, tuple[str, ...]]


def _active(projects: Sequence[LockedPackage], extras: _Names, groups: _Names) -> Active:
    made = [activation(p, extras=extras[p.name], groups=groups[p.name]) for p in projects]
    return Active(
        frozenset(extra for one in made for extra in one.extras),
        frozenset(group for one in made for group in one.groups),
    )


def _walk(
    lock: Lock,
    projects: Sequence[LockedPackage],
    environment: TargetEnvironment,
    chosen: tuple[_Names, _Names],
    active: Active,
) -> Mapping[PackageName, LockedPackage]:
    extras, groups = chosen
    roots: list[Wanted] = []
    for project in projects:
        roots.append(Wanted(project.name, extras[project.name], "the project", project.version, project.source))
        roots += project_roots(
            project, environment, groups=groups[project.name], extras=extras[project.name], active=active
        )
    return {item.package.name: item.package for item in closure(lock, roots, environment, active)}


def _compatible(
    lock: Lock, projects: Sequence[LockedPackage], preferred: Sequence[SyncRequest]
) -> tuple[_Names, _Names]:
    """All extras and groups of each project, less those that a conflict excludes."""
    asked_extras = {extra for request in preferred for extra in request.extras}
    asked_groups = {group for request in preferred for group in request.groups}
    gone: set[tuple[PackageName, str | None, str | None]] = set()
    for conflict in lock.conflicts:
        wanted = [item for item in conflict if item.extra in asked_extras or item.group in asked_groups]
        plain = [item for item in conflict if item.group not in _FOR_DEVELOPERS]
        kept = (wanted or plain or conflict)[0]
        gone |= {(item.package, item.extra, item.group) for item in conflict if item is not kept}
    extras = {p.name: tuple(extra for extra in p.extras if (p.name, extra, None) not in gone) for p in projects}
    groups = {p.name: tuple(group for group in p.groups if (p.name, None, group) not in gone) for p in projects}
    return extras, groups


def synced(
    request: SyncRequest,
    lock: Lock,
    project: LockedPackage,
    environment: TargetEnvironment,
    default_groups: Callable[[LockedPackage], Sequence[str]],
) -> Mapping[PackageName, LockedPackage]:
    """What one ``uv sync`` or its like puts into an image. Raises StaleLockError."""
    projects: tuple[LockedPackage, ...] = (project,)
    if request.all_members:
        projects = lock.local
    elif request.members:
        projects = tuple(other for other in lock.local if other.name in request.members) or projects
    roots, active = wanted_by(request, lock, [(other, default_groups(other)) for other in projects], environment)
    return {item.package.name: item.package for item in closure(lock, roots, environment, active)}


def wheels_for(
    packages: Iterable[LockedPackage], environment: TargetEnvironment, c_library: CLibrary
) -> Mapping[PackageName, LockedFile]:
    """The wheel that the target takes of each; those without one are left out."""
    found: dict[PackageName, LockedFile] = {}
    for package in packages:
        wheel = best_wheel(package.wheels, environment.python, environment.platform, c_library)
        if wheel is not None:
            found[package.name] = wheel
    return found


def make_view(universe: Universe, contents: Mapping[PackageName, DistributionContents]) -> LockView:
    return LockView(
        lock=universe.lock,
        environment=universe.environment,
        projects=universe.projects,
        active=universe.active,
        installable=universe.installable,
        available=universe.available,
        contents=contents,
        declared_extras=declared_extras(universe.projects),
        index=ImportIndex({name: contents[name] for name in universe.available if name in contents}),
    )
