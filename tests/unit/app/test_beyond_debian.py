"""Projects that want a Python which Debian does not carry are planned upon its slim image, which nobody has fetched."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from careen.app.building import BuildRequest, build
from careen.app.plan_request import PlanRequest
from careen.app.planning import plan_stack
from careen.app.remembering import known_plan, plan_of
from careen.build.engine import BuildOptions
from careen.plan.obstacles import UnseenBaseError
from careen.plan.python_version import NoPythonError
from careen.plan.target import ImageBase, Plan
from careen.platforms import Platform
from careen.rewrite.bases import ForeignBaseError, foundation_for
from careen.rewrite.options import Runtime
from fakes.cases import stand_up
from fakes.index import FakeIndex, serve
from fakes.sessions import FakeSession, fake_session

CASE = Path(__file__).parents[2] / "cases" / "plan" / "two-services"


@pytest.fixture
def index() -> Iterator[FakeIndex]:
    with serve(FakeIndex()) as served:
        yield served


@pytest.fixture
def project(index: FakeIndex, tmp_path: Path) -> Path:
    return stand_up(CASE, tmp_path, index)


@pytest.fixture
def session(project: Path, index: FakeIndex) -> Iterator[FakeSession]:
    made = fake_session(project.parent, index.address)
    yield made
    made.close()


def wanting(project: Path, python: str, image: str = "python:3.12-slim") -> PlanRequest:
    for name in ("pyproject.toml", "uv.lock"):
        path = project / name
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(_with_python(line, python) for line in lines))
    dockerfile = project / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("python:3.11-slim", image))
    return PlanRequest(root=project, platform=Platform.parse("linux/amd64"))


def _with_python(line: str, python: str) -> str:
    return f'requires-python = "{python}"\n' if line.startswith("requires-python") else line


def base_of(plan: Plan) -> ImageBase:
    assert isinstance(plan.base, ImageBase)
    return plan.base


@pytest.mark.parametrize(
    ("python", "image", "label"),
    [
        (">=3.12,<3.13", "python:3.12-slim", "python:3.12-slim-bookworm"),
        (">=3.14", "debian:trixie", "python:3.14-slim-bookworm"),
        (">=3.9,<3.11", "debian:trixie", "python:3.9-slim-bookworm"),
        (">=3.9,<3.11", "python:3.10", "python:3.10-slim-bookworm"),
    ],
)
def test_the_slim_image_of_todays_python_or_of_the_oldest_that_is_allowed(
    python: str, image: str, label: str, project: Path, session: FakeSession
) -> None:
    plan = plan_stack(session, wanting(project, python, image)).plan

    assert base_of(plan).label == label
    assert all(service.predicted_bytes is not None for service in plan.services)
    assert any(f"planned upon {label}" in note for note in plan.notes)


def test_debians_python_is_taken_where_it_is_allowed(project: Path, session: FakeSession) -> None:
    assert plan_stack(session, wanting(project, ">=3.11")).plan.base.label in {"debian:bookworm", "debian:trixie"}


def test_what_no_python_satisfies_is_refused(project: Path, session: FakeSession) -> None:
    with pytest.raises(NoPythonError, match=r"^pyproject\.toml:\d+: .*>=3\.40"):
        plan_stack(session, wanting(project, ">=3.40"))


def test_such_a_plan_is_remembered_with_what_it_does_not_know(project: Path, session: FakeSession) -> None:
    request = wanting(project, ">=3.12,<3.13")
    first = plan_of(session, request)

    assert known_plan(session, request) == first


def test_nothing_is_built_upon_an_image_that_nobody_looked_at(
    project: Path, session: FakeSession, tmp_path: Path
) -> None:
    request = BuildRequest(
        plan=wanting(project, ">=3.12,<3.13"), output=tmp_path / "out", options=BuildOptions(bytecode=False)
    )
    with pytest.raises(UnseenBaseError) as caught:
        build(session, request)

    assert "python:3.12-slim-bookworm" in caught.value.message
    assert "--base" in caught.value.hints[0]
    assert not (tmp_path / "out").exists()


def test_a_set_up_is_written_upon_the_image_itself(project: Path, session: FakeSession) -> None:
    plan = plan_stack(session, wanting(project, ">=3.12,<3.13")).plan

    foundation = foundation_for(plan, Runtime.SLIM)

    assert foundation.run == foundation.build
    assert foundation.build.reference == "python:3.12-slim-bookworm"
    assert str(foundation.interpreter) == "/usr/local/bin/python3.12"
    with pytest.raises(ForeignBaseError, match=r"no distroless image with Python 3\.12"):
        foundation_for(plan, Runtime.DISTROLESS)
