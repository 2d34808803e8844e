"""Proving a stack: every image by itself, then all of them running together, then each one being stopped at work.

In the first round images run with the arguments they were shipped with, under the import audit only: they start in
the order of their dependencies, are looked at, do their work, and are stopped while idle. In the second, web services
and workers run with probes and are stopped in the middle of a request or a task; workers come back to what was left.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from careen.oci.layout import Layout
from careen.plan.roles import Role
from careen.plan.target import Plan
from careen.progress import Progress, Step, unheard
from careen.prove import flower, smoke
from careen.prove.backing import Backing, UnknownBackingError
from careen.prove.checks import memory, number_of_processes, read_only_root
from careen.prove.checks.catalogue import HEALTH_CHECKS, IMAGE_CHECKS, LATE_CHECKS, REACHABLE, RUNNING_CHECKS
from careen.prove.choice import choose
from careen.prove.evidence import CheckResult, Evidence, ProofReport, ServiceProof, failed, judged, passed, skipped
from careen.prove.in_flight.round import WorkInFlight
from careen.prove.instruments import Instruments
from careen.prove.launch import as_shipped
from careen.prove.layers import LayerFolder
from careen.prove.rootfs import private_copy, unpack_images
from careen.prove.runner import Ground, Runner
from careen.prove.runs import RunFolder
from careen.prove.settings import ProveSettings
from careen.prove.starting import start, start_limit, waves
from careen.prove.stopping import stop
from careen.prove.subjects import ImageSubject, RunningSubject
from careen.prove.trial import Trial

STARTS, STOPS, BACKING = "starts", "stops", "backing"

_AT_ONCE = 8
_ROOT_TRIAL_SECONDS = 15.0
_READ_ONLY = "Read-only file system"  # strerror(EROFS)


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
        self._trials = [
            Trial(service, images[named[service.name]], as_shipped(service, images[named[service.name]]))
            for service in plan.services
        ]
        self._stack: list[CheckResult] = []

    def prove(self) -> ProofReport:
        self._say("judging images")
        self._each(self._trials, self._judge_image)
        with ExitStack() as things:
            names = (*(trial.service.name for trial in self._trials), *(b.name for b in self._plan.backing))
            work = WorkInFlight(self._plan, self._settings, self._instruments, self._progress)
            ground = self._runner.ground(self._run, (*names, smoke.HOST, work.SENDER_HOST))
            things.callback(ground.close)
            for trial in self._trials:
                things.callback(trial.discard)
            self._start_backing(ground, things)
            self._first_round(ground)
            if self._settings.in_flight:
                work.run(ground, self._trials)
        return ProofReport(
            runner=self._runner.name,
            services=tuple(self._proof_of(trial) for trial in self._trials),
            stack=tuple(self._stack),
        )

    def _judge_image(self, trial: Trial) -> None:
        subject = ImageSubject(plan=self._plan, service=trial.service, image=trial.image)
        for slug, check in IMAGE_CHECKS:
            trial.judge(slug, partial(check, subject))

    def _start_backing(self, ground: Ground, things: ExitStack) -> None:
        for service in self._plan.backing:
            self._say(f"starting {service.name}")
            try:
                backing = Backing(service, ground, self._run)
            except UnknownBackingError as error:
                self._stack.append(skipped(BACKING, error.message))
                continue
            things.callback(backing.close)
            summary = f"{service.name} is this machine's {backing.server.argv[0]}"
            self._stack.append(passed(BACKING, Evidence(summary=summary, command=backing.server.argv)))

    def _first_round(self, ground: Ground) -> None:
        for wave in waves(self._plan.services):
            names = {service.name for service in wave}
            self._say(f"starting {', '.join(sorted(names))}")
            self._each([t for t in self._trials if t.service.name in names], lambda trial: self._start(trial, ground))
        up = [trial for trial in self._trials if trial.start_seconds is not None]
        self._say("looking at the running services")
        self._each(up, lambda trial: self._judge_running(trial, ground))
        self._judge_together(ground, up)
        self._each(up, lambda trial: self._judge_late(trial, ground))
        self._say("stopping")
        self._each(up, self._stop)

    def _start(self, trial: Trial, ground: Ground) -> None:
        limit = start_limit(trial.service.health, self._settings.start_timeout)
        launch = self._instruments.audited(trial.launch)
        begun = start(ground, launch, trial.service, limit)
        if trial.take(begun) is not None and begun.seconds is not None:
            trial.start_seconds = begun.seconds
            summary = f"healthy after {begun.seconds:.1f} s"
            evidence = Evidence(summary=summary, command=launch.argv, seconds=begun.seconds)
            trial.note(passed(STARTS, evidence))
            return
        log = trial.log()
        trial.note(failed(STARTS, Evidence(summary=begun.said, command=launch.argv, output=log)))
        judged_already = self._judge_limits(trial, ground)
        trial.discard()
        if _READ_ONLY in log and self._starts_with_a_writable_root(trial, ground):
            judged_already.add(read_only_root.SLUG)
        slugs = [slug for slug, _ in (*RUNNING_CHECKS, *LATE_CHECKS) if slug not in judged_already]
        trial.skip((*slugs, STOPS), "the service did not start")

    def _judge_limits(self, trial: Trial, ground: Ground) -> set[str]:
        """The checks of those limits that kept a service from starting."""
        if trial.container is None:
            return set()
        self._note_peak(trial)
        use, subject = trial.container.use(), self._subject(trial, ground)
        hit = {memory.SLUG: use.out_of_memory, number_of_processes.SLUG: use.refused_processes}
        for slug, check in LATE_CHECKS:
            if hit.get(slug):
                trial.judge(slug, partial(check, subject))
        return {slug for slug, times in hit.items() if times}

    def _starts_with_a_writable_root(self, trial: Trial, ground: Ground) -> bool:
        """Whether that is what it lacked. Then it is noted as a fault of the image."""
        image = private_copy(trial.image, self._run.folder / f"writable-{trial.service.name}")
        launch = replace(trial.launch, image=image, read_only=False)
        begun = start(ground, launch, trial.service, _ROOT_TRIAL_SECONDS)
        started = trial.take(begun) is not None
        trial.discard()
        if started:
            summary = "it starts only when its root is writable"
            trial.note(failed(read_only_root.SLUG, Evidence(summary=summary, command=trial.launch.argv)))
        return started

    def _judge_running(self, trial: Trial, ground: Ground) -> None:
        subject = self._subject(trial, ground)
        checks = list(RUNNING_CHECKS)
        if trial.service.container_ports:
            checks.append(REACHABLE)
        if trial.service.health is not None:
            checks += HEALTH_CHECKS
        for slug, check in checks:
            trial.judge(slug, partial(check, subject))

    def _judge_together(self, ground: Ground, up: list[Trial]) -> None:
        workers = [trial.service for trial in self._trials if trial.service.role is Role.WORKER]
        for trial in up:
            if trial.service.role is Role.FLOWER and trial.service.container_ports:
                self._say(f"asking {trial.service.name}")
                self._stack.append(flower.check(trial.service, workers, ground))
        if not self._settings.smoke:
            return
        name = self._settings.smoke_service or self._trials[0].service.name
        chosen = next((trial for trial in self._trials if trial.service.name == name), None)
        if chosen is None:
            summary = f"the smoke test is to run in {name}, which is no service of the stack"
            self._stack.append(failed(smoke.SLUG, Evidence(summary=summary)))
            return
        self._say("running the smoke test")
        launch = smoke.launch_of(self._settings, chosen.launch, self._plan.base.runtime.executable)
        self._stack.append(smoke.run_smoke(ground, launch, self._settings.smoke_timeout))

    def _judge_late(self, trial: Trial, ground: Ground) -> None:
        subject = self._subject(trial, ground)
        self._note_peak(trial)
        for slug, check in LATE_CHECKS:
            trial.judge(slug, partial(check, subject))

    def _stop(self, trial: Trial) -> None:
        container = trial.container
        if container is None:
            return
        ended = container.exit_status()
        if ended is not None:
            summary = f"it had ended before it was asked to, with status {ended}"
            trial.note(failed(STOPS, Evidence(summary=summary, output=trial.log())))
        else:
            stopped = stop(container, trial.service, self._settings.grace)
            summary = f"ended with status {stopped.status} after {stopped.seconds:.1f} s of {stopped.grace:g} s"
            evidence = Evidence(
                summary=summary,
                command=("signal", trial.service.stop_signal),
                output=trial.log()[-600:],
                seconds=stopped.seconds,
            )
            trial.note(judged(STOPS, stopped.complaints, evidence))
        trial.discard()

    def _subject(self, trial: Trial, ground: Ground) -> RunningSubject:
        if trial.container is None:
            raise ValueError(f"{trial.service.name} does not run")
        return RunningSubject(
            plan=self._plan,
            service=trial.service,
            image=trial.image,
            launch=self._instruments.audited(trial.launch),
            container=trial.container,
            ground=ground,
            lacks=self._runner.lacks,
            imports=self._instruments.imports(trial.service.name),
        )

    def _note_peak(self, trial: Trial) -> None:
        if trial.container is not None:
            trial.peak_bytes = trial.container.use().peak_bytes

    def _proof_of(self, trial: Trial) -> ServiceProof:
        return ServiceProof(
            name=trial.service.name,
            checks=tuple(trial.results),
            peak_memory_bytes=trial.peak_bytes,
            start_seconds=trial.start_seconds,
        )

    def _each(self, trials: Iterable[Trial], do: Callable[[Trial], None]) -> None:
        """At the same time: most of it is waiting."""
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            for _ in pool.map(do, trials):
                pass

    def _say(self, what: str) -> None:
        self._progress(Step(what, 0, None))
