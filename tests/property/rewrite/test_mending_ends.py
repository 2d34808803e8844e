"""Laws of local repairs, over every input that the rules and the rewriting have: each ends, and breaks nothing."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from careen.app.rewrite import Proposal, Written, read_for_mending, write
from careen.errors import CareenError
from careen.findings import Finding
from careen.rewrite.mending import patch_of
from careen.rewrite.unified import patch_text

CASES = Path(__file__).parents[2] / "cases"
INPUTS = [
    *sorted(case for rule in (CASES / "rules").iterdir() for case in rule.iterdir()),
    *sorted(case / "input" for case in (CASES / "rewrite").iterdir()),
]
MOST_ROUNDS = 4
"""A repair may have to wait for another of the same text, once."""


def name_of(folder: Path) -> str:
    return "/".join(folder.relative_to(CASES).parts[1:3])


@pytest.fixture(params=INPUTS, ids=name_of)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    place = tmp_path / "project"
    shutil.copytree(request.param, place, symlinks=True)
    return place


def read(project: Path) -> Proposal:
    try:
        return read_for_mending(project)
    except CareenError as problem:
        pytest.skip(f"nothing to read: {problem.message}")


def mended(proposal: Proposal) -> Proposal:
    assert proposal.mending is not None
    return replace(proposal, patch=patch_of(proposal.facts, proposal.mending))


def key(finding: Finding) -> tuple[str, str | None]:
    return finding.rule, finding.service


def test_repairs_come_to_an_end_and_keep_what_they_promise(project: Path) -> None:
    proposal = mended(read(project))
    unreadable = proposal.facts.workspace.unreadable
    rounds: list[Written] = []

    while proposal.patch.changes and len(rounds) < MOST_ROUNDS:
        rounds.append(write(proposal))  # raises when a finding is new
        proposal = mended(read(project))

    assert patch_text(proposal.patch.changes) == "", "a further run changes something"
    assert [key(finding) for written in rounds for finding in written.unkept] == []
    assert not list(project.rglob(".careen-aside-*"))
    assert proposal.facts.workspace.unreadable == unreadable
