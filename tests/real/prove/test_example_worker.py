"""A worker of the example: stopped by the book it loses nothing, stopped cold it loses what it had begun."""

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from careen.app.plan_request import PlanRequest
from careen.app.planning import plan_stack
from careen.app.session import Session, Surroundings
from careen.plan.target import Plan
from careen.platforms import Platform
from careen.prove.evidence import ProofReport, Verdict
from careen.prove.in_flight import tasks
from fakes.tiny_images import TinyStack
from real.conftest import ShelfImages
from real.prove.conftest import Prove

pytestmark = [pytest.mark.real, pytest.mark.network]

ProveWorker = Callable[..., ProofReport]


@pytest.fixture(scope="session")
def shelf_plan(shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    surroundings = Surroundings(
        cache=tmp_path_factory.mktemp("cache"), now=lambda: datetime.now(UTC), environment=os.environ
    )
    request = PlanRequest(root=shelf, platform=Platform.parse("linux/amd64"), fetch_wheels=True)
    with closing(Session(surroundings=surroundings)) as session:
        return plan_stack(session, request).plan


@pytest.fixture
def prove_worker(prove: Prove, shelf_plan: Plan, shelf_images: ShelfImages) -> ProveWorker:
    def run(**environment: str) -> ProofReport:
        worker = shelf_plan.service("worker-default")
        changed = replace(worker, run_environment=(*worker.run_environment, *environment.items()))
        made = TinyStack(replace(shelf_plan, services=(changed,)), shelf_images.layout)
        return prove(made=made, in_flight=True, grace=20.0, start_timeout=60.0)

    return run


def test_a_worker_loses_nothing(prove_worker: ProveWorker) -> None:
    proof = prove_worker().service("worker-default")
    assert {check: proof.result(check).verdict for check in tasks.CHECKS} == dict.fromkeys(tasks.CHECKS, Verdict.PASS)
    assert proof.failed == ()


def test_tasks_that_are_killed_are_seen(prove_worker: ProveWorker) -> None:
    proof = prove_worker(REMAP_SIGTERM="SIGQUIT").service("worker-default")  # Celery's cold shutdown
    assert [result.check for result in proof.failed] == [tasks.TASK_IN_FLIGHT]
    assert "broken off and are lost" in proof.result(tasks.TASK_IN_FLIGHT).evidence.summary
