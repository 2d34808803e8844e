"""A worker of the example: stopped by the book it loses nothing, stopped cold it loses what it had begun."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from careen.app.plan_request import PlanRequest
from careen.app.planning import plan_stack
from careen.app.session import Session, Surroundings
from careen.blobs.digest import Digest
from careen.oci.layout import Layout, LayoutWriter
from careen.oci.media_types import LAYER
from careen.plan.target import BackingService, Plan
from careen.platforms import Platform
from careen.prove.checks import memory
from careen.prove.evidence import ProofReport, Verdict
from careen.prove.in_flight import chaos, tasks
from careen.prove.stack import references
from fakes.images import Item, tar
from fakes.tiny_images import SITE, TinyStack
from real.conftest import ShelfImages
from real.prove.conftest import Prove

pytestmark = [pytest.mark.real, pytest.mark.network]

ProveWorker = Callable[..., ProofReport]

_RABBIT = "amqp://shelf:sesame@rabbit:5672//"


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
    def run(
        *arguments: str,
        files: Sequence[Item] = (),
        backing: Sequence[BackingService] = (),
        settings: Mapping[str, object] = {},
        **environment: str,
    ) -> ProofReport:
        worker = shelf_plan.service("worker-default")
        changed = replace(worker, run_environment=(*worker.run_environment, *environment.items()))
        layout = shelf_images.layout
        if arguments or files:
            name = references(shelf_plan, Layout.open(layout))[worker.name]
            layout = altered(layout, name, arguments, files, tmp_path / "changed")
        plan = replace(shelf_plan, services=(changed,), backing=(*shelf_plan.backing, *backing))
        return prove(made=TinyStack(plan, layout), in_flight=True, grace=20.0, start_timeout=60.0, **settings)

    return run


def altered(layout: Path, service: str, arguments: Sequence[str], files: Sequence[Item], into: Path) -> Path:
    """The image of a service, with more arguments than it was shipped with, and a layer more when there are files."""
    shutil.copytree(layout, into, copy_function=os.link)
    images = Layout.open(into)
    manifest = images.manifest(images.image(service))
    config = json.loads(images.blob_path(manifest.config.digest).read_bytes())
    run = config["config"]
    run["Entrypoint"] = [*run["Entrypoint"], *(run.pop("Cmd", None) or []), *arguments]
    with LayoutWriter(into) as writer:
        layers = manifest.layers
        if files:
            data = tar(files)
            config["rootfs"]["diff_ids"].append(str(Digest.of(data)))
            config.pop("history", None)
            layers = (*layers, writer.put(LAYER, data))
        put = writer.put(manifest.config.media_type, json.dumps(config).encode())
        changed = replace(manifest, config=put, layers=layers)
        writer.finish({service: writer.put(manifest.media_type, changed.render())}, keep_others=True)
    return into


@pytest.fixture(scope="session")
def green_pools(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Item]:
    """The distributions of two pools that the example does not have, as files of an image."""
    into = tmp_path_factory.mktemp("pools")
    beside = Path(sys.executable).with_name("uv")
    uv = beside if beside.exists() else shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not on this machine")
    words = (uv, "pip", "install", "--quiet", "--python-version", "3.11", "--target", into, "gevent", "eventlet")
    subprocess.run(words, check=True)
    paths = sorted(path for path in into.rglob("*") if path.is_file() and path.suffix != ".lock")
    return [Item(f"{SITE}/{path.relative_to(into)}".lstrip("/"), data=path.read_bytes()) for path in paths]


@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_other_pools_lose_nothing_either(pool: str, prove_worker: ProveWorker) -> None:
    proof = prove_worker("--pool", pool).service("worker-default")
    told = {check: (proof.result(check).verdict, proof.result(check).evidence.summary) for check in tasks.CHECKS}
    assert {check: verdict for check, (verdict, _) in told.items()} == dict.fromkeys(tasks.CHECKS, Verdict.PASS), told


@pytest.mark.parametrize("pool", ["gevent", "eventlet"])
def test_green_pools_lose_nothing_either(pool: str, prove_worker: ProveWorker, green_pools: Sequence[Item]) -> None:
    proof = prove_worker("--pool", pool, files=green_pools).service("worker-default")
    told = {check: (proof.result(check).verdict, proof.result(check).evidence.summary) for check in tasks.CHECKS}
    assert {check: verdict for check, (verdict, _) in told.items()} == dict.fromkeys(tasks.CHECKS, Verdict.PASS), told


@pytest.fixture
def rabbit() -> BackingService:
    if not Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists():
        pytest.skip("rabbitmq-server is not on this machine (apt-get install rabbitmq-server)")
    access = (("RABBITMQ_DEFAULT_USER", "shelf"), ("RABBITMQ_DEFAULT_PASS", "sesame"))
    return BackingService(name="rabbit", image="rabbitmq:3", container_ports=(5672,), environment=access)


def test_a_worker_with_rabbitmq_loses_nothing(prove_worker: ProveWorker, rabbit: BackingService) -> None:
    report = prove_worker(backing=[rabbit], settings={"chaos": True}, CELERY_BROKER_URL=_RABBIT)
    proof = report.service("worker-default")
    checks = (*tasks.CHECKS, *chaos.CHECKS)
    told = {check: (proof.result(check).verdict, proof.result(check).evidence.summary) for check in checks}
    assert {check: verdict for check, (verdict, _) in told.items()} == dict.fromkeys(checks, Verdict.PASS), told
    assert "rabbit" in told[chaos.BROKER][1]


def test_a_task_that_takes_more_memory_than_there_is_is_seen(prove_worker: ProveWorker) -> None:
    greedy = (
        "from celery import signals\n\n\n"
        "@signals.task_prerun.connect(weak=False)\n"
        "def take(**_):\n"
        "    bytearray(10**9)\n"
    )
    files = [Item("app/src/greedy.py", data=greedy.encode())]
    proof = prove_worker("--include", "careen_heartbeat,greedy", files=files).service("worker-default")
    assert memory.SLUG in [result.check for result in proof.failed]
    assert "the kernel killed" in proof.result(memory.SLUG).evidence.summary


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
