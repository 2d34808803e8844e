"""A proof, and what was seen, in one sentence, for every kind of report."""

from careen.prove.evidence import Evidence, ProofReport, Verdict


def summary(report: ProofReport) -> str:
    results = [*report.stack, *(result for service in report.services for result in service.checks)]
    counts = {verdict: sum(1 for result in results if result.verdict is verdict) for verdict in Verdict}
    word = "proven" if report.passed else "not proven"
    return (
        f"{word}: {counts[Verdict.PASS]} checks passed, {counts[Verdict.FAIL]} failed, "
        f"{counts[Verdict.SKIPPED]} skipped, with {report.runner}"
    )


def told(evidence: Evidence) -> str:
    """In a line of its own, with what helps."""
    return "; ".join((evidence.summary, *(f"hint: {hint}" for hint in evidence.hints)))
