"""A module may change and its plan be given again, as long as nothing of it changed that planning goes by."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

import pytest

from careen.app.plan_request import PlanRequest
from careen.app.remembering import plan_of
from careen.app.source_facts import Taken, TakenBy, still_holds, taken_document
from careen.blobs.digest import Digest
from careen.plan.source_hints import read_hints
from careen.plan.target import Contribution, Plan
from careen.platforms import Platform
from careen.python.contents import likely_bytecode
from careen.python.modules import read_module
from careen.workspace.files import ProjectFiles
from fakes.cases import stand_up
from fakes.index import FakeIndex, serve
from fakes.sessions import FakeSession, fake_session
from fakes.stacks import write_stack

CASE = Path(__file__).parents[2] / "cases" / "plan" / "two-services"
DOCKERFILE = (
    "FROM python:3.11-slim\nWORKDIR /app\nRUN pip install uv\nCOPY . .\nRUN uv sync --frozen\nRUN chown -R 7 /app\n"
)
WEB = """\
import webber

app = webber.Server()


def total(numbers):
    return sum(numbers)
"""
TASKS = """\
from celery import Celery

import heavy

app = Celery("shop", broker="redis://broker")
LIMIT = 10
# task_time_limit = 30


@app.task
def double(number):
    return 2 * number
"""


@dataclass
class Place:
    folder: Path
    index: FakeIndex
    project: Path

    def plan(self) -> tuple[Plan, int]:
        """And how many steps planning told of: none when the plan was remembered."""
        steps: list[object] = []
        made = fake_session(self.folder, self.index.address)
        at = datetime.now(UTC) + timedelta(seconds=10)
        session = FakeSession(surroundings=replace(made.surroundings, now=lambda: at), progress=steps.append)
        try:
            return plan_of(session, PlanRequest(root=self.project, platform=Platform.parse("linux/amd64"))), len(steps)
        finally:
            session.close()

    def forget(self) -> None:
        shutil.rmtree(self.folder / "cache" / "store" / "answers" / "plans")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with serve(FakeIndex()) as index:
        project = stand_up(CASE, tmp_path, index)
        (project / "Dockerfile").write_text(DOCKERFILE)
        (project / "src/shop/web.py").write_text(WEB)
        (project / "src/shop/tasks.py").write_text(TASKS)
        place = Place(tmp_path, index, project)
        place.plan()
        yield place


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("web.py", "return sum(numbers)", "return max(numbers) + 1"),
        ("web.py", "return sum(numbers)", "return sum(numbers)  # all of them, whatever they are"),
        ("web.py", "def total(numbers):\n    return sum(numbers)\n", ""),
        ("tasks.py", "return 2 * number", "return number + number"),
        ("tasks.py", "LIMIT = 10", "LIMIT = 1_000_000"),
        ("tasks.py", "double(number)", "twice(number)"),
    ],
)
def test_what_planning_does_not_go_by_may_change(path: str, before: str, after: str, place: Place) -> None:
    file = place.project / "src/shop" / path
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))

    plan, steps = place.plan()
    assert steps == 0

    place.forget()
    anew, steps = place.plan()
    assert steps > 0
    assert plan == anew


def test_sizes_are_those_of_the_files_as_they_are_now(place: Place) -> None:
    before, _ = place.plan()
    file = place.project / "src/shop/web.py"
    file.write_text(file.read_text() + "#" * 999 + "\n")

    plan, steps = place.plan()
    assert steps == 0
    for service, was in zip(plan.services, before.services, strict=True):
        own = 1000 if service.name == "web" else 0
        assert (service.predicted_bytes or 0) - (was.predicted_bytes or 0) == own
        assert (service.current_predicted_bytes or 0) - (
            was.current_predicted_bytes or 0
        ) == 2000  # the copy, and chown
    assert plan.service("web").application != before.service("web").application


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("web.py", "import webber\n", "import webber, heavy\n"),
        ("web.py", "import webber\n", "\nimport webber\n"),  # a reason has its line
        ("web.py", "import webber\n", "try:\n    import webber\nexcept ImportError: pass\n"),
        ("web.py", "return sum(numbers)", "import heavy"),
        ("web.py", "return sum(numbers)", "return 'shop.tasks'"),
        ("web.py", "return sum(numbers)", "return 'templates'"),
        ("web.py", "return sum(numbers)", "return __file__"),
        ("web.py", "return sum(numbers)", "return f(numbers, 'postgresql+asyncpg://database')"),
        ("web.py", "return sum(numbers)", "return run(['alembic'])"),
        ("web.py", "return sum(numbers)", "return import_module(f'shop.{numbers}')"),
        ("web.py", "return sum(numbers)", "return walk_packages(numbers.__path__)"),
        ("web.py", "return sum(numbers)", "return numbers.autodiscover_tasks()"),
        ("web.py", "def total", "@app.get('/healthz')\ndef total"),
        ("web.py", "return sum(numbers)", "return numbers.mkdir()"),
        ("web.py", "return sum(numbers)", "return sum(numbers)  # PYTHON_VERSION"),
        ("web.py", "return sum(numbers)", "return sum(numbers)  # by kafka://"),
        ("web.py", "return sum(numbers)", "return sum(numbers)  # until SIGTERM"),
        ("web.py", "return sum(numbers)", 'return sum(numbers)  # as "kombu.transport.redis" does'),
        ("web.py", "return sum(numbers)", "return sum(numbers"),
        ("tasks.py", "task_time_limit = 30", "task_time_limit = 300"),
        ("tasks.py", "redis://broker", "amqp://broker"),
        ("tasks.py", "import heavy", "heavy = None"),
    ],
)
def test_whatever_planning_goes_by_is_planned_anew(path: str, before: str, after: str, place: Place) -> None:
    file = place.project / "src/shop" / path
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))

    assert place.plan()[1] > 0


def test_a_module_that_writes_is_planned_anew_whatever_changes(place: Place) -> None:
    file = place.project / "src/shop/web.py"
    file.write_text(WEB.replace("return sum(numbers)", "return numbers.mkdir()"))
    place.plan()
    file.write_text(file.read_text() + "# the end\n")

    assert place.plan()[1] > 0


@pytest.mark.parametrize("data", [b"\xff = 1\n", None])
def test_a_module_that_cannot_be_read_any_more_is_planned_anew(data: bytes | None, place: Place) -> None:
    file = place.project / "src/shop/web.py"
    if data is None:
        file.unlink()
    else:
        file.write_bytes(data)

    assert place.plan()[1] > 0


def test_a_second_change_is_held_against_the_plan_as_it_was_made(place: Place) -> None:
    file = place.project / "src/shop/web.py"
    file.write_text(WEB.replace("sum", "max"))
    assert place.plan()[1] == 0
    file.write_text(WEB.replace("sum", "min") + "# the end\n")
    assert place.plan()[1] == 0
    file.write_text(WEB)
    assert place.plan()[1] == 0


def test_a_source_that_is_read_in_another_way_too_counts_as_seen(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1\n")
    path = PurePosixPath("a.py")
    files = ProjectFiles(tmp_path)
    for _ in range(2):
        assert files.source_or_none(path) == "a = 1\n"
    assert (dict(files.seen), files.sources) == ({}, {path: Digest.of(b"a = 1\n")})
    files.read(path)
    assert (files.seen, dict(files.sources)) == ({path: Digest.of(b"a = 1\n")}, {})
    files.source_or_none(path)
    assert (files.seen, dict(files.sources)) == ({path: Digest.of(b"a = 1\n")}, {})


def test_bytecode_weighs_what_the_modules_weigh_now(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    root, path = stack.sources.root, PurePosixPath("src/own/main.py")
    text = "import crate\n"
    services = tuple(
        replace(
            service,
            application=(replace(service.application[0], bytes=len(text)),),
            predicted_bytes=10_000,
            predicted_bytecode_bytes=4_000,
            current_predicted_bytes=50_000,
            current_contributions=(
                Contribution(what="base", line=1, bytes=None),
                Contribution(what="copy", line=2, bytes=20_000),
            ),
        )
        for service in stack.plan.services
    )
    plan = replace(stack.plan, services=services)
    taken = Taken(
        folder=PurePosixPath(),
        services=tuple(
            TakenBy(service.name, {"own.main": path}, True, read_hints({"own.main": text}), ({}, {str(path): 3}))
            for service in services
        ),
        readings={(path, "own.main"): read_module(text, "own.main", is_package=False)},
    )
    document = taken_document(taken, plan, root, {path: Digest.of(text.encode())})
    assert still_holds(document, plan, root) == plan

    longer = text + "x = 1\n" * 500
    (root / path).write_text(longer)
    now = still_holds(document, plan, root)
    assert now is not None
    more = len(longer) - len(text)
    bytecode = likely_bytecode([len(longer)]) - likely_bytecode([len(text)])
    for service in now.services:
        assert service.application[0].bytes == len(longer)
        assert service.predicted_bytecode_bytes == 4_000 + bytecode
        assert service.predicted_bytes == 10_000 + more + bytecode
        assert service.current_predicted_bytes == 50_000 + 3 * more
        assert [item.bytes for item in service.current_contributions] == [None, 20_000 + 3 * more]
