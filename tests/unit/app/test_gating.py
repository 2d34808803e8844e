import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from careen.app.gating import GateRequest, GateResult, UnknownRevisionError, gate
from careen.app.plan_request import PlanRequest
from careen.findings import Severity
from careen.platforms import Platform
from careen.process.run import find_program
from careen.report.gate_json import gate_document
from careen.report.gate_text import gate_github, gate_markdown, gate_text
from fakes.cases import stand_up
from fakes.index import FakeIndex, serve
from fakes.sessions import fake_session

CASE = Path(__file__).parents[2] / "cases" / "plan" / "two-services"


@pytest.fixture
def index() -> Iterator[FakeIndex]:
    with serve(FakeIndex()) as served:
        yield served


@pytest.fixture
def project(index: FakeIndex, tmp_path: Path) -> Path:
    return stand_up(CASE, tmp_path, index)


def judged(project: Path, index: FakeIndex, **asked: object) -> GateResult:
    session = fake_session(project.parent, index.address)
    request = GateRequest(plan=PlanRequest(root=project, platform=Platform.parse("linux/amd64")))
    try:
        return gate(session, replace(request, **asked))  # type: ignore[arg-type]
    finally:
        session.close()


def git(project: Path, *words: str) -> None:
    own = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run([find_program("git", package="git"), *own, *words], cwd=project, check=True, capture_output=True)


def test_a_service_over_the_budget_of_its_configuration_closes_the_gate(project: Path, index: FakeIndex) -> None:
    result = judged(project, index)

    worker = next(service for service in result.services if service.name == "worker")
    web = next(service for service in result.services if service.name == "web")
    assert not result.passes
    assert (worker.budget_bytes, worker.passes) == (4_000_000, False)
    assert web.passes
    assert "heavy 3.0: 5.00 MB, imported in src/shop/tasks.py:3" in gate_text(result)


def test_budgets_nobody_gave_are_those_of_the_roles(project: Path, index: FakeIndex) -> None:
    pyproject = project / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().partition("[tool.careen")[0])

    result = judged(project, index)

    assert result.passes
    assert all(service.budget_bytes >= 100_000_000 for service in result.services)


def test_the_change_of_the_lock_that_is_to_blame_is_named_with_its_line(project: Path, index: FakeIndex) -> None:
    lock = project / "uv.lock"
    now = lock.read_text()
    before = now.replace('name = "heavy"\nversion = "3.0"', 'name = "heavy"\nversion = "2.0"')
    index.files["heavy-2.0-py3-none-any.whl"] = index.files["webber-0.5-py3-none-any.whl"]
    lock.write_text(before)
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "before")
    lock.write_text(now)

    result = judged(project, index, against="HEAD")

    worker = next(service for service in result.services if service.name == "worker")
    [change] = worker.changes
    assert (change.name, change.before, change.after) == ("heavy", "2.0", "3.0")
    assert change.line is not None
    assert "".join(now.splitlines()[change.line - 1 : change.line + 1]).endswith('name = "heavy"') or (
        now.splitlines()[change.line - 1] == 'name = "heavy"'
    )
    assert f"uv.lock:{change.line}" in gate_text(result)
    assert next(service for service in result.services if service.name == "web").changes == ()
    assert gate_document(result)["against"] == "HEAD"


def test_a_revision_that_git_does_not_know_is_told(project: Path, index: FakeIndex) -> None:
    git(project, "init", "-q")

    with pytest.raises(UnknownRevisionError, match=r"no uv\.lock at 'v9'"):
        judged(project, index, against="v9")


def test_findings_close_the_gate_from_the_severity_that_was_named(project: Path, index: FakeIndex) -> None:
    pyproject = project / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().partition("[tool.careen")[0])

    assert judged(project, index).passes
    result = judged(project, index, fail_on=Severity.HIGH)

    assert not result.passes
    assert {finding.severity for finding in result.findings} == {Severity.HIGH}
    assert "::error file=Dockerfile,line=" in gate_github(result)
    assert "finding of severity high or more" in gate_markdown(result)


def test_a_platform_of_ci_marks_the_line_of_the_lock(project: Path, index: FakeIndex) -> None:
    told = gate_github(judged(project, index)).splitlines()

    assert told[0].startswith("::error file=uv.lock,line=1,title=careen gate::worker is over its budget: 5.")
    assert "heavy 3.0" in told[0]
    assert not any("web is over" in line for line in told)
