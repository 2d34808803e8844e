from dataclasses import replace
from pathlib import PurePosixPath

from careen.app.gating import Change, GateResult, ServiceGate, _changes
from careen.findings import Severity
from careen.plan.target import ServicePlan
from careen.report.plan_gate import gate_document, gate_markdown, gate_text
from fakes.locks import package, project, uvlock
from fakes.plans import distribution
from fakes.stacks import service as service_of

CHANGE = Change(
    name="torch", before=None, after="2.5", bytes=600_000_000, reason="imported in shelf/rank.py:3", line=1204
)
OVER = ServiceGate(
    name="api",
    bytes=675_000_000,
    budget_bytes=500_000_000,
    bytes_before=75_000_000,
    heaviest=(replace(distribution("torch"), installed_bytes=600_000_000),),
    changes=(CHANGE,),
)
FINE = replace(OVER, name="flower", bytes=45_000_000, bytes_before=45_000_000, changes=())
RESULT = GateResult(
    stack="shelf",
    measured="predicted",
    against="main",
    lock=PurePosixPath("uv.lock"),
    services=(OVER, FINE),
    findings=(),
    fail_on=Severity.HIGH,
    notes=(),
)


def test_a_broken_budget_closes_the_gate_and_names_the_package_and_its_line() -> None:
    assert not RESULT.passes
    assert OVER.guilty == CHANGE
    assert gate_text(RESULT).splitlines() == [
        "over  api        675 MB of 500 MB (predicted, +600 MB)",
        "        torch 2.5 is new, +600 MB, imported in shelf/rank.py:3 (uv.lock:1204)",
        "ok    flower    45.0 MB of 500 MB (predicted)",
        "",
        "over budget: api",
    ]


def test_without_another_revision_the_heaviest_is_named() -> None:
    alone = replace(RESULT, services=(replace(OVER, changes=(), bytes_before=None),))

    assert "        torch 1.0: 600 MB, imported" in gate_text(alone)


def test_a_size_that_nobody_knows_does_not_close_the_gate_and_is_not_called_a_pass() -> None:
    unknown = replace(RESULT, services=(replace(FINE, bytes=None),))

    assert unknown.passes
    assert gate_text(unknown).startswith("?     flower  size unknown of 500 MB")


def test_the_comment_has_a_row_a_service_and_the_guilty_below() -> None:
    text = gate_markdown(RESULT)

    assert text.startswith("### careen: over budget: api\n")
    assert "| ❌ | api | 675 MB | 500 MB | +600 MB |" in text
    assert "| ✅ | flower | 45.0 MB | 500 MB | ±0 |" in text
    assert "- torch 2.5 is new, +600 MB" in text


def test_the_document_is_for_machines() -> None:
    document = gate_document(RESULT)

    assert (document["schema"], document["passes"]) == ("careen.gate/1", False)
    services = document["services"]
    assert isinstance(services, list)
    assert services[0]["changes"][0]["line"] == 1204


def service(*distributions: tuple[str, str, int]) -> ServicePlan:
    items = tuple(replace(distribution(name, version), installed_bytes=size) for name, version, size in distributions)
    return service_of("api", items)


def test_changes_are_what_the_lock_gives_and_takes_the_heaviest_growth_first() -> None:
    lock = uvlock(project() + package("a", "2.0") + package("c"))

    found = _changes(
        service(("a", "1.0", 10), ("b", "1.0", 50), ("d", "1.0", 5)),
        service(("a", "2.0", 30), ("c", "1.0", 70), ("d", "1.0", 5)),
        lock,
    )

    assert [(c.name, c.before, c.after, c.bytes, c.line) for c in found] == [
        ("c", None, "1.0", 70, 19),
        ("a", "1.0", "2.0", 20, 11),
        ("b", "1.0", None, -50, None),
    ]
