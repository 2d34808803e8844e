"""What bytecode adds to a plan's sizes, told by the engine that will compile it, and remembered."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from careen.app.bases import answers
from careen.app.session import Session
from careen.blobs.digest import Digest
from careen.errors import CareenError
from careen.plan.target import ImageBase, Plan, PlannedDistribution, ServicePlan, WheelSource

_FORMAT = 4
_UNIMPORTED_FORMAT = 3
_WHOLE_STACK = "*"
"""Not a name that a service can have."""


def with_bytecode(session: Session, plan: Plan, root: Path) -> Plan:
    """The plan with bytecode in its sizes; as it was, with a note, when the engine cannot tell.

    Fetches the wheels that the plan keeps; of what is to be built from sources nothing is known, and nothing is said.
    ``root`` is the project's folder.
    """
    if isinstance(plan.base, ImageBase) and plan.base.described:
        return plan  # whose standard library nobody has seen
    question = [_FORMAT, *_inputs(plan, root)]
    known = answers(session).get("bytecode", question)
    sizes = {str(name): int(size) for name, size in known.items()} if isinstance(known, dict) else None
    if sizes is None:
        try:
            sizes = dict(_ask(session, plan, root))
        except (CareenError, OSError) as error:
            reason = error.message if isinstance(error, CareenError) else str(error)
            return replace(plan, notes=(*plan.notes, f"what bytecode adds is not known: {reason}"))
        answers(session).keep("bytecode", question, sizes)
    services = tuple(_heavier(service, sizes.get(service.name)) for service in plan.services)
    return replace(plan, services=services, predicted_bytecode_bytes=sizes.get(_WHOLE_STACK))


def _heavier(service: ServicePlan, bytecode: int | None) -> ServicePlan:
    if bytecode is None or service.predicted_bytes is None:
        return service
    return replace(service, predicted_bytes=service.predicted_bytes + bytecode, predicted_bytecode_bytes=bytecode)


def _ask(session: Session, plan: Plan, root: Path) -> Mapping[str, int]:
    from careen.app.build_sources import build_sources  # noqa: PLC0415 - the engine is loaded for a plan that is new
    from careen.build.native import likely_bytecode_bytes  # noqa: PLC0415

    return likely_bytecode_bytes(_with_whole_stack(_of_wheels(plan)), build_sources(session, root))


def unimported(session: Session, plan: Plan, root: Path) -> tuple[str, ...] | None:
    """Modules that no service imports (:func:`careen.build.native.unimported_modules`); None when nobody can tell."""
    if isinstance(plan.base, ImageBase) and plan.base.described:
        return None
    question = [_UNIMPORTED_FORMAT, *_inputs(plan, root)]
    match answers(session).get("unimported", question):
        case list(known):
            return tuple(map(str, known))
        case _:
            pass
    from careen.app.build_sources import build_sources  # noqa: PLC0415 - as above
    from careen.build.native import unimported_modules  # noqa: PLC0415

    try:
        found = unimported_modules(_of_wheels(plan), build_sources(session, root))
    except (CareenError, OSError):
        return None  # it only spares bytes
    answers(session).keep("unimported", question, list(found))
    return found


def _of_wheels(plan: Plan) -> Plan:
    """Without what has to be built first, since building runs code of others, which planning does not."""

    def wheels(items: tuple[PlannedDistribution, ...]) -> tuple[PlannedDistribution, ...]:
        return tuple(item for item in items if isinstance(item.source, WheelSource))

    return replace(
        plan,
        services=tuple(replace(service, distributions=wheels(service.distributions)) for service in plan.services),
        distribution_layers=tuple(
            replace(layer, distributions=kept)
            for layer in plan.distribution_layers
            if (kept := wheels(layer.distributions))
        ),
    )


def _with_whole_stack(plan: Plan) -> Plan:
    """One service more, which has every layer and nothing of its own: its bytecode is that of all layers together."""
    first = plan.services[0]
    whole = replace(
        first, name=_WHOLE_STACK, image=_WHOLE_STACK, entry_point=(), application=(), support=(), health=None
    )
    return replace(
        plan,
        services=(*plan.services, whole),
        system_layers=tuple(replace(layer, services=(*layer.services, _WHOLE_STACK)) for layer in plan.system_layers),
        distribution_layers=tuple(
            replace(layer, services=(*layer.services, _WHOLE_STACK)) for layer in plan.distribution_layers
        ),
    )


def _inputs(plan: Plan, root: Path) -> list[object]:
    """Everything that decides which modules are compiled."""
    return [
        str(plan.platform),
        plan.base.manifest.hex if isinstance(plan.base, ImageBase) else "",
        [package.digest.hex for package in plan.base.packages],
        [plan.base.kept_libraries, plan.base.kept_modules],
        [
            [
                service.name,
                service.entry_point,
                service.environment,
                service.run_environment,
                [
                    item.source.digest.hex if isinstance(item.source, WheelSource) else item.source.requirement
                    for item in service.distributions
                ],
                [[str(file.source), _digest(root, file.source)] for file in service.application],
            ]
            for service in plan.services
        ],
    ]


def _digest(root: Path, path: PurePosixPath) -> str:
    """Of sources alone; other files are not compiled."""
    if path.suffix != ".py":
        return ""
    try:
        return Digest.of((root / path).read_bytes()).hex
    except OSError:
        return ""
