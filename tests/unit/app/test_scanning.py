"""The verb scan: what is told, what is silenced, and what bad input does to the rest."""

import json
import os
from pathlib import Path, PurePosixPath

import pytest

from careen.app.baseline import InvalidBaselineError, baseline_of, read_baseline, write_baseline
from careen.app.scanning import ScanRequest, ScanResult, UnknownRuleError, scan
from careen.cli.commands.scan import command
from careen.report import sarif, scan_json, scan_terminal
from careen.text.source import Source

ROOTED = 'FROM python:3.12-slim\nCMD ["python", "-m", "shop"]\n'


def project(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def rules(result: ScanResult) -> set[str]:
    return {finding.rule for finding in result.findings}


def scanned(root: Path, *, select: tuple[str, ...] = (), ignore: tuple[str, ...] = ()) -> ScanResult:
    return scan(ScanRequest(root=root, select=select, ignore=ignore))


def test_a_remark_with_a_reason_silences_the_next_line(tmp_path: Path) -> None:
    project(tmp_path, {"Dockerfile": f"# careen: ignore[runs-as-root] rootless podman only\n{ROOTED}"})
    result = scanned(tmp_path)
    assert "runs-as-root" not in rules(result)
    assert [(each.finding.rule, each.reason) for each in result.silenced] == [("runs-as-root", "rootless podman only")]


@pytest.mark.parametrize("remark", ["# careen: ignore[runs-as-root]", "# careen: ignore because"])
def test_a_remark_without_reason_or_rule_silences_nothing_and_is_told(tmp_path: Path, remark: str) -> None:
    project(tmp_path, {"Dockerfile": f"{remark}\n{ROOTED}"})
    result = scanned(tmp_path)
    assert "runs-as-root" in rules(result)
    assert [(str(item.path), item.line) for item in result.unreadable] == [("Dockerfile", 1)]


def test_a_remark_of_an_unknown_rule_is_told(tmp_path: Path) -> None:
    project(tmp_path, {"Dockerfile": f"# careen: ignore[no-such-thing] reason\n{ROOTED}"})
    assert [item.message for item in scanned(tmp_path).unreadable] == ["no such rule: no-such-thing"]


def test_a_trailing_remark_in_compose_speaks_of_its_own_line(tmp_path: Path) -> None:
    remark = "# careen: ignore[no-resource-limits] the cluster sets them"
    compose = f"services:\n  web:  {remark}\n    build: .\n  other:\n    build: .\n"
    project(tmp_path, {"Dockerfile": ROOTED, "compose.yaml": compose})
    told = [finding.service for finding in scanned(tmp_path).findings if finding.rule == "no-resource-limits"]
    assert told == ["other"]


def test_configuration_ignores_a_rule_for_a_reason(tmp_path: Path) -> None:
    project(tmp_path, {"Dockerfile": ROOTED, "careen.toml": 'ignore = { runs-as-root = "a sandbox" }\n'})
    assert "runs-as-root" not in rules(scanned(tmp_path))


def test_select_and_ignore_take_rules_and_topics(tmp_path: Path) -> None:
    project(tmp_path, {"Dockerfile": ROOTED})
    assert rules(scanned(tmp_path, select=("runs-as-root",))) == {"runs-as-root"}
    assert "runs-as-root" not in rules(scanned(tmp_path, ignore=("runs-as-root",)))
    with pytest.raises(UnknownRuleError) as caught:
        scanned(tmp_path, select=("runs-as-rot",))
    assert caught.value.hints == ("did you mean `runs-as-root`?",)


def test_a_baseline_tells_only_what_is_new_wherever_lines_move(tmp_path: Path) -> None:
    project(tmp_path, {"Dockerfile": ROOTED})
    first = scanned(tmp_path)
    written = write_baseline(baseline_of(first.findings, first.text))
    known = read_baseline(Source(PurePosixPath("known.json"), written))
    project(tmp_path, {"Dockerfile": f"# a line more\n\n{ROOTED}USER root\n"})
    second = scan(ScanRequest(root=tmp_path, baseline=known))
    assert rules(second) == {"runs-as-root"}  # USER root is a new place
    assert all(each.from_baseline for each in second.silenced)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"schema": "careen.baseline/2"}', '{"schema": "careen.baseline/1", "findings": [1]}']
)
def test_what_is_no_baseline_is_refused(text: str) -> None:
    with pytest.raises(InvalidBaselineError):
        read_baseline(Source(PurePosixPath("known.json"), text))


@pytest.mark.parametrize("limit", ["low", "medium", "high"])
def test_findings_at_the_limit_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str], limit: str) -> None:
    project(tmp_path, {"Dockerfile": ROOTED})
    assert command.main([str(tmp_path), "--fail-on", limit], standalone_mode=False) == 1
    capsys.readouterr()


def test_findings_below_the_limit_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project(tmp_path, {"Dockerfile": ROOTED})
    arguments = [str(tmp_path), "--fail-on", "high", "--ignore", "runs-as-root"]
    assert command.main(arguments, standalone_mode=False) == 0
    capsys.readouterr()


def test_json_names_no_absolute_path_and_is_the_same_twice(tmp_path: Path) -> None:
    project(tmp_path, {"Dockerfile": ROOTED, "compose.yaml": "services:\n  web:\n    build: .\n"})
    document = scan_json.render(scanned(tmp_path))
    assert str(tmp_path) not in document
    assert document == scan_json.render(scanned(tmp_path))
    keys = ["rule", "topic", "severity", "confidence", "service", "path", "line", "end_line", "message", "bytes", "fix"]
    assert all(list(finding) == keys for finding in json.loads(document)["findings"])


def test_sarif_points_every_result_at_its_rule_and_file(tmp_path: Path) -> None:
    text = f"# careen: ignore[runs-as-root] reason\n{ROOTED}"
    project(tmp_path, {"Dockerfile": text, "broken.Dockerfile": "FROM\n"})
    run = json.loads(sarif.render(scanned(tmp_path), shown_root=PurePosixPath("a b")))["runs"][0]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] in {"a%20b/Dockerfile", "a%20b/broken.Dockerfile"}
        assert 1 <= place["region"]["startLine"] <= place["region"]["endLine"]
    suppressed = [result for result in run["results"] if "suppressions" in result]
    assert [result["ruleId"] for result in suppressed] == ["runs-as-root"]
    assert run["invocations"][0]["toolExecutionNotifications"]


BAD: dict[str, dict[str, str | bytes]] = {
    "binary": {"bad.Dockerfile": bytes(range(256)) * 40},
    "not utf-8": {"bad.Dockerfile": b"FROM python:3.12\nLABEL a=\xff\xfe\n"},
    "huge": {"bad.Dockerfile": b"RUN true\n" * 1_200_000},
    "no from": {"bad.Dockerfile": "RUN true\n"},
    "cyclic extends": {"compose.yaml": "services:\n  a:\n    build: .\n    extends: b\n  b:\n    extends: a\n"},
    "cyclic include": {"compose.yaml": "include: [compose.yaml]\nservices:\n  a:\n    build: .\n"},
    "outside the tree": {"compose.yaml": "services:\n  a:\n    build: ../../elsewhere\n  b:\n    build: .\n"},
    "alias bomb": {
        "compose.yaml": "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(12))
        + "services:\n  a:\n    build: .\n    command: *m\n"
    },
}


@pytest.mark.parametrize("files", [pytest.param(files, id=name) for name, files in BAD.items()])
def test_bad_input_is_told_and_the_rest_is_still_judged(tmp_path: Path, files: dict[str, str | bytes]) -> None:
    project(tmp_path, {"Dockerfile": ROOTED, **files})
    result = scanned(tmp_path)
    assert "runs-as-root" in rules(result)
    if "bad.Dockerfile" in files:
        assert {str(item.path) for item in result.unreadable} == {"bad.Dockerfile"}


def test_links_in_circles_and_pipes_end_nothing(tmp_path: Path) -> None:
    project(tmp_path, {"Dockerfile": f"{ROOTED}COPY . .\n"})
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "up").symlink_to(tmp_path)
    (tmp_path / "Dockerfile.loop").symlink_to(tmp_path / "Dockerfile.loop")
    os.mkfifo(tmp_path / "Dockerfile.pipe")
    assert "runs-as-root" in rules(scanned(tmp_path))


def test_stages_that_stand_on_each_other_are_told(tmp_path: Path) -> None:
    project(tmp_path, {"Dockerfile": ROOTED, "circle.Dockerfile": "FROM b AS a\nCOPY --from=b / /\nFROM a AS b\n"})
    assert "runs-as-root" in rules(scanned(tmp_path))


@pytest.mark.parametrize("discovers", [True, False])
def test_nothing_is_said_of_what_a_large_project_finds_by_itself(tmp_path: Path, discovers: bool) -> None:
    """More modules than are parsed in a scan: what ``autodiscover_tasks`` brings is then not known."""
    search = "app.autodiscover_tasks()\n" if discovers else ""
    project(
        tmp_path,
        {
            "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\ndependencies = ["celery", "fastapi"]\n',
            "Dockerfile": "FROM python:3.12-slim\nCOPY . .\nRUN pip install -r requirements.txt\n",
            "compose.yaml": "services:\n  web:\n    build: .\n    command: uvicorn shop.web:app\n"
            "  worker:\n    build: .\n    command: celery -A shop.queue worker\n",
            "shop/__init__.py": "",
            "shop/web.py": "import fastapi\n\napp = fastapi.FastAPI()\n",
            "shop/queue.py": f"import celery\n\napp = celery.Celery()\n{search}",
            **{f"shop/part_{number}.py": "VALUE = 1\n" for number in range(200)},
        },
    )
    told = [finding.service for finding in scanned(tmp_path, select=("unneeded-dependencies",)).findings]
    assert told == ([] if discovers else ["web", "worker"])


def test_the_last_line_tells_what_a_baseline_knows_apart_from_what_has_a_reason(tmp_path: Path) -> None:
    project(tmp_path, {"Dockerfile": f"# careen: ignore[runs-as-root] rootless podman only\n{ROOTED}"})
    first = scanned(tmp_path)
    known = baseline_of(first.findings, lambda path: (tmp_path / path).read_text())

    again = scan(ScanRequest(root=tmp_path, baseline=known))

    assert again.findings == ()
    told = scan_terminal.summary(again)[-1]
    assert f"; 1 silenced with a reason; {len(first.findings)} known from the baseline" in told
