"""Proving a stack: every image by itself, then all of them running together, then each one being stopped at work.

In the first round images run with the arguments they were shipped with, under the import audit only: they start in
the order of their dependencies, are looked at, do their work, and are stopped while idle. In the second, web services
and workers run with probes and are stopped in the middle of a request or a task; workers come back to what was left.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from careen.errors import MissingToolError
from careen.oci.layout import Layout
from careen.plan.target import Plan, ServicePlan
from careen.plan.traces import ServiceTrace
from careen.progress import Progress, Step, unheard
from careen.prove import smoke
from careen.prove.backing import Backing
from careen.prove.checks import memory, number_of_processes
from careen.prove.checks.catalogue import IMAGE_CHECKS, LATE_CHECKS
from careen.prove.choice import choose
from careen.prove.evidence import CheckResult, Evidence, ProofReport, ServiceProof, passed, skipped
from careen.prove.first_round import FirstRound, each
from careen.prove.in_flight.round import WorkInFlight
from careen.prove.instruments import Instruments
from careen.prove.launch import as_shipped
from careen.prove.layers import LayerFolder
from careen.prove.originals import Given, is_careens, with_own_health
from careen.prove.rootfs import ImageOnDisk, unpack_images
from careen.prove.runner import Ground, Property, Runner
from careen.prove.runs import RunFolder
from careen.prove.servers import UnknownBackingError
from careen.prove.settings import ProveSettings
from careen.prove.subjects import FinishedSubject, ImageSubject
from careen.prove.tracing import Tracer
from careen.prove.trial import Trial

BACKING = "backing"


def prove_stack(plan: Plan, layout: Path, settings: ProveSettings, progress: Progress = unheard) -> ProofReport:
    """Runs every service of a plan from the images in an OCI layout, and tells what was seen.

    Images are found by the service's name, or by the plan's name for the image. Raises MissingToolError when nothing
    here can run them, LayoutError for images that are not there, and what reading them raises; what goes wrong with the
    services themselves is in the report. Nothing is left behind.
    """
    runner = choose(settings.runner)
    run = RunFolder.open(settings.state)
    try:
        return _Proof(plan, layout, settings, progress, runner, run).prove()
    finally:
        run.close(keep=settings.keep)


def references(plan: Plan, layout: Layout) -> Mapping[str, str]:
    """The name in the layout of each service's image. The layout complains later of those that are not there."""
    names = layout.images()
    found = {}
    for service in plan.services:
        candidates = (service.name, f"{service.image}-{service.name}", service.image)
        found[service.name] = next((name for name in candidates if name in names), service.name)
    return found


class _Proof:
    def __init__(
        self, plan: Plan, layout: Path, settings: ProveSettings, progress: Progress, runner: Runner, run: RunFolder
    ) -> None:
        self._plan, self._settings, self._progress = plan, settings, progress
        self._runner, self._run = runner, run
        named = references(plan, Layout.open(layout))
        layers = LayerFolder(settings.state / "layers")
        images = unpack_images(
            layout, tuple(dict.fromkeys(named.values())), plan.platform, run.folder / "images", layers, progress
        )
        self._instruments = Instruments(run.folder / "proof")
        self._tracer = _tracer(runner, run) if settings.trace else None
        self._trials = [self._trial(service, images[named[service.name]]) for service in plan.services]
        self._stack: list[CheckResult] = []

    def _trial(self, service: ServicePlan, image: ImageOnDisk) -> Trial:
        given = Given()
        if not is_careens(image):
            given = self._settings.given.get(service.name, given)
            service = with_own_health(service, image, given)
        launch = as_shipped(service, image, given, self._settings.environment)
        if self._tracer is not None:
            launch = replace(launch, tracing=self._tracer.words(service.name))
        return Trial(service, image, launch)

    def prove(self) -> ProofReport:
        self._say("judging images")
        each(self._trials, self._judge_image)
        with ExitStack() as things:
            names = (*(trial.service.name for trial in self._trials), *(b.name for b in self._plan.backing))
            first = FirstRound(self._plan, self._settings, self._instruments, self._runner, self._progress)
            work = WorkInFlight(self._plan, self._settings, self._instruments, self._progress)
            ground = self._runner.ground(
                self._run, (*names, smoke.HOST, work.SENDER_HOST), outside=self._settings.allow_network
            )
            things.callback(ground.close)
            ground.call(self._plan.aliases)
            for trial in self._trials:
                things.callback(trial.discard)
            backings = self._start_backing(ground, things)
            things.callback(work.close)

            def prepare() -> None:
                if self._settings.in_flight:
                    work.prepare(ground, self._trials)

            self._stack += first.run(ground, self._trials, prepare)
            if self._settings.in_flight:
                work.run(ground, self._trials, [backing for backing in backings if backing.is_broker])
        each(self._trials, self._judge_late)
        return ProofReport(
            runner=self._runner.name,
            services=tuple(_proof_of(trial) for trial in self._trials),
            stack=tuple(self._stack),
            traces=self._traces(),
        )

    def _traces(self) -> tuple[ServiceTrace, ...]:
        if self._tracer is None:
            return ()
        self._say("reading what was touched")
        tracer = self._tracer
        return tuple(
            tracer.of(trial.service.name, trial.image, trial.launch.working_directory) for trial in self._trials
        )

    def _judge_image(self, trial: Trial) -> None:
        subject = ImageSubject(plan=self._plan, service=trial.service, image=trial.image)
        for slug, check in IMAGE_CHECKS:
            trial.judge(slug, partial(check, subject))

    def _start_backing(self, ground: Ground, things: ExitStack) -> list[Backing]:
        started = []
        for planned in self._plan.backing:
            environment = (*planned.environment, *self._settings.environment.items())
            service = replace(planned, environment=environment)
            self._say(f"starting {service.name}")
            try:
                backing = Backing(service, ground, self._run)
            except UnknownBackingError as error:
                self._stack.append(skipped(BACKING, error.message))
                continue
            things.callback(backing.close)
            started.append(backing)
            summary = f"{service.name} is this machine's {backing.server.argv[0]}"
            self._stack.append(passed(BACKING, Evidence(summary=summary, command=backing.server.argv)))
        return started

    def _judge_late(self, trial: Trial) -> None:
        subject = FinishedSubject(
            service=trial.service,
            image=trial.image,
            lacks=self._runner.lacks,
            use=trial.use,
            imports=self._instruments.imports(trial.service.name),
        )
        # A limit may be what kept a service from starting; else its checks would say nothing of one that did not.
        hit = {memory.SLUG: trial.use.out_of_memory, number_of_processes.SLUG: trial.use.refused_processes}
        for slug, check in LATE_CHECKS:
            if trial.start_seconds is None and not hit.get(slug):
                trial.skip((slug,), "the service did not start")
            else:
                trial.judge(slug, partial(check, subject))

    def _say(self, what: str) -> None:
        self._progress(Step(what, 0, None))


def _tracer(runner: Runner, run: RunFolder) -> Tracer:
    """Raises MissingToolError."""
    if Property.TRACES in runner.lacks:
        raise MissingToolError(
            f"no trace can be made: {runner.lacks[Property.TRACES]}", hints=("run it as root with --runner runc",)
        )
    return Tracer(run.folder / "traces")


def _proof_of(trial: Trial) -> ServiceProof:
    return ServiceProof(
        name=trial.service.name,
        checks=tuple(trial.results),
        peak_memory_bytes=trial.use.peak_bytes,
        start_seconds=trial.start_seconds,
        contract=trial.contract,
    )
