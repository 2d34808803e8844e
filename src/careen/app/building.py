"""The verb ``build``: the images of a stack, from its plan, and where they are taken to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from careen.app.build_sources import build_sources
from careen.app.builder_choice import BuilderChoice
from careen.app.delivery import Courier, Delivered, DeliveryRequest, prepare
from careen.app.origin import origin_of
from careen.app.outputs import write_file
from careen.app.plan_request import PlanRequest
from careen.app.remembering import plan_of, planned_now
from careen.app.session import Session
from careen.blobs.digest import Digest
from careen.build.attachments import records_in
from careen.build.engine import BuildOptions, BuildResult, BuildSources
from careen.build.native import build_platforms, build_stack
from careen.build.record import LARGEST, ImageRecord, explained, parse_records, render_records
from careen.errors import CareenError
from careen.oci.layout import Layout
from careen.oci.reference import ImageReference
from careen.plan.obstacles import refuse_obstacles, refuse_unfit_base, refuse_unseen_base
from careen.plan.target import ImageBase, Plan
from careen.plan.traces import ServiceTrace, TraceFormatError, parse_traces
from careen.platforms import Platform

_LARGEST_TRACE = 512 << 20


class UnreadableTraceError(CareenError):
    """The file of traces cannot be read."""


class UnreadableRecordError(CareenError):
    """The file to compare with cannot be read."""


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """``output`` is the layout's folder, which is made or holds an earlier build.

    ``platforms`` are those beyond the plan's own; ``record`` is a file of an earlier build to compare with, which
    need not exist yet, and is replaced by the records of this one. Without a ``builder`` careen builds by itself.
    """

    plan: PlanRequest
    output: Path
    options: BuildOptions
    revision: str = ""
    platforms: tuple[Platform, ...] = ()
    deliver: DeliveryRequest = field(default_factory=DeliveryRequest)
    record: Path | None = None
    builder: BuilderChoice | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """An image that is another than it was, and why."""

    service: str
    image: str
    platform: str
    because: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Built:
    """``plan`` and ``result`` are those of the first platform, ``others`` of the rest.

    ``names`` are digests by the names in the layout: of manifests, or of indexes where there are several platforms.
    """

    plan: Plan
    result: BuildResult
    others: tuple[tuple[Plan, BuildResult], ...] = ()
    names: Mapping[str, str]
    delivered: Delivered
    changes: tuple[Change, ...]
    records: tuple[ImageRecord, ...]

    @property
    def all(self) -> tuple[tuple[Plan, BuildResult], ...]:
        return ((self.plan, self.result), *self.others)


def build(session: Session, request: BuildRequest) -> Built:
    """Raises what planning, building and delivering raise; ``output`` is as it was before unless all is built."""
    courier = prepare(session, request.deliver, several=bool(request.platforms))
    if request.builder is not None:
        return _built_elsewhere(session, request, request.builder, courier)
    earlier = _earlier(request)
    plans = [plan_of(session, request.plan)]
    plans += [plan_of(session, replace(request.plan, platform=platform)) for platform in request.platforms]
    refuse_unfit_base(plans[0])
    refuse_unseen_base(plans[0])
    refuse_obstacles(plans[0])
    results = build_platforms(
        plans,
        _sources(session, request, plans[0]),
        output=request.output,
        options=_described(request, plans[0]),
        progress=session.progress,
    )
    return _finished(request, courier, plans, results, earlier)


def _built_elsewhere(session: Session, request: BuildRequest, choice: BuilderChoice, courier: Courier) -> Built:
    from careen.app.recipe_building import build_from_recipe, find_builder  # noqa: PLC0415 - brings all of rewriting

    builder = find_builder(session, choice)
    earlier = _earlier(request)
    planned = planned_now(session, request.plan)
    refuse_obstacles(planned.plan)
    options = _described(request, planned.plan)
    result = build_from_recipe(session, planned, builder, choice, output=request.output, options=options)
    return _finished(request, courier, (planned.plan,), (result,), earlier)


def _finished(
    request: BuildRequest,
    courier: Courier,
    plans: Sequence[Plan],
    results: Sequence[BuildResult],
    earlier: tuple[ImageRecord, ...],
) -> Built:
    layout = Layout.open(request.output)
    records = records_in(layout)
    if request.record is not None:
        write_file(request.record, render_records(records))
    if request.deliver.push is not None:
        courier.neighbours.update(_layers_there(request.deliver.push, plans))
    return Built(
        plan=plans[0],
        result=results[0],
        others=tuple(zip(plans[1:], results[1:], strict=True)),
        names={name: str(descriptor.digest) for name, descriptor in layout.images().items()},
        delivered=_deliver(courier, layout),
        changes=_changes(earlier, records),
        records=records,
    )


def _deliver(courier: Courier, layout: Layout) -> Delivered:
    if courier.request.is_empty:
        return Delivered()
    from careen.app.carrying import deliver  # noqa: PLC0415 - brings archives, registries and their clients

    return deliver(courier, layout)


def _layers_there(prefix: str, plans: Sequence[Plan]) -> Mapping[Digest, str]:
    """The layers of bases that come from the registry which is pushed to, with their repositories."""
    registry = ImageReference.parse(f"{prefix.rstrip('/')}/image").registry
    found: dict[Digest, str] = {}
    for plan in plans:
        base = plan.base
        if isinstance(base, ImageBase) and base.reference:
            source = ImageReference.parse(base.source)
            if source.registry == registry:
                found.update((layer.digest, source.repository) for layer in base.layers)
    return found


def build_planned(session: Session, request: BuildRequest, plan: Plan) -> BuildResult:
    """The images of a plan alone."""
    refuse_unfit_base(plan)
    refuse_unseen_base(plan)
    refuse_obstacles(plan)
    return build_stack(
        plan,
        _sources(session, request, plan),
        output=request.output,
        options=_described(request, plan),
        progress=session.progress,
    )


def read_traces(path: Path) -> tuple[ServiceTrace, ...]:
    """Raises UnreadableTraceError, TraceFormatError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST_TRACE)
    except OSError as error:
        raise UnreadableTraceError(
            f"{path} cannot be read: {error.strerror}", hints=("careen prove --trace FILE writes one",)
        ) from error
    try:
        return parse_traces(data)
    except TraceFormatError as error:
        raise TraceFormatError(f"{path}: {error.message}", hints=error.hints) from error


def _sources(session: Session, request: BuildRequest, plan: Plan) -> BuildSources:
    return build_sources(session, request.plan.root / plan.root)


def _described(request: BuildRequest, plan: Plan) -> BuildOptions:
    root = request.plan.root
    lock = root / plan.lock if plan.lock is not None else None
    return replace(request.options, origin=origin_of(root / plan.root, lock, request.revision))


def _earlier(request: BuildRequest) -> tuple[ImageRecord, ...]:
    """What to compare with: the file, or else what lies in the layout. Raises UnreadableRecordError, RecordError."""
    if request.record is not None:
        if not request.record.exists():
            return ()
        try:
            with request.record.open("rb") as stream:
                return parse_records(stream.read(LARGEST))
        except OSError as error:
            raise UnreadableRecordError(f"{request.record} cannot be read: {error.strerror}") from error
    try:
        return records_in(Layout.open(request.output)) if (request.output / "index.json").is_file() else ()
    except CareenError:
        return ()  # nothing to compare with; it is about to be replaced


def _changes(earlier: Sequence[ImageRecord], records: Sequence[ImageRecord]) -> tuple[Change, ...]:
    return tuple(
        Change(service=record.service, image=record.image, platform=record.platform, because=why)
        for record, why in sorted(explained(earlier, records), key=lambda item: (item[0].service, item[0].platform))
    )
