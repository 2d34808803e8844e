"""What an install command of a Dockerfile asks of the lock: extras, groups, members, by the command's own words."""

from collections.abc import Iterable, Sequence

from careen.dockerfile.actions import Install
from careen.python.environment import TargetEnvironment
from careen.python.locked import Lock, LockedPackage
from careen.python.markers import Active
from careen.python.names import normal_name
from careen.python.selection import Wanted, activation, project_roots
from careen.text.values import dataclass

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
        return _present(wanted, project.extras, self.without_extras)

    def groups_of(self, offered: Iterable[str], default_groups: Sequence[str]) -> tuple[str, ...]:
        groups = tuple(offered)
        wanted = [*(default_groups if self.defaults and not self.only else ()), *self.groups]
        if self.all_groups:
            wanted += groups
        return _present(wanted, groups, self.without_groups)


def _present(wanted: Iterable[str], offered: Iterable[str], without: Iterable[str]) -> tuple[str, ...]:
    """Those of ``wanted`` that are offered, in the offer's spelling: names are compared in their normal form."""
    spelled = {normal_name(name): name for name in offered}
    gone = {normal_name(name) for name in without}
    names = (normal_name(name) for name in wanted)
    return tuple(dict.fromkeys(spelled[name] for name in names if name in spelled and name not in gone))


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
    lock: Lock,
    projects: Iterable[tuple[LockedPackage, Sequence[str]]],
    environment: TargetEnvironment,
) -> tuple[tuple[Wanted, ...], Active]:
    """The roots that a sync walks from, and what it makes active. Each project comes with its default groups."""
    chosen = [
        (project, request.extras_of(project), request.groups_of(project.groups, default_groups))
        for project, default_groups in projects
    ]
    made = [activation(project, extras=extras, groups=groups) for project, extras, groups in chosen]
    active = Active(
        frozenset(extra for one in made for extra in one.extras),
        frozenset(group for one in made for group in one.groups),
    )
    found: list[Wanted] = []
    for project, extras, groups in chosen:
        if not request.only:
            found.append(Wanted(project.name, extras, "the project", project.version, project.source))
        found += project_roots(
            project, environment, groups=groups, extras=extras, plain=not request.only, active=active
        )
    # A group of the workspace's root counts where no project that is chosen has one of that name.
    taken = {group for project, _, _ in chosen for group in project.groups}
    for group in request.groups_of([group for group in lock.groups if group not in taken], ()):
        found += [
            Wanted(edge.name, edge.extras, f"asked for in the group {group}", edge.version, edge.source)
            for edge in lock.groups[group]
            if environment.satisfies(edge.marker, active)
        ]
    return tuple(found), active
