"""Every folder below ``tests/cases/rules/<rule>/`` is a case: input files, and in ``expected.txt`` what careen says.

``case.toml`` may have ``args`` (more of the command line) and ``create`` (files to make, with their sizes, that a
repository cannot or should not hold). ``CAREEN_ACCEPT=1 pytest tests/test_rule_cases.py`` rewrites expected.txt.
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from careen.app.scanning import ScanRequest, scan, split_names
from careen.cli.commands.scan import command
from careen.dockerfile.parser import parse
from careen.dockerfile.tree import render
from careen.findings import Topic
from careen.report import sarif, scan_github, scan_json, scan_markdown
from careen.rules.catalogue import RULES
from careen.text.source import Source
from careen.workspace.file_names import is_dockerfile_name

ROOT = Path(__file__).parent.parent
CASES = ROOT / "tests" / "cases" / "rules"
_OWN_FILES = frozenset({"expected.txt", "case.toml"})
_KEYS = frozenset({"args", "create"})


@dataclass(frozen=True)
class Case:
    rule: str
    folder: Path

    @property
    def name(self) -> str:
        return f"{self.rule}/{self.folder.name}"

    @property
    def settings(self) -> dict[str, object]:
        path = self.folder / "case.toml"
        return tomllib.loads(path.read_text()) if path.exists() else {}

    @property
    def expected(self) -> str:
        return (self.folder / "expected.txt").read_text()

    @property
    def is_hit(self) -> bool:
        return any(f"  {self.rule}{mark}" in self.expected for mark in (":", ","))

    def unpack(self, place: Path) -> None:
        shutil.copytree(
            self.folder, place, symlinks=True, ignore=lambda _, names: [name for name in names if name in _OWN_FILES]
        )
        sizes = self.settings.get("create", {})
        assert isinstance(sizes, dict)
        for name, size in sizes.items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"\0" * size)


def _cases() -> list[Case]:
    return [
        Case(rule.name, folder)
        for rule in sorted(path for path in CASES.iterdir() if path.is_dir())
        for folder in sorted(path for path in rule.iterdir() if path.is_dir())
    ]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in _cases()])
def test_case(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The terminal view is the expected one, JSON tells the same, and a second run tells it again."""
    root = tmp_path / "project"
    case.unpack(root)
    assert set(case.settings) <= _KEYS, "case.toml has a key that the harness does not know"
    arguments = case.settings.get("args", [])
    assert isinstance(arguments, list)

    def run(style: str) -> tuple[str, int]:
        status = command.main([str(root), "--format", style, "--quiet", *arguments], standalone_mode=False)
        return capsys.readouterr().out, status

    said, status = run("terminal")
    if os.environ.get("CAREEN_ACCEPT") and not os.environ.get("CI"):
        (case.folder / "expected.txt").write_text(said)
    assert said == case.expected
    document, json_status = run("json")
    findings = json.loads(document)["findings"]
    assert json_status == status
    assert (status == 1) == bool(findings)
    for finding in findings:
        assert finding["message"] in said
        assert (root / finding["path"]).exists()
    result = scan(ScanRequest(root=root, select=split_names(_values("--select", arguments))))
    assert scan_json.render(result) == document, "two runs differ"
    marked = scan_github.render(result, shown_root=PurePosixPath())
    tabled = scan_markdown.render(result)
    listed = json.loads(sarif.render(result, shown_root=PurePosixPath()))["runs"][0]["results"]
    for finding, entry in zip(findings, listed, strict=True):
        assert (entry["ruleId"], finding["rule"] in marked, finding["rule"] in tabled) == (finding["rule"], True, True)
        assert finding["message"].replace("%", "%25") in marked


def _values(option: str, arguments: list[str]) -> list[str]:
    return [value for name, value in itertools.pairwise(arguments) if name == option]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in _cases()])
def test_inputs_render_as_they_were_read(case: Case) -> None:
    for path in case.folder.rglob("*"):
        if path.is_file() and is_dockerfile_name(path.name):
            text = path.read_bytes().decode()
            assert render(parse(Source(PurePosixPath(path.name), text))) == text


@pytest.mark.parametrize("rule", [rule.slug for rule in RULES])
def test_every_rule_has_a_hit_and_a_near_miss(rule: str) -> None:
    hits = [case.is_hit for case in _cases() if case.rule == rule]
    assert any(hits), "no case shows the rule"
    assert not all(hits), "no case comes near and is right to stay silent"


def test_rules_modules_cases_and_pages_have_the_same_names() -> None:
    slugs = {rule.slug for rule in RULES}
    modules = {path.stem for path in (ROOT / "src" / "careen" / "rules" / "checks").glob("[a-z]*.py")}
    assert {slug.replace("-", "_") for slug in slugs} == modules
    assert slugs == {path.name for path in CASES.iterdir()}
    for folder in (ROOT / "docs" / "reference" / "rules", ROOT / "src" / "careen" / "rules" / "pages"):
        assert slugs == {path.stem for path in folder.glob("[a-z]*.md")} - {"index"}
    assert [rule.slug for rule in RULES] == sorted(slugs)


def test_every_topic_has_a_rule() -> None:
    assert {rule.topic for rule in RULES} == set(Topic)


def test_every_case_folder_says_what_it_expects() -> None:
    assert [case.name for case in _cases() if not (case.folder / "expected.txt").is_file()] == []


def test_what_rules_say_of_themselves_is_whole() -> None:
    for rule in RULES:
        assert rule.words.endswith((".", "`")), rule.slug
        assert not rule.summary.endswith("."), rule.slug
        assert len(rule.words) > 120, f"{rule.slug}: say why it costs and when it does not"


def test_pages_are_as_generated() -> None:
    found = subprocess.run(
        [sys.executable, ROOT / "tools" / "generate.py", "check"], capture_output=True, text=True, check=False
    )
    assert found.stdout == ""
    assert found.returncode == 0
