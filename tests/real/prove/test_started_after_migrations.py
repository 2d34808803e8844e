"""A service whose start script waits for its database and migrates it: its image does the same without a shell."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from careen.plan.target import BackingService, Limits
from careen.progress import unheard
from careen.prove.backing import Backing
from careen.prove.launch import Launch, as_shipped
from careen.prove.layers import LayerFolder
from careen.prove.processes import command_line
from careen.prove.rootfs import unpack_images
from careen.prove.runner import Container, Ground
from careen.prove.runners.runc import RuncRunner
from careen.prove.runs import RunFolder
from fakes.tiny_images import Tiny, TinyStack, service_plan, stack
from real.conftest import run_careen

pytestmark = [pytest.mark.real, pytest.mark.network]

ADDRESS = "postgresql+psycopg://shop:secret@db:5432/shop"
DATABASE = {"POSTGRES_USER": "shop", "POSTGRES_PASSWORD": "secret", "POSTGRES_DB": "shop"}
PROJECT = {
    "pyproject.toml": """[project]
name = "shop"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["fastapi", "uvicorn", "alembic", "sqlalchemy", "psycopg[binary]"]
""",
    "start.sh": """#!/bin/sh
set -e
until nc -z db 5432; do sleep 0.2; done
alembic upgrade head && uvicorn shop.main:app --host 0.0.0.0 --port 8000
""",
    "Dockerfile": """FROM python:3.11-slim
WORKDIR /app
RUN pip install uv && apt-get update && apt-get install -y netcat-openbsd
COPY . .
RUN uv sync --frozen
ENV PATH=/app/.venv/bin:$PATH
CMD ["./start.sh"]
""",
    "compose.yaml": f"""services:
  db:
    image: postgres:16
    environment: {json.dumps(DATABASE)}
  web:
    build: .
    environment: {{DATABASE_URL: "{ADDRESS}"}}
    ports: ["8000:8000"]
    depends_on: [db]
""",
    "alembic.ini": "[alembic]\nscript_location = shop/migrations\n",
    "shop/__init__.py": "",
    "shop/main.py": """import os

from fastapi import FastAPI
from sqlalchemy import create_engine, text

app = FastAPI()
engine = create_engine(os.environ["DATABASE_URL"])


@app.get("/health")
def health() -> dict[str, int]:
    with engine.connect() as connection:
        return {"books": connection.execute(text("select count(*) from books")).scalar_one()}
""",
    "shop/migrations/script.py.mako": "",
    "shop/migrations/env.py": """import os

from alembic import context
from sqlalchemy import create_engine

with create_engine(os.environ["DATABASE_URL"]).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
""",
    "shop/migrations/versions/one.py": """import sqlalchemy as sa
from alembic import op

revision = "one"
down_revision = None


def upgrade() -> None:
    op.create_table("books", sa.Column("name", sa.Text, primary_key=True))
""",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("runc", path="/usr/sbin:/usr/bin:/sbin") is None or os.geteuid() != 0:
        pytest.skip("runc, and root, are not on this machine (apt-get install runc)")
    if not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        pytest.skip("PostgreSQL is not on this machine (apt-get install postgresql)")
    folder = tmp_path_factory.mktemp("shop") / "shop"
    for name, text in PROJECT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run([uv, "lock", "--quiet"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the project cannot be locked: {done.stderr[-400:]}")
    done = run_careen("build", folder, "--output", folder.parent / "images", "--quiet")
    assert done.returncode == 0, done.stderr
    return folder


def test_the_stack_is_proven_and_the_table_is_there(project: Path) -> None:
    done = run_careen("prove", project, "--images", project.parent / "images", "--runner", "runc", "--format", "json")
    assert done.returncode == 0, done.stderr + done.stdout
    (service,) = json.loads(done.stdout)["services"]
    checks = {check["check"]: check for check in service["checks"]}
    assert {check["verdict"] for check in checks.values()} == {"pass"}
    assert "-m uvicorn shop.main:app" in json.dumps(checks["process-one"]), "the start program is gone"
    assert {"health", "stops", "request-in-flight"} <= checks.keys(), "health reads the table that the migration makes"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    folder = RunFolder.open(tmp_path / "state")
    yield folder
    folder.close()


@pytest.fixture
def ground(run: RunFolder, project: Path) -> Iterator[Ground]:
    laid = RuncRunner().ground(run, ("web", "db"))
    yield laid
    laid.close()


@pytest.fixture
def launch(run: RunFolder, project: Path, tmp_path: Path) -> Launch:
    made: TinyStack = stack(tmp_path / "unused", Tiny())
    images = unpack_images(
        project.parent / "images",
        ("shop_web",),
        made.plan.platform,
        run.folder / "images",
        LayerFolder(tmp_path / "layers"),
        unheard,
    )
    service = replace(
        service_plan(Tiny()),
        run_environment=(("DATABASE_URL", ADDRESS),),
        limits=Limits(memory_bytes=384_000_000, cpus=1.0),
    )
    return as_shipped(service, images["shop_web"])


def until(told: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + 60
    while not told():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.1)
    return True


def words(container: Container) -> tuple[str, ...]:
    pid = container.process()
    return command_line(pid) if pid is not None else ()


def test_it_waits_for_its_database_and_then_is_the_service(run: RunFolder, ground: Ground, launch: Launch) -> None:
    check = launch.image.config.run.healthcheck
    assert check is not None
    container = ground.start(launch)
    try:
        assert until(lambda: "waiting for db:5432" in container.heard().text)
        assert "/opt/careen/start.py" in words(container)
        assert not container.execute(check.test[1:], 10).succeeded

        database = BackingService(
            name="db", image="postgres:16", container_ports=(5432,), environment=tuple(DATABASE.items())
        )
        backing = Backing(database, ground, run)
        try:
            assert until(lambda: container.execute(check.test[1:], 10).succeeded), container.heard().text
            assert words(container)[1:4] == ("-m", "uvicorn", "shop.main:app")
            container.signal(signal.SIGTERM)
            assert container.wait(20) == 0
        finally:
            backing.close()
    finally:
        container.remove()


def test_it_stops_at_once_while_it_waits(ground: Ground, launch: Launch) -> None:
    container = ground.start(launch)
    try:
        assert until(lambda: "waiting for db:5432" in container.heard().text)
        container.signal(signal.SIGTERM)
        assert container.wait(10) == 128 + signal.SIGTERM
    finally:
        container.remove()
