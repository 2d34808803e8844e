"""The second round: services are stopped in the middle of their work, and workers come back to what was left."""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from careen.plan.roles import Role
from careen.plan.target import Plan
from careen.progress import Progress, Step
from careen.prove import contract
from careen.prove.backing import Backing
from careen.prove.evidence import Evidence, failed
from careen.prove.in_flight import chaos, requests, tasks
from careen.prove.instruments import Instruments
from careen.prove.launch import Launch
from careen.prove.runner import Container, Ground
from careen.prove.sender import Sender
from careen.prove.settings import ProveSettings
from careen.prove.starting import Start, begin, start, start_limit, wait_until_up
from careen.prove.trial import Trial

_AT_ONCE = 8


class WorkInFlight:
    """Work is sent by the prover itself; nothing of the application has to be known."""

    SENDER_HOST = "careen-sender"

    def __init__(self, plan: Plan, settings: ProveSettings, instruments: Instruments, progress: Progress) -> None:
        self._plan, self._settings, self._instruments, self._progress = plan, settings, instruments, progress
        self._brokers: Sequence[Backing] = ()
        self._held: dict[str, HeldWorker] = {}
        self._sender: Sender | None = None

    def prepare(self, ground: Ground, trials: Sequence[Trial]) -> None:
        """Loads the applications of the first workers to come, while the first round looks at others and stops them."""
        workers = _healthy_workers(trials)
        self._sender = self._start_sender(ground, workers)
        if ground.shares_places:
            for trial in next(iter(apart(workers)), []):
                self._held[trial.service.name] = HeldWorker(self._instruments, trial, ground, "first")

    def close(self) -> None:
        """Takes away what was prepared and never needed."""
        for held in self._held.values():
            held.discard()
        if self._sender is not None:
            self._sender.container.remove()

    def run(self, ground: Ground, trials: Sequence[Trial], brokers: Sequence[Backing] = ()) -> None:
        """Only services that were healthy before take part; the others' checks are skipped. Is called once, after
        :meth:`prepare`.
        """
        self._brokers = brokers
        webs = [trial for trial in trials if trial.service.role is Role.WEB]
        workers = [trial for trial in trials if trial.service.role is Role.WORKER]
        for trial in (*webs, *workers):
            if trial.start_seconds is None:
                slugs = (requests.SLUG,) if trial.service.role is Role.WEB else tasks.CHECKS
                trial.skip(slugs, "the service did not start")
        webs = [trial for trial in webs if trial.start_seconds is not None]
        workers = _healthy_workers(trials)
        sender = self._sender
        for batch in apart(workers) or [[]]:
            work = [partial(self._worker, trial, ground, sender) for trial in batch]
            work += [partial(self._web, trial, ground) for trial in webs]
            webs = []
            names = ", ".join(trial.service.name for trial in batch)
            self._progress(Step(f"stopping {names or 'web services'} at work", 0, None))
            with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
                for done in [pool.submit(each) for each in work]:
                    done.result()
        if self._settings.chaos and sender is not None:
            # One after the other: they have one broker.
            for trial in workers:
                self._progress(Step(f"killing {trial.service.name} and its broker at work", 0, None))
                self._chaos(trial, ground, sender)

    def _start_sender(self, ground: Ground, workers: Sequence[Trial]) -> Sender | None:
        """In the lightest worker's image: whatever Celery it has can speak to the broker."""
        if not workers:
            return None
        lightest = min(workers, key=lambda trial: trial.image.total_bytes)
        python = self._plan.base.runtime.executable
        container = ground.start(self._instruments.sender(lightest.launch, self.SENDER_HOST, python))
        return Sender(container, self._instruments.mailbox)

    def _web(self, trial: Trial, ground: Ground) -> None:
        launch = self._instruments.held(trial.launch)
        if launch is None or not trial.service.container_ports:
            trial.skip((requests.SLUG,), "its arguments name no application (module:name) that could be held up")
            return
        container = self._start(trial, ground, launch, requests.SLUG)
        if container is not None:
            result = requests.stop_during_request(
                trial.service,
                container,
                ground,
                self._instruments,
                hold=self._settings.request_hold,
                grace=self._settings.grace,
            )
            trial.note(result)
        trial.discard()

    def _worker(self, trial: Trial, ground: Ground, sender: Sender | None) -> None:
        if sender is None:
            raise ValueError("workers are not proven without a sender")
        worker = tasks.WorkerTrial(
            trial.service, self._instruments, sender, self._settings.task_length, self._settings.grace
        )
        held = self._held.pop(trial.service.name, None) or HeldWorker(self._instruments, trial, ground, "first")
        container = self._settle(trial, held.launch, held.take_over(self._limit(trial)), tasks.TASK_IN_FLIGHT)
        if container is None:
            trial.discard()
            return
        problem = tasks.describe(worker)
        if problem is not None:
            trial.note(problem)
            trial.skip(tasks.CHECKS[1:], problem.evidence.summary)
            trial.discard()
            return
        trial.contract = contract.registered(worker.description)
        successor = HeldWorker(self._instruments, trial, ground, "successor")
        try:
            trial.judge(tasks.QUEUES, lambda: tasks.one_task_a_queue(worker))
            trial.judge(tasks.TASK_IN_FLIGHT, lambda: tasks.stop_during_task(worker, container))
            trial.discard()
            again = self._settle(trial, successor.launch, successor.take_over(self._limit(trial)), tasks.RESTART)
            if again is not None:
                trial.judge(tasks.RESTART, lambda: tasks.finish_what_was_left(worker))
                trial.judge(tasks.SECOND_SIGNAL, lambda: tasks.stop_twice_during_task(worker, again))
            trial.discard()
        finally:
            successor.discard()

    def _chaos(self, trial: Trial, ground: Ground, sender: Sender) -> None:
        worker = tasks.WorkerTrial(
            trial.service, self._instruments, sender, self._settings.task_length, self._settings.grace
        )
        launch = self._instruments.probed(trial.launch, visibility=chaos.VISIBILITY_SECONDS)
        container = self._start(trial, ground, launch, chaos.KILLED)
        problem = tasks.describe(worker) if container is not None else None
        if container is None or problem is not None:
            trial.skip(chaos.CHECKS[1:], "the worker did not start, or takes no tasks")
            trial.discard()
            return

        def successor() -> Container | None:
            trial.discard()
            return trial.take(start(ground, launch, trial.service, self._limit(trial)))

        trial.judge(chaos.KILLED, lambda: chaos.kill_during_task(worker, container, successor))
        if trial.container is None or not self._brokers:
            trial.skip((chaos.BROKER,), "there is no broker of this machine that could be restarted")
        else:
            trial.judge(chaos.BROKER, lambda: chaos.restart_broker_during_tasks(worker, self._brokers))
        trial.discard()

    def _limit(self, trial: Trial) -> float:
        return start_limit(trial.service, self._settings.start_timeout)

    def _start(self, trial: Trial, ground: Ground, launch: Launch, slug: str) -> Container | None:
        return self._settle(trial, launch, start(ground, launch, trial.service, self._limit(trial)), slug)

    def _settle(self, trial: Trial, launch: Launch, begun: Start, slug: str) -> Container | None:
        container = trial.take(begun)
        if container is None:
            summary = f"with the probe, {begun.said}"
            trial.note(failed(slug, Evidence(summary=summary, command=launch.argv, output=trial.log())))
        return container


class HeldWorker:
    """The worker that comes after the one that is stopped. It is started beside it where that can be, and held back
    until it is to take over: loading an application is most of a start.
    """

    def __init__(self, instruments: Instruments, trial: Trial, ground: Ground, kind: str) -> None:
        self._instruments, self._trial, self._ground = instruments, trial, ground
        self._mark = f"{trial.service.name}.{kind}"
        self.launch = instruments.probed(trial.launch, held_until=self._mark)
        self._begun: Container | Start | None = begin(ground, self.launch) if ground.shares_places else None

    def take_over(self, limit: float) -> Start:
        self._instruments.put_mark(self._mark)
        begun = self._begun or begin(self._ground, self.launch)
        self._begun = None
        if isinstance(begun, Start):
            return begun
        return wait_until_up(self._ground, begun, self._trial.service, limit, time.monotonic())

    def discard(self) -> None:
        if self._begun is not None and not isinstance(self._begun, Start):
            self._begun.remove()


def _healthy_workers(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.service.role is Role.WORKER and trial.start_seconds is not None]


def apart(workers: Iterable[Trial]) -> list[list[Trial]]:
    """Batches in which no two workers take tasks from one queue, so that a task is surely the right one's.

    A worker that names no queue takes from the application's default ones, which may be anybody's.
    """
    batches: list[list[Trial]] = []
    for trial in workers:
        for batch in batches:
            if not any(_share(trial, other) for other in batch):
                batch.append(trial)
                break
        else:
            batches.append([trial])
    return batches


def _share(one: Trial, other: Trial) -> bool:
    first, second = set(one.service.queues), set(other.service.queues)
    return not first or not second or bool(first & second)
