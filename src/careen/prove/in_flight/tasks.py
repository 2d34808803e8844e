"""A worker is told to stop while it works: what it has begun it finishes, what it has not it gives back."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from careen.plan.target import ServicePlan
from careen.prove.evidence import CheckResult, Evidence, failed, judged, skipped
from careen.prove.instruments import Instruments, read_untrusted_object
from careen.prove.runner import Container
from careen.prove.sender import Probes, Sender, SenderError
from careen.prove.stopping import Stop, stop
from careen.text.values import dataclass

QUEUES = "queues"
TASK_IN_FLIGHT = "task-in-flight"
RESTART = "restart"
SECOND_SIGNAL = "second-signal"
CHECKS = (QUEUES, TASK_IN_FLIGHT, RESTART, SECOND_SIGNAL)

_EARLY, LATE = "careen.probe.early", "careen.probe.late"
_QUICK_SECONDS = 0.0
_BEGIN_TIMEOUT = 60.0
_FULL_TIMEOUT = 15.0
"""For the last places of a pool that grows with its load; waited out where a place stays empty."""
_LEFT_TIMEOUT = 60.0
_PAUSE_SECONDS = 0.05
_MORE_THAN_FIT = 3
"""Tasks beyond the pool's size, so that some surely have not begun when the signal comes."""
_BETWEEN_SIGNALS_SECONDS = 0.3


@dataclass(slots=True)
class WorkerTrial:
    """One worker under proof. ``description`` is what its probe wrote down; ``left`` what it had not begun."""

    service: ServicePlan
    instruments: Instruments
    sender: Sender
    length: float
    grace: float | None
    description: Mapping[str, object] = field(default_factory=dict)
    left: tuple[str, ...] = ()

    def queues(self) -> Sequence[Mapping[str, object]]:
        queues = self.description.get("queues")
        return [queue for queue in queues if isinstance(queue, dict)] if isinstance(queues, list) else []

    def mark(self, task: str, kind: str) -> str | None:
        return self.instruments.mark(f"{task}.{kind}")

    def wait_until_accepted(self, names: Sequence[str], timeout: float) -> None:
        """Until the worker's main process knows that the tasks run. Without that, Celery may lose sight of them."""
        wait(lambda: all(self.mark(name, "accepted") is not None for name in names), timeout)


def describe(trial: WorkerTrial) -> CheckResult | None:
    """Waits for the worker's own description of itself; a failed check when it never comes."""
    name = f"{trial.service.name}.worker"
    trial.instruments.wait_for_mark(name, _BEGIN_TIMEOUT)
    found = read_untrusted_object(trial.instruments.marks / name)
    if found is None:
        return skipped(QUEUES, "the worker did not load the probe, so no task could be sent to it")
    trial.description = found
    return None if trial.queues() else skipped(QUEUES, "the worker consumes no queue")


def one_task_a_queue(trial: WorkerTrial) -> CheckResult:
    """Every queue of the worker delivers."""
    begun = time.monotonic()
    names = {str(queue["name"]): f"{trial.service.name}-queue-{number}" for number, queue in enumerate(trial.queues())}
    try:
        for queue in trial.queues():
            probe = Probes(task=LATE, names=(names[str(queue["name"])],), seconds=_QUICK_SECONDS)
            trial.sender.send(trial.description, queue, probe)
    except SenderError as error:
        return failed(QUEUES, Evidence(summary=error.message))
    lost = [
        queue for queue, name in names.items() if not trial.instruments.wait_for_mark(f"{name}.done", _BEGIN_TIMEOUT)
    ]
    complaints = tuple(f"a task sent to queue {queue} was not done within {_BEGIN_TIMEOUT:g} s" for queue in lost)
    summary = f"a task sent to {', '.join(names)} was done"
    return judged(QUEUES, complaints, Evidence(summary=summary, seconds=time.monotonic() - begun))


def stop_during_task(trial: WorkerTrial, container: Container) -> CheckResult:
    """With tasks that are acknowledged before they run: nobody else will do those that are broken off."""
    size, told = _concurrency(trial), f"{trial.service.name}.told-to-stop"
    names = tuple(f"{trial.service.name}-early-{number}" for number in range(size + _MORE_THAN_FIT))
    first = Probes(task=_EARLY, names=names[:size], seconds=trial.length, until=told)
    try:
        trial.sender.send(trial.description, trial.queues()[0], first)
        more = Probes(task=_EARLY, names=names[size:], seconds=_QUICK_SECONDS)
        trial.sender.send(trial.description, trial.queues()[0], more)
    except SenderError as error:
        return failed(TASK_IN_FLIGHT, Evidence(summary=error.message))
    if not wait(lambda: any(_here(trial, name, "begun") for name in first.names), _BEGIN_TIMEOUT):
        return _never_begun(trial, TASK_IN_FLIGHT, names)
    trial.wait_until_accepted(first.names, _FULL_TIMEOUT)
    stopped = stop(container, trial.service, trial.grace, meanwhile=lambda: trial.instruments.put_mark(told))
    begun = [name for name in names if trial.mark(name, "begun") is not None]
    broken_off = [name for name in begun if trial.mark(name, "done") is None]
    trial.left = tuple(name for name in names if trial.mark(name, "done") is None and name not in broken_off)
    complaints = [*stopped.complaints]
    if broken_off:
        complaints.insert(0, f"{len(broken_off)} of {len(begun)} tasks in flight were broken off and are lost")
    summary = f"{len(begun)} tasks in flight were finished, {len(trial.left)} not yet begun; {_told(stopped)}"
    return judged(TASK_IN_FLIGHT, tuple(complaints), _evidence(summary, container, stopped))


def finish_what_was_left(trial: WorkerTrial) -> CheckResult:
    """After a restart: what the worker had taken and not begun has gone back to the queue."""
    begun = time.monotonic()
    if not trial.left:
        return skipped(RESTART, "no task was waiting when the worker was stopped")
    wait(lambda: all(trial.mark(name, "done") is not None for name in trial.left), _LEFT_TIMEOUT)
    lost = [name for name in trial.left if trial.mark(name, "done") is None]
    complaints = (f"{len(lost)} of {len(trial.left)} waiting tasks were lost by the restart",) if lost else ()
    summary = f"all {len(trial.left)} tasks that were waiting when it stopped were done after the restart"
    return judged(RESTART, complaints, Evidence(summary=summary, seconds=time.monotonic() - begun))


def stop_twice_during_task(trial: WorkerTrial, container: Container) -> CheckResult:
    """With a task that is acknowledged after it ran, and an impatient orchestrator: finished, or back in its queue."""
    name, told = f"{trial.service.name}-late", f"{trial.service.name}.told-twice"
    probe = Probes(task=LATE, names=(name,), seconds=trial.length, until=told)
    try:
        trial.sender.send(trial.description, trial.queues()[0], probe)
    except SenderError as error:
        return failed(SECOND_SIGNAL, Evidence(summary=error.message))
    if not wait(lambda: _here(trial, name, "begun"), _BEGIN_TIMEOUT):
        return _never_begun(trial, SECOND_SIGNAL, (name,))
    trial.wait_until_accepted((name,), _FULL_TIMEOUT)

    def again() -> None:
        time.sleep(_BETWEEN_SIGNALS_SECONDS)
        container.signal(15)
        trial.instruments.put_mark(told)

    stopped = stop(container, trial.service, trial.grace, meanwhile=again)
    complaints = [*stopped.complaints]
    finished = trial.mark(name, "done") is not None
    if not finished:
        try:
            waiting = trial.sender.waiting(trial.description, trial.queues()[0])
        except SenderError as error:
            return failed(SECOND_SIGNAL, Evidence(summary=f"the task was broken off, and {error.message}"))
        if not waiting:
            complaints.insert(0, "the task in flight was broken off and is not back in its queue")
    outcome = "was finished" if finished else "is back in its queue"
    return judged(
        SECOND_SIGNAL,
        tuple(complaints),
        _evidence(f"the task in flight {outcome}; {_told(stopped)}", container, stopped),
    )


def _here(trial: WorkerTrial, task: str, kind: str) -> bool:
    """By this worker, and not by another one of the same queue."""
    return trial.mark(task, kind) == trial.service.name


def _never_begun(trial: WorkerTrial, slug: str, names: Sequence[str]) -> CheckResult:
    if any(trial.mark(name, "begun") is not None for name in names):
        return skipped(slug, "another worker of the same queue took the tasks")
    return failed(slug, Evidence(summary=f"the worker began no task within {_BEGIN_TIMEOUT:g} s"))


def _concurrency(trial: WorkerTrial) -> int:
    limit = trial.description.get("concurrency")
    return min(limit, 16) if isinstance(limit, int) and limit > 0 else 4


def _told(stopped: Stop) -> str:
    return f"it ended with status {stopped.status} after {stopped.seconds:.1f} s of {stopped.grace:g} s"


def _evidence(summary: str, container: Container, stopped: Stop) -> Evidence:
    output = container.heard().text.strip()[-600:]
    return Evidence(summary=summary, command=("signal", "SIGTERM"), output=output, seconds=stopped.seconds)


def wait(done: Callable[[], bool], timeout: float) -> bool:
    give_up = time.monotonic() + timeout
    while not (finished := done()) and time.monotonic() < give_up:
        time.sleep(_PAUSE_SECONDS)
    return finished
