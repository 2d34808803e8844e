"""What the schema of SARIF 2.1.0 asks of the parts that careen writes."""

import json
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from careen.app.baseline import baseline_of
from careen.app.scanning import ScanRequest, scan
from careen.report import sarif

_KNOWN = {
    "log": {"$schema", "version", "runs"},
    "run": {"tool", "columnKind", "invocations", "results"},
    "result": {"ruleId", "ruleIndex", "level", "message", "locations", "properties", "suppressions"},
    "rule": {"id", "name", "shortDescription", "fullDescription", "help", "defaultConfiguration", "properties"},
    "region": {"startLine", "endLine", "startColumn", "endColumn"},
    "notification": {"level", "message", "locations"},
}
"""The schema allows no other properties than its own; these are the ones that careen uses."""
_LEVELS = {"none", "note", "warning", "error"}


@pytest.fixture
def log(tmp_path: Path) -> Any:
    (tmp_path / "bad.Dockerfile").write_text("FROM a\nCOPPY b c\n")
    (tmp_path / "an app").mkdir()
    (tmp_path / "an app" / "Dockerfile").write_text(
        "# careen: ignore[runs-as-root] the host maps it\nFROM python:3.11\nCOPY . /a\nRUN pip install flask\nCMD a b\n"
    )
    (tmp_path / "compose.yaml").write_text(
        "services:\n  a: {build: './an app'}\n  b: {build: {context: ., dockerfile: bad.Dockerfile}}\n"
    )
    first = scan(ScanRequest(root=tmp_path))
    known = baseline_of(first.findings[:1], first.text)
    result = scan(ScanRequest(root=tmp_path, baseline=known))
    return json.loads(sarif.render(result, shown_root=PurePosixPath("my code")))


def check_location(location: Any) -> None:
    assert set(location) == {"physicalLocation"}
    physical = location["physicalLocation"]
    assert set(physical) == {"artifactLocation", "region"}
    uri = physical["artifactLocation"]["uri"]
    assert " " not in uri
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")
    assert unquote(uri).startswith("my code/")
    region = physical["region"]
    assert set(region) <= _KNOWN["region"]
    assert 1 <= region["startLine"] <= region["endLine"]
    assert all(type(value) is int and value >= 1 for value in region.values())


def test_the_log_and_its_one_run(log: Any) -> None:
    assert set(log) == _KNOWN["log"]
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    assert set(run) == _KNOWN["run"]
    assert run["columnKind"] in {"utf16CodeUnits", "unicodeCodePoints"}
    assert run["tool"]["driver"]["name"] == "careen"


def test_every_rule_is_there_once_and_described(log: Any) -> None:
    rules = log["runs"][0]["tool"]["driver"]["rules"]

    assert rules
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        assert set(rule) == _KNOWN["rule"]
        for name in ("shortDescription", "fullDescription", "help"):
            assert rule[name]["text"].strip()
        assert rule["defaultConfiguration"]["level"] in _LEVELS
        assert len(set(rule["properties"]["tags"])) == len(rule["properties"]["tags"])


def test_every_result_names_its_rule_and_place(log: Any) -> None:
    run = log["runs"][0]

    assert len(run["results"]) > 3
    for result in run["results"]:
        assert set(result) <= _KNOWN["result"]
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in _LEVELS
        assert result["message"]["text"].strip()
        assert len(result["locations"]) == 1
        check_location(result["locations"][0])


def test_what_somebody_silenced_is_suppressed_where_it_was_silenced(log: Any) -> None:
    suppressions = [entry for result in log["runs"][0]["results"] for entry in result.get("suppressions", [])]

    assert {entry["kind"] for entry in suppressions} == {"inSource", "external"}
    assert all(set(entry) == {"kind", "justification"} for entry in suppressions)
    assert "the host maps it" in {entry["justification"] for entry in suppressions}


def test_what_could_not_be_read_is_a_notification(log: Any) -> None:
    [invocation] = log["runs"][0]["invocations"]

    assert set(invocation) == {"executionSuccessful", "toolExecutionNotifications"}
    notifications = invocation["toolExecutionNotifications"]
    assert any("COPPY" in entry["message"]["text"] for entry in notifications)
    for entry in notifications:
        assert set(entry) == _KNOWN["notification"]
        assert entry["level"] in _LEVELS
        check_location(entry["locations"][0])
