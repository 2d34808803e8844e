from dataclasses import replace
from pathlib import PurePosixPath

from careen.app.gating import Change, GateResult, ServiceGate, _changes
from careen.findings import Severity
from careen.plan.target import PlannedDistribution, ServicePlan
from careen.report.gate_json import gate_document
from careen.report.gate_text import gate_markdown, gate_text
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


def brought(name: str, by: str, count: int) -> Change:
    return replace(CHANGE, name=name, bytes=count, reason=f"required by {by}", brought_by=by)


def test_what_a_new_distribution_brings_along_counts_against_it() -> None:
    light = replace(CHANGE, name="scikit-learn", bytes=20_000_000, line=7)
    changes = (brought("scipy", "scikit-learn", 96_000_000), light, brought("libs", "scipy", 5_000_000), CHANGE)
    over = replace(OVER, changes=changes)

    lines = gate_text(replace(RESULT, services=(over,))).splitlines()

    assert over.guilty == CHANGE
    assert replace(over, changes=changes[:3]).guilty == light
    assert lines[2] == (
        "        scikit-learn 2.5 is new, +121 MB with scipy (+96.0 MB), libs (+5.00 MB), "
        "imported in shelf/rank.py:3 (uv.lock:7)"
    )


def test_changes_that_bring_each_other_end() -> None:
    circle = replace(OVER, changes=(brought("a", "b", 2), brought("b", "a", 1)))

    assert sum(cause.bytes for cause in circle.causes) == 3


def test_of_a_service_that_was_over_before_the_heaviest_is_told_too() -> None:
    before = replace(
        OVER, bytes_before=520_000_000, heaviest=(replace(distribution("old"), installed_bytes=90_000_000),)
    )

    text = gate_text(replace(RESULT, services=(before,)))

    assert "        with the lock of main it is 520 MB already:\n        old 1.0: 90.0 MB, imported" in text
    assert "already" not in gate_text(RESULT)


def test_only_what_is_new_and_asked_for_by_changes_alone_is_brought_by_them() -> None:
    def with_reasons(name: str, *reasons: str) -> PlannedDistribution:
        return replace(distribution(name), installed_bytes=1, reasons=reasons)

    before = service_of("api", (with_reasons("old", "imported in a.py:1"),))
    after = service_of(
        "api",
        (
            with_reasons("old", "imported in a.py:1"),
            with_reasons("new", "imported in a.py:2"),
            with_reasons("below", "required by new[fast]"),
            with_reasons("both", "required by new", "required by old"),
            with_reasons("also", "required by new", "imported in a.py:3"),
        ),
    )

    found = {change.name: change.brought_by for change in _changes(before, after, uvlock(project()))}

    assert found == {"new": None, "below": "new", "both": None, "also": None}
