"""A worker of the example: stopped by the book it loses nothing, stopped cold it loses what it had begun."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from careen.app.plan_request import PlanRequest
from careen.app.planning import plan_stack
from careen.app.session import Session, Surroundings
from careen.oci.layout import Layout, LayoutWriter
from careen.plan.target import Plan
from careen.platforms import Platform
from careen.prove.evidence import ProofReport, Verdict
from careen.prove.in_flight import chaos, tasks
from careen.prove.stack import references
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
def prove_worker(prove: Prove, shelf_plan: Plan, shelf_images: ShelfImages, tmp_path: Path) -> ProveWorker:
    def run(*arguments: str, settings: Mapping[str, object] = {}, **environment: str) -> ProofReport:
        worker = shelf_plan.service("worker-default")
        changed = replace(worker, run_environment=(*worker.run_environment, *environment.items()))
        layout = shelf_images.layout
        if arguments:
            name = references(shelf_plan, Layout.open(layout))[worker.name]
            layout = with_arguments(layout, name, arguments, tmp_path / "changed")
        made = TinyStack(replace(shelf_plan, services=(changed,)), layout)
        return prove(made=made, in_flight=True, grace=20.0, start_timeout=60.0, **settings)

    return run


def with_arguments(layout: Path, service: str, arguments: tuple[str, ...], into: Path) -> Path:
    """The image of a service, with more arguments than it was shipped with."""
    shutil.copytree(layout, into, copy_function=os.link)
    images = Layout.open(into)
    manifest = images.manifest(images.image(service))
    config = json.loads(images.blob_path(manifest.config.digest).read_bytes())
    run = config["config"]
    run["Entrypoint"] = [*run["Entrypoint"], *(run.pop("Cmd", None) or []), *arguments]
    with LayoutWriter(into) as writer:
        put = writer.put(manifest.config.media_type, json.dumps(config).encode())
        changed = replace(manifest, config=put)
        writer.finish({service: writer.put(manifest.media_type, changed.render())}, keep_others=True)
    return into


@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_other_pools_lose_nothing_either(pool: str, prove_worker: ProveWorker) -> None:
    proof = prove_worker("--pool", pool).service("worker-default")
    told = {check: (proof.result(check).verdict, proof.result(check).evidence.summary) for check in tasks.CHECKS}
    assert {check: verdict for check, (verdict, _) in told.items()} == dict.fromkeys(tasks.CHECKS, Verdict.PASS), told


def test_a_worker_loses_nothing(prove_worker: ProveWorker) -> None:
    proof = prove_worker().service("worker-default")
    assert {check: proof.result(check).verdict for check in tasks.CHECKS} == dict.fromkeys(tasks.CHECKS, Verdict.PASS)
    assert proof.failed == ()


def test_chaos_loses_nothing(prove_worker: ProveWorker) -> None:
    proof = prove_worker(settings={"chaos": True}).service("worker-default")
    told = {check: (proof.result(check).verdict, proof.result(check).evidence.summary) for check in chaos.CHECKS}
    assert {check: verdict for check, (verdict, _) in told.items()} == dict.fromkeys(chaos.CHECKS, Verdict.PASS), told


def test_tasks_that_are_killed_are_seen(prove_worker: ProveWorker) -> None:
    proof = prove_worker(REMAP_SIGTERM="SIGQUIT").service("worker-default")  # Celery's cold shutdown
    assert [result.check for result in proof.failed] == [tasks.TASK_IN_FLIGHT]
    assert "broken off and are lost" in proof.result(tasks.TASK_IN_FLIGHT).evidence.summary
