"""Two proofs side by side."""

import pytest

from careen.prove.comparison import compare
from careen.prove.evidence import CheckResult, Contract, Evidence, ProofReport, ServiceProof, Verdict


def proof(contract: Contract, **verdicts: Verdict) -> ProofReport:
    checks = tuple(CheckResult(name, verdict, Evidence(summary="")) for name, verdict in verdicts.items())
    return ProofReport(runner="runc", services=(ServiceProof(name="api", checks=checks, contract=contract),), stack=())


def test_checks_stand_side_by_side() -> None:
    now = proof(Contract(), user=Verdict.PASS, health=Verdict.PASS)
    before = proof(Contract(), user=Verdict.FAIL, stops=Verdict.PASS)
    (compared,) = compare(now, before)
    assert [(both.check, both.now, both.before) for both in compared.checks] == [
        ("user", Verdict.PASS, Verdict.FAIL),
        ("health", Verdict.PASS, None),
        ("stops", None, Verdict.PASS),
    ]
    assert compared.contract.verdict is Verdict.SKIPPED


@pytest.mark.parametrize(
    ("now", "verdict", "says"),
    [
        (
            Contract(openapi='{\n "a": 1\n}', tasks=("x", "y")),
            Verdict.PASS,
            "2 registered tasks and the OpenAPI document",
        ),
        (Contract(openapi='{\n "a": 2\n}', tasks=("x", "y")), Verdict.FAIL, "its OpenAPI document is another one"),
        (
            Contract(openapi='{\n "a": 1\n}', tasks=("x", "z")),
            Verdict.FAIL,
            "no longer registered: y; newly registered: z",
        ),
        (Contract(), Verdict.FAIL, "no longer registered: x, y"),
    ],
)
def test_what_is_offered_must_be_the_same(now: Contract, verdict: Verdict, says: str) -> None:
    (compared,) = compare(proof(now), proof(Contract(openapi='{\n "a": 1\n}', tasks=("x", "y"))))
    assert compared.contract.verdict is verdict
    assert says in compared.contract.evidence.summary


def test_what_has_changed_is_shown() -> None:
    (compared,) = compare(proof(Contract(openapi="a\nb")), proof(Contract(openapi="a\nc")))
    assert "-c\n+b" in compared.contract.evidence.output


def test_what_could_not_be_asked_is_no_difference() -> None:
    (compared,) = compare(proof(Contract(tasks=("x",))), proof(Contract()))
    assert compared.contract.verdict is Verdict.SKIPPED
    (compared,) = compare(proof(Contract(openapi="{}")), proof(Contract(), starts=Verdict.FAIL))
    assert compared.contract.verdict is Verdict.SKIPPED
    assert compared.contract.evidence.summary == "it did not start as it was"
