"""What an install command of a Dockerfile asks of the lock: extras, groups, members, by the command's own words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from careen.dockerfile.actions import Install
from careen.python.environment import TargetEnvironment
from careen.python.locked import LockedPackage
from careen.python.markers import Active
from careen.python.selection import Wanted, activation, project_roots

_WITH_VALUE = frozenset(
    {"--extra", "-E", "--extras", "--no-extra", "--group", "--with", "--no-group", "--without", "--only-group",
     "--only", "--package", "-G"}
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest:
    """``only`` leaves out the project's own dependencies; ``defaults`` says whether unasked groups come along."""

    extras: tuple[str, ...] = ()
    all_extras: bool = False
    without_extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    all_groups: bool = False
    without_groups: tuple[str, ...] = ()
    only: bool = False
    defaults: bool = True
    members: tuple[str, ...] = ()
    all_members: bool = False

    def extras_of(self, project: LockedPackage) -> tuple[str, ...]:
        wanted = tuple(project.extras) if self.all_extras else self.extras
        return tuple(extra for extra in wanted if extra in project.extras and extra not in self.without_extras)

    def groups_of(self, project: LockedPackage, default_groups: Sequence[str]) -> tuple[str, ...]:
        wanted = [*(default_groups if self.defaults and not self.only else ()), *self.groups]
        if self.all_groups:
            wanted += project.groups
        return tuple(
            dict.fromkeys(group for group in wanted if group in project.groups and group not in self.without_groups)
        )


def sync_request(install: Install) -> SyncRequest:
    """Reads ``uv sync``, ``poetry install``, ``pdm install`` and their like."""
    values: dict[str, list[str]] = {}
    flags: set[str] = set()
    words = iter(install.command.argv)
    for word in words:
        if not word.startswith("-"):
            continue
        name, equals, value = word.partition("=")
        if name in _WITH_VALUE:
            given = value if equals else next(words, "")
            values.setdefault(name, []).extend(part for part in given.replace(",", " ").split() if part)
        else:
            flags.add(name)

    def of(*names: str) -> tuple[str, ...]:
        return tuple(value for name in names for value in values.get(name, ()))

    only = of("--only-group", "--only")
    without = of("--no-group", "--without")
    by_variable = any(
        name == "UV_NO_DEV" and value not in {"", "0", "false"} for name, value in install.command.assignments
    )
    if flags & {"--no-dev", "--production", "--prod"} or by_variable:
        without = (*without, "dev")
    if "--only-dev" in flags:
        only = (*only, "dev")
    pipenv = install.manager == "pipenv"
    extra_groups = ("dev",) if flags & {"--dev", "-d"} else ()
    return SyncRequest(
        extras=of("--extra", "-E", "--extras") + (of("-G") if install.manager == "pdm" else ()),
        all_extras="--all-extras" in flags,
        without_extras=of("--no-extra"),
        groups=(*only, *of("--group", "--with"), *extra_groups, *(of("-G") if install.manager == "pdm" else ())),
        all_groups="--all-groups" in flags,
        without_groups=without,
        only=bool(only) and "main" not in only,
        defaults=not (flags & {"--no-default-groups"}) and not only and not pipenv,
        members=of("--package"),
        all_members="--all-packages" in flags,
    )


def wanted_by(
    request: SyncRequest,
    projects: Iterable[tuple[LockedPackage, Sequence[str]]],
    environment: TargetEnvironment,
) -> tuple[tuple[Wanted, ...], Active]:
    """The roots that a sync walks from, and what it makes active. Each project comes with its default groups."""
    found: list[Wanted] = []
    extras: set[str] = set()
    groups: set[str] = set()
    chosen = [
        (project, request.extras_of(project), request.groups_of(project, default_groups))
        for project, default_groups in projects
    ]
    for project, its_extras, its_groups in chosen:
        made = activation(project, extras=its_extras, groups=its_groups)
        extras |= made.extras
        groups |= made.groups
    active = Active(frozenset(extras), frozenset(groups))
    for project, its_extras, its_groups in chosen:
        if not request.only:
            found.append(Wanted(project.name, its_extras, "the project", project.version, project.source))
        found += project_roots(
            project, environment, groups=its_groups, extras=its_extras, plain=not request.only, active=active
        )
    return tuple(found), active
