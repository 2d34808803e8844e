"""``careen.prove/1``: verdicts and evidence for machines.

{"schema": "careen.prove/1", "runner": "runc", "passed": true,
 "services": [{"name": "api", "peak_memory_bytes": 61000000, "start_seconds": 0.9,
   "checks": [{"check": "health", "verdict": "pass",
     "evidence": {"summary": "...", "command": ["..."], "output": "...", "seconds": 0.1, "hints": ["..."]}}]}],
 "stack": [{"check", "verdict", "evidence"}],
 "compared": [{"name": "api", "checks": [{"check": "user", "now": "pass", "before": "fail"}], "contract": {...}}]}

Times are part of the evidence, so two proofs differ in them; ``reproducible`` leaves them and what was measured out.
"""

from collections.abc import Sequence

from careen.prove.comparison import ServiceComparison
from careen.prove.evidence import CheckResult, Evidence, ProofReport, ServiceProof

Json = dict[str, object]


def prove_document(
    report: ProofReport, comparison: Sequence[ServiceComparison] = (), *, reproducible: bool = False
) -> Json:
    document: Json = {
        "schema": "careen.prove/1",
        "runner": report.runner,
        "passed": report.passed,
        "services": [
            _service(service, reproducible) for service in sorted(report.services, key=lambda service: service.name)
        ],
        "stack": [_check(result, reproducible) for result in report.stack],
    }
    if comparison:
        document["compared"] = [
            {
                "name": item.name,
                "checks": [
                    {
                        "check": both.check,
                        "now": both.now and both.now.value,
                        "before": both.before and both.before.value,
                    }
                    for both in item.checks
                ],
                "contract": _check(item.contract, reproducible),
            }
            for item in comparison
        ]
    return document


def _service(service: ServiceProof, reproducible: bool) -> Json:
    document: Json = {
        "name": service.name,
        "checks": [_check(result, reproducible) for result in service.checks],
    }
    if not reproducible:
        document["peak_memory_bytes"] = service.peak_memory_bytes
        document["start_seconds"] = None if service.start_seconds is None else round(service.start_seconds, 3)
    return document


def _check(result: CheckResult, reproducible: bool) -> Json:
    document: Json = {"check": result.check, "verdict": result.verdict.value}
    if not reproducible:
        document["evidence"] = _evidence(result.evidence)
    return document


def _evidence(evidence: Evidence) -> Json:
    return {
        "summary": evidence.summary,
        "command": list(evidence.command),
        "output": evidence.output,
        "hints": list(evidence.hints),
        "seconds": None if evidence.seconds is None else round(evidence.seconds, 3),
    }
