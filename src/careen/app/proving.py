"""The verb ``prove``: shows that the images of a plan run."""

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path, PurePosixPath

from careen.app.building import BuildRequest, build, build_planned
from careen.app.outputs import write_file
from careen.app.pulled_images import Pushed, pull_images
from careen.app.remembering import plan_of
from careen.app.session import Session
from careen.app.tracing import Traced, build_traced
from careen.compose.model import ComposeService
from careen.config import Config
from careen.plan.target import HealthCheck, Plan
from careen.plan.traces import render_traces
from careen.prove.comparison import ServiceComparison, compare
from careen.prove.evidence import ProofReport, Verdict
from careen.prove.originals import Given
from careen.prove.settings import ProveSettings, RunnerName
from careen.prove.stack import prove_stack
from careen.python.trimming import TrimmingPolicy
from careen.text.values import dataclass
from careen.workspace.configuration import configuration_of
from careen.workspace.discover import discover
from careen.workspace.facts import StackFacts, derive
from careen.workspace.files import normal_path
from careen.workspace.model import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveChoices:
    """What the user may choose; ``runner`` None takes the first that works here. ``trace`` is a file to write;
    ``compare`` a layout with the images as they were. ``environment`` are variables for every service. The images are
    built by careen's own engine, or what was ``pushed``, or, as they ``stand``, what the layout has.
    """

    runner: RunnerName | None = None
    keep: bool = False
    allow_network: bool = False
    trace: Path | None = None
    chaos: bool = False
    compare: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    pushed: Pushed | None = None
    stand: bool = False


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A plan with what its set-up says of running it."""

    plan: Plan
    facts: StackFacts
    config: Config


@dataclass(frozen=True, kw_only=True)
class Proven:
    """``comparison`` is empty unless it was asked for; ``traced`` is there where that is how images were trimmed."""

    proof: ProofReport
    traced: Traced | None = None
    comparison: tuple[ServiceComparison, ...] = ()

    @property
    def passed(self) -> bool:
        return self.proof.passed and not any(item.contract.verdict is Verdict.FAIL for item in self.comparison)


def prove(session: Session, request: BuildRequest, choices: ProveChoices) -> Proven:
    """Builds what is not built yet, unless that is unwanted, and runs it.

    Raises what planning, building, pulling and proving raise.
    """
    traced = None
    if choices.pushed is not None or choices.stand:
        subject = _subject(request, plan_of(session, request.plan))
        if choices.pushed is not None:
            pull_images(session, choices.pushed, subject.plan, request.output)
        proof = prove_planned(session, subject, request.output, choices)
    elif request.options.trimming is TrimmingPolicy.TRACED:
        subject = _subject(request, plan_of(session, request.plan))
        traced = prove_traced(session, request, subject, choices)
        proof = traced.proof
    else:
        subject = _subject(request, build(session, request).plan)
        proof = prove_planned(session, subject, request.output, choices)
    if choices.compare is None:
        return Proven(proof=proof, traced=traced)
    before = prove_planned(session, subject, choices.compare, replace(choices, trace=None))
    return Proven(proof=proof, traced=traced, comparison=compare(proof, before))


def _subject(request: BuildRequest, plan: Plan) -> Subject:
    facts = derive(discover(request.plan.root, compose_files=request.plan.compose_files))
    return Subject(plan=plan, facts=facts, config=configuration_of(facts.workspace))


def prove_traced(session: Session, request: BuildRequest, subject: Subject, choices: ProveChoices) -> Traced:
    """Builds into the request's layout what a proof touches, and proves it. Raises what building and proving raise."""

    def prove(layout: Path, watched: bool) -> ProofReport:
        return prove_planned(session, subject, layout, replace(choices, trace=None), watched=watched)

    done = build_traced(
        lambda options, layout: build_planned(session, replace(request, options=options, output=layout), subject.plan),
        prove,
        request.options,
        request.output,
    )
    if choices.trace is not None:
        write_file(choices.trace, render_traces(done.watched.traces))
    return done


def prove_planned(
    session: Session, subject: Subject, layout: Path, choices: ProveChoices, *, watched: bool = False
) -> ProofReport:
    """With ``watched``, the report has the traces, be they to be written or not."""
    root = subject.facts.workspace.files.root / subject.plan.root
    settings = ProveSettings(
        state=session.surroundings.cache / "proofs",
        project=root.resolve(),
        smoke=subject.config.smoke,
        smoke_service=subject.config.smoke_service,
        runner=choices.runner,
        keep=choices.keep,
        allow_network=choices.allow_network,
        trace=watched or choices.trace is not None,
        chaos=choices.chaos,
        given={
            service.name: given_by(service.service.compose, subject.facts.workspace)
            for service in subject.facts.services
        },
        environment=choices.environment,
    )
    proof = prove_stack(subject.plan, layout, settings, session.progress)
    if choices.trace is not None:
        write_file(choices.trace, render_traces(proof.traces))
    return proof


def given_by(compose: ComposeService | None, workspace: Workspace) -> Given:
    if compose is None:
        return Given()
    folder = workspace.compose.folder if workspace.compose is not None else PurePosixPath()
    files = [normal_path(folder / file) for file in compose.env_files]
    return Given(
        entrypoint=compose.entrypoint.argv if compose.entrypoint is not None else None,
        command=compose.command.argv if compose.command is not None else None,
        working_directory=compose.working_directory,
        health=_health(compose),
        absent_env_files=tuple(str(file) for file in files if not workspace.files.exists(file)),
    )


def _health(compose: ComposeService) -> HealthCheck | None:
    """What compose does not say is docker's default."""
    check = compose.health
    if check is None or check.disabled or not check.test:
        return None
    return HealthCheck(
        argv=("/bin/sh", "-c", *check.test) if check.shell else check.test,
        interval=check.interval if check.interval is not None else 30,
        timeout=check.timeout if check.timeout is not None else 30,
        start_period=check.start_period if check.start_period is not None else 0,
        retries=check.retries if check.retries is not None else 3,
    )
