"""The first round: images run as they were shipped, are looked at, work together, and are stopped while idle."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from careen.plan.roles import Role
from careen.plan.target import Plan
from careen.progress import Progress, Step
from careen.prove import contract, flower, smoke
from careen.prove.advice import Setting, advice
from careen.prove.checks import read_only_root
from careen.prove.checks.catalogue import HEALTH_CHECKS, REACHABLE, RUNNING_CHECKS
from careen.prove.evidence import CheckResult, Evidence, failed, judged, passed
from careen.prove.instruments import Instruments
from careen.prove.last_words import cause_of
from careen.prove.log_files import log_file, printing
from careen.prove.runner import Ground, Runner
from careen.prove.settings import ProveSettings
from careen.prove.starting import start, start_limit, waves
from careen.prove.stopping import stop
from careen.prove.subjects import RunningSubject
from careen.prove.trial import Trial

STARTS, STOPS = "starts", "stops"

_AT_ONCE = 8
_SECOND_LOOK_SECONDS = 15.0
_STAYS = (
    "if it is a job, say so: what needs it `depends_on` it in compose with `condition: service_completed_successfully`"
)
_READ_ONLY = "Read-only file system"  # strerror(EROFS)


class FirstRound:
    """With the arguments of the images themselves, and nothing added but the import audit."""

    def __init__(
        self, plan: Plan, settings: ProveSettings, instruments: Instruments, runner: Runner, progress: Progress
    ) -> None:
        self._plan, self._settings, self._instruments = plan, settings, instruments
        self._runner, self._progress = runner, progress

    def run(self, ground: Ground, trials: Sequence[Trial], meanwhile: Callable[[], None]) -> tuple[CheckResult, ...]:
        """What is told of the services together; each one's own results are noted with it.

        ``meanwhile`` is done when the services are up. Much of looking at them and of stopping them is waiting.
        """
        for wave in waves(self._plan.services):
            names = {service.name for service in wave}
            self._say(f"starting {', '.join(sorted(names))}")
            each([t for t in trials if t.service.name in names], lambda trial: self._start(trial, ground))
        up = [trial for trial in trials if trial.container is not None]
        self._say("looking at the running services")
        meanwhile()
        each(up, lambda trial: self._judge_running(trial, ground))
        together = self._judge_together(ground, trials, up)
        self._say("stopping")
        each(up, self._stop)
        return together

    def _start(self, trial: Trial, ground: Ground) -> None:
        limit = start_limit(trial.service, self._settings.start_timeout)
        launch = self._instruments.audited(trial.launch)
        begun = start(ground, launch, trial.service, limit)
        if trial.take(begun) is not None and begun.seconds is not None:
            trial.start_seconds = begun.seconds
            told = "it did its work and ended, as a job does," if begun.done else "healthy"
            summary = f"{told} after {begun.seconds:.1f} s"
            trial.note(passed(STARTS, Evidence(summary=summary, command=launch.argv, seconds=begun.seconds)))
            if begun.done:
                trial.discard()
                trial.skip((*(slug for slug, _ in RUNNING_CHECKS), STOPS), "the job had done its work")
            return
        log = trial.log()
        why = self._why(trial, begun.said)
        trial.discard()
        trial.note(failed(STARTS, self._read_aloud(trial, ground, begun.said) or why))
        wants_to_write = _READ_ONLY in log and self._starts_with_a_writable_root(trial, ground)
        slugs = [slug for slug, _ in RUNNING_CHECKS if slug != read_only_root.SLUG or not wants_to_write]
        trial.skip((*slugs, STOPS), "the service did not start")

    def _starts_with_a_writable_root(self, trial: Trial, ground: Ground) -> bool:
        """Whether that is what it lacked. Then it is noted as a fault of the image."""
        launch = replace(trial.launch, read_only=False)
        started = trial.take(start(ground, launch, trial.service, _SECOND_LOOK_SECONDS)) is not None
        trial.discard()
        if started:
            summary = "it starts only when its root is writable"
            trial.note(failed(read_only_root.SLUG, Evidence(summary=summary, command=trial.launch.argv)))
        return started

    def _read_aloud(self, trial: Trial, ground: Ground, said: str) -> Evidence | None:
        """What a service says that had its log in a file, when it is started once more and prints it."""
        file = log_file(trial.launch.argv)
        if file is None:
            return None
        launch = replace(trial.launch, argv=printing(trial.launch.argv))
        trial.take(start(ground, launch, trial.service, _SECOND_LOOK_SECONDS))
        why = self._why(trial, f"{said}, with its log in {file}")
        trial.discard()
        return replace(why, command=launch.argv)

    def _why(self, trial: Trial, said: str) -> Evidence:
        """What was seen of a service that did not come up or stay, with what its last words tell of the reason."""
        container = trial.container
        ended = container is None or container.exit_status() is not None
        cause = cause_of(trial.words(), ended=ended)
        hints: tuple[str, ...] = ()
        if cause is not None:
            given = self._settings.given.get(trial.service.name)
            hints = advice(
                cause,
                Setting(
                    plan=self._plan,
                    service=trial.service,
                    absent_env_files=given.absent_env_files if given is not None else (),
                    outside=self._settings.allow_network,
                ),
            )
            said = f"{said}: {cause.said}"
        return Evidence(summary=said, command=trial.launch.argv, output=trial.log(), hints=hints)

    def _judge_running(self, trial: Trial, ground: Ground) -> None:
        subject = self._subject(trial, ground)
        checks = list(RUNNING_CHECKS)
        if trial.service.container_ports:
            checks.append(REACHABLE)
        if trial.service.health is not None:
            checks += HEALTH_CHECKS
        for slug, check in checks:
            trial.judge(slug, partial(check, subject))

    def _judge_together(self, ground: Ground, trials: Sequence[Trial], up: Sequence[Trial]) -> tuple[CheckResult, ...]:
        workers = [trial.service for trial in up if trial.service.role is Role.WORKER]
        results = []
        for trial in up:
            if trial.service.role is Role.WEB and trial.service.container_ports:
                trial.contract = contract.openapi(ground, trial.service)
            if trial.service.role is Role.FLOWER and trial.service.container_ports:
                self._say(f"asking {trial.service.name}")
                results.append(flower.check(trial.service, workers, ground))
        if self._settings.smoke:
            results.append(self._smoke(ground, trials))
        return tuple(results)

    def _smoke(self, ground: Ground, trials: Sequence[Trial]) -> CheckResult:
        name = self._settings.smoke_service or trials[0].service.name
        chosen = next((trial for trial in trials if trial.service.name == name), None)
        if chosen is None:
            summary = f"the smoke test is to run in {name}, which is no service of the stack"
            return failed(smoke.SLUG, Evidence(summary=summary))
        self._say("running the smoke test")
        launch = smoke.launch_of(self._settings, chosen.launch, self._plan.base.runtime.executable)
        return smoke.run_smoke(ground, launch, self._settings.smoke_timeout)

    def _stop(self, trial: Trial) -> None:
        container = trial.container
        if container is None:
            return
        ended = container.exit_status()
        if ended is not None:
            said = f"it had ended before it was asked to, with status {ended}"
            if trial.service.health is None:
                # To be alive for a while was all that it had been seen to start by.
                why = self._why(trial, f"it ended by itself, with status {ended}")
                if not ended:
                    why = replace(why, hints=(*why.hints, _STAYS))
                trial.correct(failed(STARTS, why))
                trial.start_seconds = None
                trial.excuse([slug for slug, _ in RUNNING_CHECKS], "the service had ended")
            trial.note(failed(STOPS, Evidence(summary=said, output=trial.log())))
        else:
            stopped = stop(container, trial.service, self._settings.grace)
            summary = f"ended with status {stopped.status} after {stopped.seconds:.1f} s of {stopped.grace:g} s"
            evidence = Evidence(
                summary=summary,
                command=("signal", trial.service.stop_signal),
                output=trial.log()[-600:],
                seconds=stopped.seconds,
                hints=stopped.hints,
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
        )

    def _say(self, what: str) -> None:
        self._progress(Step(what, 0, None))


def each(trials: Iterable[Trial], do: Callable[[Trial], None]) -> None:
    """At the same time: most of it is waiting."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        for _ in pool.map(do, trials):
            pass
