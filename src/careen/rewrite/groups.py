"""Which dependency group (PEP 735) gives each service what its plan holds, and no more.

A group lists names without versions: those stand in ``[project].dependencies``, and uv locks all of it together,
so that there is one place to change a version.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property

from careen.plan.target import Plan, ServicePlan
from careen.python.environment import TargetEnvironment
from careen.python.locked import Lock, LockedPackage
from careen.python.names import PackageName, package_name
from careen.python.selection import Wanted, closure, declared_extras, project_roots
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """``requirements`` are sorted; ``include`` names another group whose requirements come along."""

    name: str
    requirements: tuple[str, ...]
    include: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """``of_service`` maps services to their groups. Both are empty when every service needs the whole project.

    ``beyond`` are distributions that a group brings though the plan does not hold them.
    """

    shared: Group | None
    of_service: Mapping[str, Group]
    beyond: Mapping[str, tuple[PackageName, ...]]

    @property
    def is_whole(self) -> bool:
        return not self.of_service

    @property
    def groups(self) -> tuple[Group, ...]:
        named = {group.name: group for group in self.of_service.values()}
        return (*([self.shared] if self.shared is not None else []), *named.values())


@dataclass(frozen=True)
class GroupInputs:
    """``written`` are the lines of ``[project].dependencies``, ``taken`` the names of groups that are not ours."""

    plan: Plan
    lock: Lock
    project: LockedPackage
    written: tuple[str, ...]
    taken: frozenset[str]


def grouping_of(inputs: GroupInputs) -> Grouping:
    """Raises StaleLockError when the lock does not hold what the project asks for."""
    return _Grouper(inputs).grouping()


class _Grouper:
    def __init__(self, inputs: GroupInputs) -> None:
        self._inputs = inputs
        base, platform = inputs.plan.base, inputs.plan.platform
        self._environment = TargetEnvironment(python=base.runtime.version, platform=platform)
        # Without what an earlier run has written, from which the same groups would not follow.
        theirs = {name: edges for name, edges in inputs.project.groups.items() if name in inputs.taken}
        self._extras = declared_extras((replace(inputs.project, groups=theirs),))
        self._markers = _markers(inputs.written)

    def grouping(self) -> Grouping:
        services = self._inputs.plan.services
        if all(self._needs_everything(service) for service in services):
            return Grouping(shared=None, of_service={}, beyond={})
        roots = {service.name: self._roots(service) for service in services}
        common = frozenset.intersection(*map(frozenset, roots.values())) if len(roots) > 1 else frozenset()
        shared: Group | None = None
        if common:
            shared = Group(name=self._free("shared"), requirements=self._written(common))
        groups: dict[str, Group] = {}
        beyond: dict[str, tuple[PackageName, ...]] = {}
        for service in services:
            groups[service.name] = Group(
                name=self._free(_group_name(service.name)),
                requirements=self._written(roots[service.name] - common),
                include=shared.name if shared is not None else None,
            )
            planned = {item.name for item in service.distributions}
            extra = tuple(sorted(self._closure(roots[service.name]) - planned))
            if extra:
                beyond[service.name] = extra
        return Grouping(shared=shared, of_service=groups, beyond=beyond)

    @cached_property
    def _whole(self) -> frozenset[PackageName]:
        found = closure(self._inputs.lock, project_roots(self._inputs.project, self._environment), self._environment)
        return frozenset(item.package.name for item in found if not item.package.is_local)

    def _needs_everything(self, service: ServicePlan) -> bool:
        return {item.name for item in service.distributions} == self._whole

    def _roots(self, service: ServicePlan) -> frozenset[PackageName]:
        """Names whose closure holds the plan: what the project declares, then what is missing from that."""
        planned = {item.name for item in service.distributions}
        roots = {name for name in self._extras if name in planned}
        while missing := planned - self._closure(roots):
            # Of what is missing, one that no other missing one requires brings the most along.
            required = {
                dependency.name
                for name in missing
                for package in self._inputs.lock.by_name.get(name, ())
                for dependency in package.dependencies or ()
            }
            roots.add(min(missing - required or missing))
        return frozenset(roots)

    def _closure(self, roots: Iterable[PackageName]) -> frozenset[PackageName]:
        wanted = [Wanted(name, self._extras.get(name, ()), "the group") for name in sorted(roots)]
        found = closure(self._inputs.lock, wanted, self._environment)
        return frozenset(item.package.name for item in found if not item.package.is_local)

    def _written(self, names: Iterable[PackageName]) -> tuple[str, ...]:
        written = []
        for name in sorted(names):
            extras = self._extras.get(name, ())
            text = f"{name}[{','.join(sorted(extras))}]" if extras else name
            marker = self._markers.get(name)
            written.append(f"{text}; {marker}" if marker else text)
        return tuple(written)

    def _free(self, name: str) -> str:
        while name in self._inputs.taken:
            name = f"{name}-image"
        return name


def _group_name(service: str) -> str:
    """A service's name as a group's (PEP 735 takes the names that distributions may have)."""
    cleaned = "".join(character if character.isalnum() or character in "-._" else "-" for character in service)
    return package_name(cleaned.strip("-._") or "service")


def _markers(written: Iterable[str]) -> Mapping[PackageName, str]:
    """The markers of names that are asked for once; a name with several lines has no single one."""
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - only rewriting asks

    found: dict[PackageName, list[str]] = {}
    for text in written:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        marker = str(requirement.marker) if requirement.marker is not None else ""
        found.setdefault(package_name(requirement.name), []).append(marker)
    return {name: markers[0] for name, markers in found.items() if len(markers) == 1 and markers[0]}
