"""A proof in one sentence, for every kind of report."""

from careen.prove.evidence import ProofReport, Verdict


def summary(report: ProofReport) -> str:
    results = [*report.stack, *(result for service in report.services for result in service.checks)]
    counts = {verdict: sum(1 for result in results if result.verdict is verdict) for verdict in Verdict}
    word = "proven" if report.passed else "not proven"
    return (
        f"{word}: {counts[Verdict.PASS]} checks passed, {counts[Verdict.FAIL]} failed, "
        f"{counts[Verdict.SKIPPED]} skipped, with {report.runner}"
    )
