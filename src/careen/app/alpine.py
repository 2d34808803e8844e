"""What if the stack stood on Alpine: the same distributions as wheels for musl, on the published image's weight.

An estimate, and said to be one: the base's weight is the rounded one of a published image, and libraries that Alpine
packages would have to bring are not counted.
"""

from careen.app.planning import Planned
from careen.app.session import Session
from careen.errors import CareenError
from careen.plan.target import Plan, ServicePlan
from careen.python.c_library import OF_ALPINE
from careen.python.locked import LockedFile
from careen.python.tags import best_wheel
from careen.text.values import dataclass
from careen.workspace.known_bases import known_base


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpineService:
    """``bytes`` is None when something in it is unknown. ``without_wheel`` have none for musl and would be compiled;
    ``unread`` have one of which the index did not tell. Names with versions.
    """

    name: str
    bytes_before: int | None
    bytes: int | None
    without_wheel: tuple[str, ...]
    unread: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpineEstimate:
    """``base_bytes`` is None when nobody knows the base's weight; ``source`` says where it is from."""

    base: str
    base_bytes: int | None
    source: str
    services: tuple[AlpineService, ...]


def on_alpine(session: Session, planned: Planned) -> AlpineEstimate:
    """Asks the index for what it has not told yet; what it does not tell is unknown."""
    plan = planned.plan
    base = f"python:{plan.base.runtime.version}-alpine"
    known = known_base(base)
    weight = known.bytes if known is not None else None
    wheels = _wheels(planned)
    files = list({wheel for wheel in wheels.values() if wheel is not None})
    found = session.packages.contents(files)
    sizes: dict[tuple[str, str], int] = {}
    for key, wheel in wheels.items():
        answer = found.get(wheel) if wheel is not None else None
        if answer is not None and not isinstance(answer, CareenError):
            sizes[key] = answer.kept_bytes
    return AlpineEstimate(
        base=base,
        base_bytes=weight,
        source="the published image's rounded weight" if weight is not None else "not known",
        services=tuple(_service(service, plan, weight, wheels, sizes) for service in plan.services),
    )


def _wheels(planned: Planned) -> dict[tuple[str, str], LockedFile | None]:
    plan = planned.plan
    return {
        (package.name, package.version): best_wheel(package.wheels, plan.base.runtime.version, plan.platform, OF_ALPINE)
        for service in plan.services
        for item in service.distributions
        for package in planned.lock.by_name.get(item.name, ())
        if package.version == item.version
    }


def _service(
    service: ServicePlan,
    plan: Plan,
    base: int | None,
    wheels: dict[tuple[str, str], LockedFile | None],
    sizes: dict[tuple[str, str], int],
) -> AlpineService:
    keys = [(item.name, item.version) for item in service.distributions]
    without = tuple(f"{name} {version}" for name, version in keys if wheels.get((name, version)) is None)
    unread = tuple(
        f"{name} {version}"
        for name, version in keys
        if wheels.get((name, version)) is not None and (name, version) not in sizes
    )
    own = sum(file.bytes for file in service.application) + sum(len(file.content) for file in service.support)
    total = sum(sizes.get(key, 0) for key in keys) + own + (service.predicted_bytecode_bytes or 0)
    return AlpineService(
        name=service.name,
        bytes_before=service.predicted_bytes,
        bytes=None if base is None or without or unread or plan.base.bytes is None else base + total,
        without_wheel=without,
        unread=unread,
    )
