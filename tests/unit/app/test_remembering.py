import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from careen.app.plan_request import PlanRequest
from careen.app.remembering import plan_of
from careen.app.session import Session
from careen.plan.target import Plan
from careen.platforms import Platform
from fakes.cases import stand_up
from fakes.index import FakeIndex, Ranges, serve
from fakes.sessions import FakeSession, fake_session

CASE = Path(__file__).parents[2] / "cases" / "plan" / "two-services"


@dataclass
class Place:
    """A project whose plan was made once; ``phases`` are what a run does beyond remembering."""

    folder: Path
    index: FakeIndex
    project: Path
    first: Plan

    def again(
        self,
        *,
        offline: bool = False,
        after: timedelta = timedelta(),
        environment: Mapping[str, str] | None = None,
        **asked: Any,
    ) -> tuple[Plan, int]:
        """The plan, and how often planning told of a step: not once when it was remembered."""
        steps: list[object] = []
        made = fake_session(self.folder, self.index.address, offline=offline, environment=environment)
        at = datetime.now(UTC) + timedelta(seconds=10) + after
        session = FakeSession(surroundings=replace(made.surroundings, now=lambda: at), progress=steps.append)
        try:
            return plan_of(session, replace(request(self.project), **asked)), len(steps)
        finally:
            session.close()


def request(project: Path) -> PlanRequest:
    return PlanRequest(root=project, platform=Platform.parse("linux/amd64"))


def asked(session: Session, project: Path) -> Plan:
    try:
        return plan_of(session, request(project))
    finally:
        session.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with serve(FakeIndex()) as index:
        project = stand_up(CASE, tmp_path, index)
        first = asked(fake_session(tmp_path, index.address), project)
        yield Place(tmp_path, index, project, first)


def test_a_plan_is_given_again_as_it_was_without_planning(place: Place) -> None:
    place.index.asked.clear()

    plan, steps = place.again()

    assert plan == place.first
    assert steps == 0
    assert place.index.asked == []


def test_it_is_given_again_offline_too(place: Place) -> None:
    assert place.again(offline=True) == (place.first, 0)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("src/shop/web.py", "import webber\nimport heavy\n"),
        ("docker-compose.yml", None),
        ("Dockerfile", "FROM python:3.11-slim\nCOPY . .\n"),
        ("docs/new.md", "more to copy\n"),
        ("pyproject.toml", None),
        (".dockerignore", "src\n"),
    ],
)
def test_a_project_that_changed_is_planned_anew(path: str, text: str | None, place: Place) -> None:
    file = place.project / path
    file.parent.mkdir(exist_ok=True)
    file.write_text(text if text is not None else file.read_text() + "# changed\n")

    assert place.again()[1] > 0


def test_a_change_that_keeps_size_and_time_is_seen(place: Place) -> None:
    file = place.project / "src/shop/tasks.py"
    before = file.stat()
    file.write_text(file.read_text().replace("import heavy", "import HEAVY"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    plan, steps = place.again()

    assert steps > 0
    assert "heavy" not in [item.name for item in plan.service("worker").distributions]


@pytest.mark.parametrize(
    "asked",
    [{"without": ("heavy",)}, {"source_date_epoch": 1}, {"lock_text": "version = 1\n"}],
    ids=["without", "epoch", "lock"],
)
def test_another_question_has_its_own_answer(asked: dict[str, Any], place: Place) -> None:
    if "lock_text" in asked:
        asked = {"lock_text": (place.project / "uv.lock").read_text() + "\n# the same, and yet not\n"}

    assert place.again(**asked)[1] > 0
    assert place.again(**asked)[1] == 0
    assert place.again() == (place.first, 0)


def test_another_index_has_its_own_answer(place: Place) -> None:
    elsewhere = {"PIP_INDEX_URL": "https://other.example/simple"}

    assert place.again(environment=elsewhere)[1] > 0
    assert place.again(environment=elsewhere)[1] == 0
    assert place.again() == (place.first, 0)


def test_another_index_of_builds_for_the_processor_has_its_own_answer(place: Place) -> None:
    elsewhere = {"TORCH_CPU_INDEX": "https://other.example/cpu"}

    assert place.again(environment=elsewhere)[1] > 0
    assert place.again(environment=elsewhere)[1] == 0
    assert place.again() == (place.first, 0)


def test_variables_that_requirements_ask_for_are_part_of_the_question(tmp_path: Path) -> None:
    with serve(FakeIndex()) as index:
        project = stand_up(CASE.with_name("requirements-of-each-service"), tmp_path, index)
        base = project / "requirements" / "base.txt"
        host = index.address.removeprefix("http://")
        base.write_text(base.read_text().replace(host, "${INDEX_HOST}"))
        here = {"INDEX_HOST": host, "UNRELATED": "1"}
        first = asked(fake_session(tmp_path, index.address, environment=here), project)
        place = Place(tmp_path, index, project, first)

        assert place.again(environment={**here, "UNRELATED": "2"}) == (first, 0)
        assert place.again(environment={**here, "INDEX_HOST": f"user:secret@{host}"})[1] > 0
        kept = [path.read_text() for path in (tmp_path / "cache/store/answers/plans").iterdir()]
        assert not any("secret" in text for text in kept)


def test_the_mirror_is_asked_again_after_a_day(place: Place) -> None:
    assert place.again(after=timedelta(hours=20))[1] == 0
    assert place.again(after=timedelta(hours=30))[1] > 0


def test_what_an_index_had_newest_is_asked_for_again_after_a_day(tmp_path: Path) -> None:
    with serve(FakeIndex()) as index:
        project = stand_up(CASE.with_name("requirements-of-each-service"), tmp_path, index)
        worker = project / "requirements" / "worker.txt"
        lines = [line.partition(" --hash")[0] for line in worker.read_text().splitlines()]
        worker.write_text("".join(f"{line}\n" for line in lines if not line.startswith("brokers")))
        for path in project.glob("requirements/*.txt"):  # a list with hashes is complete, or fails
            path.write_text("".join(f"{line.partition(' --hash')[0]}\n" for line in path.read_text().splitlines()))
        environment = {"PATH": os.environ["PATH"], "PIP_INDEX_URL": f"{index.address}/simple"}
        first = asked(fake_session(tmp_path, index.address, environment=environment), project)
        place = Place(tmp_path, index, project, first)
        assert place.again(environment=environment) == (first, 0)
        [kept] = (tmp_path / "cache/store/answers/plans").iterdir()
        until = re.search(r'"until": ?([0-9.]+)', kept.read_text())
        assert until is not None
        kept.write_text(kept.read_text().replace(until[1], "1.5"))

        assert place.again(environment=environment)[1] > 0


def test_what_files_pin_is_believed_for_as_long_as_it_holds(place: Place) -> None:
    [kept] = (place.folder / "cache/store/answers/plans").iterdir()
    assert '"until"' not in kept.read_text()


def test_what_did_not_answer_is_asked_again(place: Place, tmp_path: Path) -> None:
    place.index.files.pop("webber-0.5-py3-none-any.whl")
    elsewhere = tmp_path / "elsewhere"
    asked(fake_session(elsewhere, place.index.address), place.project)
    other = replace(place, folder=elsewhere)

    assert other.again()[1] > 0


def test_a_damaged_memory_is_no_memory(place: Place) -> None:
    [kept] = (place.folder / "cache/store/answers/plans").iterdir()
    kept.write_text(kept.read_text().replace('"amd64"', '"vax"'))

    plan, steps = place.again()

    assert steps > 0
    assert plan == place.first


def test_another_mirror_is_another_question(place: Place) -> None:
    (place.folder / "apt").mkdir(exist_ok=True)
    (place.folder / "apt/sources.list.d").mkdir()
    (place.folder / "apt/sources.list.d/more.list").write_text("# nothing\n")

    assert place.again()[1] > 0


def test_ranges_do_not_matter_to_what_is_remembered(place: Place) -> None:
    place.index.ranges = Ranges.REFUSED

    assert place.again() == (place.first, 0)
