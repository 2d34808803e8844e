"""A proof in the forms that other programs and pages take."""

import io
import json
from xml.etree import ElementTree as ET

from rich.console import Console

from careen.prove.evidence import CheckResult, Evidence, ProofReport, ServiceProof, Verdict
from careen.report.prove_json import prove_document
from careen.report.prove_junit import prove_junit
from careen.report.prove_markdown import prove_markdown
from careen.report.prove_terminal import show_proof
from careen.report.verdicts import told

_EVIDENCE = Evidence(
    summary="a | b\x00", command=("signal", "SIGTERM"), output="last\x1bwords", seconds=1.25, hints=("say | it",)
)
_REPORT = ProofReport(
    runner="runc",
    services=(
        ServiceProof(
            name="web",
            checks=(
                CheckResult("starts", Verdict.PASS, Evidence(summary="healthy", seconds=0.5)),
                CheckResult("stops", Verdict.FAIL, _EVIDENCE),
                CheckResult("memory", Verdict.SKIPPED, Evidence(summary="nobody counts")),
            ),
        ),
    ),
    stack=(CheckResult("smoke", Verdict.PASS, Evidence(summary="ok")),),
)


def test_junit_counts_and_shows_what_failed() -> None:
    root = ET.fromstring(prove_junit(_REPORT))  # noqa: S314 - our own
    assert root.attrib == {"name": "careen prove", "tests": "4", "failures": "1", "skipped": "1"}
    web, stack = root.findall("testsuite")
    assert (web.get("name"), web.get("tests"), stack.get("name")) == ("web", "3", "stack")
    starts, stops, memory = web.findall("testcase")
    assert starts.get("time") == "0.500"
    failure = stops.find("failure")
    assert failure is not None
    assert failure.get("message") == "a | b\ufffd"
    assert failure.text == "a | b\ufffd\nhint: say | it\n$ signal SIGTERM\nlast\ufffdwords"
    skipped = memory.find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "nobody counts"


def test_a_reproducible_junit_holds_nothing_that_was_measured() -> None:
    text = prove_junit(_REPORT, reproducible=True)
    assert "time=" not in text
    assert "healthy" not in text
    assert "words" not in text


def test_markdown_keeps_its_tables_whole() -> None:
    lines = prove_markdown(_REPORT).splitlines()
    assert lines[0] == "## Proof"
    assert "not proven" in lines[2]
    assert "| stops | **fail** | a \\| b\x00 |" in lines
    assert "    $ signal SIGTERM" in lines
    assert "Hint: say \\| it" in lines
    assert "### The stack together" in lines


def test_json_holds_the_hints() -> None:
    assert '"hints": ["say | it"]' in json.dumps(prove_document(_REPORT))
    assert "hints" not in json.dumps(prove_document(_REPORT, reproducible=True))


def test_a_terminal_shows_the_hints() -> None:
    console = Console(file=io.StringIO(), width=80)
    show_proof(console, _REPORT)
    assert isinstance(console.file, io.StringIO)
    assert "hint: say | it" in console.file.getvalue()


def test_one_line_tells_what_was_seen_and_what_helps() -> None:
    assert told(Evidence(summary="seen", hints=("do this", "or that"))) == "seen; hint: do this; hint: or that"
