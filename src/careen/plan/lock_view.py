"""The lock as one target sees it: what could be installed, and what today's instructions do install."""

from collections.abc import Iterable, Mapping, Sequence

from careen.dockerfile.actions import Install
from careen.errors import CareenError
from careen.plan.partition import LockView
from careen.python.contents import DistributionContents, ImportIndex
from careen.python.environment import TargetEnvironment
from careen.python.names import PackageName
from careen.python.selection import Wanted, closure, declared_extras, project_roots
from careen.python.tags import best_wheel
from careen.python.uvlock import LockedFile, LockedPackage, UvLock

_FOR_DEVELOPERS = frozenset(
    {"dev", "develop", "development", "test", "tests", "testing", "lint", "linting", "docs", "doc", "typing", "types"}
)
"""Names of groups that no service is run with, by the habit of the field."""


class NoProjectError(CareenError):
    """The lock does not say which of its packages is the project."""


def project_of(lock: UvLock, name: PackageName | None) -> LockedPackage:
    """Raises NoProjectError."""
    project = lock.project(name)
    if project is None:
        raise NoProjectError(
            f"{lock.path}: the lock has no entry for the project{f' {name}' if name else ''}",
            hints=("lock again with uv lock",),
        )
    return project


def everything(
    lock: UvLock, project: LockedPackage, environment: TargetEnvironment
) -> Mapping[PackageName, LockedPackage]:
    """All that the project could have installed for the target, whatever groups and extras are asked for."""
    roots = [
        Wanted(project.name, tuple(project.extras), "the project"),
        *project_roots(project, environment, groups=project.groups, extras=project.extras),
    ]
    return _by_name(lock, roots, environment)


def for_services(
    lock: UvLock, project: LockedPackage, environment: TargetEnvironment
) -> Mapping[PackageName, LockedPackage]:
    """What services may draw on: dependencies, extras, and the groups that are not for developers alone."""
    groups = [group for group in project.groups if group not in _FOR_DEVELOPERS]
    roots = project_roots(project, environment, groups=groups, extras=project.extras)
    return _by_name(lock, roots, environment)


def synced(
    install: Install,
    lock: UvLock,
    project: LockedPackage,
    environment: TargetEnvironment,
    default_groups: Sequence[str],
) -> Mapping[PackageName, LockedPackage]:
    """What one ``uv sync`` puts into an image."""
    options = install.options
    groups: list[str] = list(install.groups)
    if "--all-groups" in options:
        groups += project.groups
    elif install.development:
        groups += [group for group in default_groups if group in project.groups]
    extras = tuple(project.extras) if "--all-extras" in options else ()
    roots = project_roots(project, environment, groups=dict.fromkeys(groups), extras=extras)
    return _by_name(lock, roots, environment)


def wheels_for(
    packages: Iterable[LockedPackage], environment: TargetEnvironment, glibc: tuple[int, int]
) -> Mapping[PackageName, LockedFile]:
    """The wheel that the target takes of each; those without one are left out."""
    found: dict[PackageName, LockedFile] = {}
    for package in packages:
        wheel = best_wheel(package.wheels, environment.python, environment.platform, glibc)
        if wheel is not None:
            found[package.name] = wheel
    return found


def make_view(
    lock: UvLock,
    project: LockedPackage,
    environment: TargetEnvironment,
    contents: Mapping[PackageName, DistributionContents],
) -> LockView:
    available = for_services(lock, project, environment)
    return LockView(
        lock=lock,
        environment=environment,
        available=available,
        contents=contents,
        declared_extras=declared_extras(project),
        index=ImportIndex({name: contents[name] for name in available if name in contents}),
    )


def _by_name(
    lock: UvLock, roots: Iterable[Wanted], environment: TargetEnvironment
) -> Mapping[PackageName, LockedPackage]:
    return {item.package.name: item.package for item in closure(lock, roots, environment)}
