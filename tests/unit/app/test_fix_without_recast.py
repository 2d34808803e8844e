"""A project that cannot be recast still gets its local repairs, and is told why there is no more."""

import os
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from careen.app.plan_request import PlanRequest
from careen.app.rewrite import NewFindingError, Proposal, propose_or_mend, read_for_mending, unkept_by, write
from careen.errors import CareenError
from careen.findings import FixKind, Topic
from careen.platforms import Platform
from careen.rewrite.mending import patch_of
from careen.rewrite.options import RewriteOptions
from careen.rewrite.patchset import FileChange, PatchSet
from fakes.cases import stand_up
from fakes.index import FakeIndex, serve
from fakes.sessions import fake_session

CASE = Path(__file__).parents[2] / "cases" / "plan" / "two-services"

DOCKERFILE = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.in .
RUN pip install -e .
COPY shop shop
CMD ["uvicorn", "shop.main:app"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Its lock is missing: nobody knows what its image holds."""
    root = tmp_path / "project"
    (root / "shop").mkdir(parents=True)
    (root / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1"\ndynamic = ["dependencies"]\n')
    (root / "requirements.in").write_text("")
    (root / "shop" / "main.py").write_text("app = None\n")
    (root / "Dockerfile").write_text(DOCKERFILE)
    return root


def proposed(root: Path) -> Proposal:
    session = fake_session(root.parent / "session", "http://index.example", offline=True)
    try:
        return propose_or_mend(
            session, PlanRequest(root=root, platform=Platform.parse("linux/amd64")), RewriteOptions()
        )
    finally:
        session.close()


def test_a_project_without_a_lock_is_mended(project: Path) -> None:
    proposal = proposed(project)

    assert proposal.problem is not None
    assert "no lock" in proposal.problem.message
    assert proposal.problem.hints == ("lock it: uv lock",)
    assert proposal.mending is not None
    assert {mend.path.name for mend in proposal.mending.mends} >= {"Dockerfile"}
    written = write(replace(proposal, patch=patch_of(proposal.facts, proposal.mending)))
    assert PurePosixPath("Dockerfile") in written.paths
    assert written.ended
    assert not written.unkept


def test_where_nothing_can_be_repaired_the_reason_is_the_error(project: Path) -> None:
    for _ in range(3):
        proposal = read_for_mending(project)
        assert proposal.mending is not None
        write(replace(proposal, patch=patch_of(proposal.facts, proposal.mending)))

    with pytest.raises(CareenError, match="no lock"):
        proposed(project)


def test_a_set_up_that_cannot_be_read_is_an_error(project: Path) -> None:
    (project / "pyproject.toml").write_text('[project]\nname = "shop"\n[tool.careen]\nbudgets = 3\n')

    with pytest.raises(CareenError, match="budgets"):
        proposed(project)


def test_a_promise_that_is_not_kept_is_told_and_the_rest_is_written(project: Path) -> None:
    read = read_for_mending(project)
    changed = DOCKERFILE.replace("RUN pip install -e .", "RUN pip install -e .\nUSER 10001")
    change = FileChange(
        path=PurePosixPath("Dockerfile"),
        before=DOCKERFILE,
        after=changed,
        disposition=FixKind.REVIEW,
        topics=(Topic.RUNS_AS_ROOT, Topic.MISSING_HEALTHCHECK),
    )

    written = write(replace(read, patch=PatchSet(changes=(change,))))

    assert {finding.topic for finding in written.unkept} == {Topic.MISSING_HEALTHCHECK}
    assert Topic.RUNS_AS_ROOT in {finding.topic for finding in written.ended}
    assert (project / "Dockerfile").read_text() == changed


def test_a_promise_that_would_not_be_kept_is_foreseen_without_writing(project: Path) -> None:
    read = read_for_mending(project)
    change = FileChange(
        path=PurePosixPath("Dockerfile"),
        before=DOCKERFILE,
        after=DOCKERFILE + "USER 10001\n",
        disposition=FixKind.REVIEW,
        topics=(Topic.RUNS_AS_ROOT, Topic.MISSING_HEALTHCHECK),
    )

    foreseen = unkept_by(replace(read, patch=PatchSet(changes=(change,))))

    assert {finding.topic for finding in foreseen} == {Topic.MISSING_HEALTHCHECK}
    assert (project / "Dockerfile").read_text() == DOCKERFILE


def test_files_that_a_patch_brings_and_takes_away_are_judged_as_if_they_lay_there(project: Path) -> None:
    (project / "old.Dockerfile").write_text(DOCKERFILE)
    (project / "compose.yaml").write_text("services: {web: {build: {context: ., dockerfile: old.Dockerfile}}}\n")
    compose = (project / "compose.yaml").read_text()
    read = read_for_mending(project)
    kept = {"disposition": FixKind.REVIEW, "topics": (Topic.RUNS_AS_ROOT,)}
    changes = [
        FileChange(path=PurePosixPath("old.Dockerfile"), before=DOCKERFILE, after=None, **kept),  # type: ignore[arg-type]
        FileChange(
            path=PurePosixPath("deploy/Dockerfile"),
            before=None,
            after=DOCKERFILE + "USER 10001\n",
            **kept,  # type: ignore[arg-type]
        ),
    ]
    aside = FileChange(
        path=PurePosixPath("compose.yaml"),
        before=compose,
        after=compose.replace("old.Dockerfile", "deploy/Dockerfile"),
        **kept,  # type: ignore[arg-type]
    )

    assert unkept_by(replace(read, patch=PatchSet(changes=(*changes, aside)))) == ()
    (left,) = unkept_by(replace(read, patch=PatchSet(changes=(changes[1],))))
    assert left.topic is Topic.RUNS_AS_ROOT


def test_a_change_that_brings_a_finding_is_taken_back(project: Path) -> None:
    (project / "Dockerfile").write_text(DOCKERFILE + "USER 10001\n")
    read = read_for_mending(project)
    change = FileChange(
        path=PurePosixPath("Dockerfile"),
        before=DOCKERFILE + "USER 10001\n",
        after=DOCKERFILE,
        disposition=FixKind.REVIEW,
    )

    with pytest.raises(NewFindingError, match="runs-as-root would be new"):
        write(replace(read, patch=PatchSet(changes=(change,))))

    assert (project / "Dockerfile").read_text() == DOCKERFILE + "USER 10001\n"


UV = """#!/bin/sh
case "$1" in
--version) echo "uv 0.13.8" ;;
*) echo "error: git.example cannot be reached" >&2; exit 2 ;;
esac
"""


def test_where_uv_cannot_lock_groups_images_install_pinned_lists(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "uv"
    program.parent.mkdir()
    program.write_text(UV)
    program.chmod(0o755)
    with serve(FakeIndex()) as index:
        root = stand_up(CASE, tmp_path, index)
        session = fake_session(tmp_path, index.address, environment={"PATH": f"{program.parent}:{os.defpath}"})
        try:
            patch = propose_or_mend(
                session, PlanRequest(root=root, platform=Platform.parse("linux/amd64")), RewriteOptions(accept=True)
            ).patch
        finally:
            session.close()

    paths = {str(change.path) for change in patch.changes}
    assert {"Dockerfile", "docker/careen/web.txt", "docker/careen/worker.txt"} <= paths
    assert not {"pyproject.toml", "uv.lock"} & paths
    assert any("git.example" in note and "pinned lists instead" in note for note in patch.notes)


def test_advice_that_a_change_brings_is_told_and_does_not_stop_it(project: Path) -> None:
    before = DOCKERFILE.replace("python:3.11-slim", "python:3.11-alpine")
    (project / "Dockerfile").write_text(before)
    change = FileChange(path=PurePosixPath("Dockerfile"), before=before, after=DOCKERFILE, disposition=FixKind.REVIEW)

    written = write(replace(read_for_mending(project), patch=PatchSet(changes=(change,))))

    assert [finding.topic for finding in written.brought] == [Topic.OVERSIZED_BASE]
    assert (project / "Dockerfile").read_text() == DOCKERFILE
