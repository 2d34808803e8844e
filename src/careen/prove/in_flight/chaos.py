"""On request: what an orchestrator never means to do and machines do all the same. Nothing may be lost by it.

A worker is killed with a task in flight that is acknowledged after it ran, and another takes its place. The broker is
restarted under a worker with tasks in flight and tasks that wait.
"""

import signal
import time
from collections.abc import Callable, Sequence

from careen.prove.backing import Backing
from careen.prove.evidence import CheckResult, Evidence, failed, judged
from careen.prove.in_flight.tasks import LATE, WorkerTrial, wait
from careen.prove.runner import Container
from careen.prove.sender import Probes, SenderError

KILLED = "worker-killed"
BROKER = "broker-restarted"
CHECKS = (KILLED, BROKER)

VISIBILITY_SECONDS = 2
"""After so long a broker without connections' ends (Redis) hands a task on whose worker is gone; an hour otherwise."""

_BEGIN_TIMEOUT = 60.0
_DONE_TIMEOUT = 90.0
_WAITING = 5


def kill_during_task(
    trial: WorkerTrial, container: Container, successor: Callable[[], Container | None]
) -> CheckResult:
    """``successor`` starts the worker that comes after, None when it does not come up."""
    name, killed = f"{trial.service.name}-killed", f"{trial.service.name}.killed"
    probe = Probes(task=LATE, names=(name,), seconds=0.0, until=killed)
    begun = time.monotonic()
    try:
        trial.sender.send(trial.description, trial.queues()[0], probe)
    except SenderError as error:
        return failed(KILLED, Evidence(summary=error.message))
    if not wait(lambda: trial.mark(name, "begun") is not None, _BEGIN_TIMEOUT):
        return failed(KILLED, Evidence(summary=f"the worker began no task within {_BEGIN_TIMEOUT:g} s"))
    container.signal(signal.SIGKILL)
    container.wait(_BEGIN_TIMEOUT)
    trial.instruments.put_mark(killed)
    # A worker on Redis looks for tasks of dead ones when it comes up, and then once in a hundred seconds.
    time.sleep(VISIBILITY_SECONDS)
    if successor() is None:
        return failed(KILLED, Evidence(summary="no worker comes up after one was killed"))
    done = wait(lambda: trial.mark(name, "done") is not None, _DONE_TIMEOUT)
    complaints = () if done else (f"the task in flight was not done again within {_DONE_TIMEOUT:g} s: it is lost",)
    summary = f"the task in flight was done by the next worker, {time.monotonic() - begun:.1f} s after it was sent"
    evidence = Evidence(summary=summary, command=("signal", "SIGKILL"), seconds=time.monotonic() - begun)
    return judged(KILLED, complaints, evidence)


def restart_broker_during_tasks(trial: WorkerTrial, brokers: Sequence[Backing]) -> CheckResult:
    """The worker that runs must find its way back by itself."""
    names = tuple(f"{trial.service.name}-broker-{number}" for number in range(_WAITING))
    restarted = f"{trial.service.name}.broker-restarted"
    probes = Probes(task=LATE, names=names, seconds=0.0, until=restarted)
    begun = time.monotonic()
    try:
        trial.sender.send(trial.description, trial.queues()[0], probes)
    except SenderError as error:
        return failed(BROKER, Evidence(summary=error.message))
    if not wait(lambda: any(trial.mark(name, "begun") is not None for name in names), _BEGIN_TIMEOUT):
        return failed(BROKER, Evidence(summary=f"the worker began no task within {_BEGIN_TIMEOUT:g} s"))
    for broker in brokers:
        broker.restart()
    trial.instruments.put_mark(restarted)
    wait(lambda: all(trial.mark(name, "done") is not None for name in names), _DONE_TIMEOUT)
    lost = [name for name in names if trial.mark(name, "done") is None]
    complaints = (f"{len(lost)} of {len(names)} tasks were lost with the broker",) if lost else ()
    summary = f"all {len(names)} tasks were done, over a restart of {', '.join(broker.name for broker in brokers)}"
    command = ("restart", *(broker.name for broker in brokers))
    return judged(BROKER, complaints, Evidence(summary=summary, command=command, seconds=time.monotonic() - begun))
