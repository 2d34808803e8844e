"""When a worker is told to stop, and what is made of what it then did."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from careen.prove.evidence import Verdict
from careen.prove.in_flight.tasks import WorkerTrial, stop_during_task, stop_twice_during_task
from careen.prove.instruments import Instruments
from careen.prove.sender import Sender
from fakes.tiny_images import Tiny, service_plan
from fakes.workers import ForgetfulWorker

_QUEUE = {"name": "default"}


@pytest.fixture
def instruments(tmp_path: Path) -> Instruments:
    return Instruments(tmp_path / "proof")


@pytest.fixture
def worker(instruments: Instruments) -> Iterator[ForgetfulWorker]:
    running = ForgetfulWorker("worker", instruments.marks, instruments.mailbox, places=2)
    yield running
    running.remove()


@pytest.fixture
def trial(instruments: Instruments, worker: ForgetfulWorker) -> WorkerTrial:
    sender = Sender(worker, instruments.mailbox)
    description = {"queues": [_QUEUE], "concurrency": 2}
    return WorkerTrial(service_plan(Tiny(name="worker")), instruments, sender, 0.0, 3.0, description)


def test_a_worker_is_told_to_stop_only_when_it_knows_what_it_has_begun(
    trial: WorkerTrial, worker: ForgetfulWorker
) -> None:
    result = stop_during_task(trial, worker)
    assert result.verdict is Verdict.PASS, result.evidence.summary
    assert result.evidence.summary.startswith("2 tasks in flight were finished, 3 not yet begun")
    assert trial.left == ("worker-early-2", "worker-early-3", "worker-early-4")


def test_so_it_is_with_an_impatient_orchestrator(trial: WorkerTrial, worker: ForgetfulWorker) -> None:
    result = stop_twice_during_task(trial, worker)
    assert result.verdict is Verdict.PASS, result.evidence.summary
    assert result.evidence.summary.startswith("the task in flight was finished")
