"""Whatever the index does, the plan stands with what is known, and says what is not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from careen.app.plan_request import PlanRequest
from careen.app.planning import NothingToPlanError, Planned, plan_stack
from careen.platforms import Platform
from fakes.cases import stand_up
from fakes.index import FakeIndex, Ranges, serve
from fakes.sessions import fake_session

CASE = Path(__file__).parents[2] / "cases" / "plan" / "two-services"


@pytest.fixture
def index() -> Iterator[FakeIndex]:
    with serve(FakeIndex()) as served:
        yield served


def planned(project: Path, index: FakeIndex, *, offline: bool = False) -> Planned:
    session = fake_session(project.parent, index.address, offline=offline)
    try:
        return plan_stack(session, PlanRequest(root=project, platform=Platform.parse("linux/amd64")))
    finally:
        session.close()


@pytest.mark.parametrize("ranges", [Ranges.IGNORED, Ranges.REFUSED, Ranges.ENCODED])
def test_an_index_without_ranges_makes_no_difference(ranges: Ranges, index: FakeIndex, tmp_path: Path) -> None:
    truthful = planned(stand_up(CASE, tmp_path / "a", index), index)
    index.ranges = ranges
    project = stand_up(CASE, tmp_path / "b", index)

    found = planned(project, index)

    assert found.lasting
    assert found.plan.services == truthful.plan.services


@pytest.mark.parametrize("ranges", [Ranges.SHORT, Ranges.UNSAID, Ranges.WRONG_TOTAL])
def test_an_index_that_lies_is_named_and_everything_is_kept(ranges: Ranges, index: FakeIndex, tmp_path: Path) -> None:
    project = stand_up(CASE, tmp_path, index)
    index.ranges = ranges

    found = planned(project, index)

    assert not found.lasting
    assert any("does not answer ranges truthfully" in note for note in found.plan.notes)
    assert [service.name for service in found.plan.services] == ["web", "worker"]


def test_a_false_directory_and_a_wheel_that_is_gone_cost_themselves_alone(index: FakeIndex, tmp_path: Path) -> None:
    project = stand_up(CASE.parent / "index-with-faults", tmp_path, index)

    found = planned(project, index)

    sizes = {str(item.name): item.installed_bytes for service in found.plan.services for item in service.distributions}
    assert sizes["heavy"] is None
    assert sizes["uvicorn"] is not None
    assert any("heavy-3.0" in note and "breaks off" in note for note in found.plan.notes)
    assert any("webber-0.5" in note and "404" in note for note in found.plan.notes)


def test_offline_says_what_is_unknown(index: FakeIndex, tmp_path: Path) -> None:
    project = stand_up(CASE, tmp_path, index)
    planned(project, index)
    for place in (tmp_path / "cache/python/contents").rglob("*.json"):
        if '"heavy"' in place.read_text():
            place.unlink()

    found = planned(project, index, offline=True)

    sizes = {str(item.name): item.installed_bytes for service in found.plan.services for item in service.distributions}
    assert sizes["heavy"] is None
    assert sizes["celery"] is not None
    assert any("heavy-3.0" in note and "not been fetched before" in note for note in found.plan.notes)
    assert not found.lasting


def test_a_stack_without_any_python_project_is_told_as_that(index: FakeIndex, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text('FROM debian:bookworm\nCMD ["sleep", "9"]\n')
    (tmp_path / "compose.yaml").write_text("services: {web: {build: .}}\n")

    with pytest.raises(NothingToPlanError, match="no service that is built from a Python project"):
        planned(tmp_path, index)


def test_compose_files_that_were_not_read_are_named_where_nothing_says_what_starts(
    index: FakeIndex, tmp_path: Path
) -> None:
    project = stand_up(CASE, tmp_path, index)
    dockerfile = project / "Dockerfile"
    dockerfile.write_text("FROM python:3.11-slim\nCOPY . .\nRUN uv sync --frozen\n")
    (project / "docker-compose.yml").write_text("services: {web: {build: .}}\n")
    (project / "docker-compose.prod.yml").write_text("services: {web: {build: ., command: uvicorn shop.web:app}}\n")

    with pytest.raises(NothingToPlanError, match="no service of the stack says") as raised:
        planned(project, index)

    assert "docker-compose.prod.yml was not read, and may say it: --file docker-compose.prod.yml" in raised.value.hints
    assert not any(hint.startswith("docker-compose.yml was not read") for hint in raised.value.hints)
