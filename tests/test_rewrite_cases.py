"""Every folder of ``tests/cases/rewrite`` is a project and the patch that careen makes of it.

    <case>/input/            the project as it was
    <case>/case.toml         what each service's plan holds, and the options; or `mend = true` for local repairs
    <case>/expected.patch    the patch, without the support files that are the same for everybody
    <case>/expected.txt      refusals and notes, one a line; absent when there are none

Each case is applied, read and judged again, and rewritten a second time. With ``ACCEPT=1`` in the environment the
expected files are written instead of compared.
"""

import os
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from careen.findings import Finding
from careen.rewrite.apply import apply_changes
from careen.rewrite.carried import is_rendered
from careen.rewrite.mending import mending_of, patch_of
from careen.rewrite.options import RewriteOptions, Runtime
from careen.rewrite.patchset import PatchSet
from careen.rewrite.stack import rewrite_stack
from careen.rewrite.unified import patch_text
from careen.rules.catalogue import RULES
from careen.workspace.discover import discover
from careen.workspace.facts import StackFacts, derive
from fakes.plans import PlanWords, ServiceWords, plan_for

CASES = Path(__file__).parent / "cases" / "rewrite"
MOST_ROUNDS = 2
LONGEST_DOCKERFILE = 50
KNOWN_KEYS = {"release", "root", "runtime", "accept", "services", "mend"}


def _words(case: Path) -> tuple[PlanWords, RewriteOptions]:
    document = tomllib.loads((case / "case.toml").read_text())
    assert document.keys() <= KNOWN_KEYS
    services = {name: _service(table) for name, table in document["services"].items()}
    words = PlanWords(
        services=services,
        release=document.get("release", "bookworm"),
        root=PurePosixPath(document.get("root", ".")),
    )
    runtime = Runtime(document["runtime"]) if "runtime" in document else None
    return words, RewriteOptions(runtime=runtime, uv_version="0.13.8", accept=document.get("accept", False))


def _service(table: dict[str, list[str]]) -> ServiceWords:
    assert table.keys() <= {"files", "distributions", "system-packages", "alpine-packages"}
    return ServiceWords(
        files=tuple(table["files"]),
        distributions=tuple(table["distributions"]),
        system_packages=tuple(table.get("system-packages", ())),
        alpine_packages=tuple(table.get("alpine-packages", ())),
    )


def _read(root: Path) -> StackFacts:
    return derive(discover(root))


def _judge(facts: StackFacts) -> list[Finding]:
    return [finding for rule in RULES for finding in rule.findings(facts)]


def _without_support(patch: PatchSet) -> str:
    return patch_text(change for change in patch.changes if not _is_support(change.path))


def _is_support(path: PurePosixPath) -> bool:
    return "careen" in path.parts and path.suffix == ".py"


def _told(patch: PatchSet) -> str:
    refusals = [f"{'refused' if refusal.stops else 'left'}: {refusal}" for refusal in patch.refusals]
    return "".join(f"{line}\n" for line in [*refusals, *(f"note: {note}" for note in patch.notes)])


def _rewriting(case: Path) -> Callable[[StackFacts], PatchSet]:
    """What is to be done with a case's files, told by its case.toml."""
    if tomllib.loads((case / "case.toml").read_text()).get("mend"):
        return lambda facts: patch_of(facts, mending_of(facts, _judge(facts)))
    words, options = _words(case)
    return lambda facts: rewrite_stack(plan_for(facts, words), facts, options)


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_rewriting(case: Path, tmp_path: Path) -> None:
    rewriting = _rewriting(case)
    project = tmp_path / "project"
    shutil.copytree(case / "input", project)
    facts = _read(project)
    before = _judge(facts)
    patch = rewriting(facts)
    _compare(case / "expected.patch", _without_support(patch))
    _compare(case / "expected.txt", _told(patch))
    if not patch.changes:
        assert patch.stopped
        return

    changed = apply_changes(project, patch.changes)

    assert set(changed) == {change.path for change in patch.changes}
    again = _read(project)
    after = _judge(again)
    promised = [finding for finding in after if finding.topic in patch.topics]
    assert promised == [], "the patch ends these, and they are still found"
    known = {(finding.rule, finding.service) for finding in before}
    assert [finding for finding in after if (finding.rule, finding.service) not in known] == []
    for _ in range(MOST_ROUNDS):
        # Two local repairs may touch the same text: then one waits for the next run, and says so.
        repeated = rewriting(again)
        if any("next run" in refusal.reason for refusal in patch.refusals):
            apply_changes(project, repeated.changes)
            again, patch = _read(project), repeated
    assert patch_text(rewriting(again).changes) == ""


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_a_dockerfile_for_one_service_fits_on_a_page(case: Path) -> None:
    """Blank lines and comments aside, as linters count."""
    if len(tomllib.loads((case / "case.toml").read_text()).get("services", {})) != 1:
        return
    for change in _rewriting(case)(_read(case / "input")).changes:
        if change.after is not None and is_rendered(change.after):
            lines = [line for line in change.after.splitlines() if line.strip() and not line.startswith("#")]
            assert len(lines) <= LONGEST_DOCKERFILE


def _compare(path: Path, text: str) -> None:
    if os.environ.get("ACCEPT"):
        path.write_bytes(text.encode()) if text else path.unlink(missing_ok=True)
    assert (path.read_bytes().decode() if path.exists() else "") == text


def test_every_case_has_its_files() -> None:
    for case in CASES.iterdir():
        assert {entry.name for entry in case.iterdir()} <= {"input", "case.toml", "expected.patch", "expected.txt"}
        assert (case / "input").is_dir()
