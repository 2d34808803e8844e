"""What a proof says: verdicts, each with what it rests on."""

from dataclasses import replace
from enum import StrEnum

from careen.plan.traces import ServiceTrace
from careen.text.values import dataclass


class Verdict(StrEnum):
    """``SKIPPED`` says that something was missing to judge by; it is never a pass."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was seen, in a sentence; what was run to see it, its last lines, and how long it took, in seconds. ``hints``
    say how to give a service what it lacked.
    """

    summary: str
    command: tuple[str, ...] = ()
    output: str = ""
    seconds: float | None = None
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    check: str
    verdict: Verdict
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What a service offers to others: its OpenAPI document as JSON, its registered tasks. None where it has none."""

    openapi: str | None = None
    tasks: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceProof:
    """``peak_memory_bytes`` is what the service itself took, without the page cache; None when nobody could measure.

    ``start_seconds`` is the time from start to the first passed health check.
    """

    name: str
    checks: tuple[CheckResult, ...]
    peak_memory_bytes: int | None = None
    start_seconds: float | None = None
    contract: Contract = Contract()

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        return tuple(result for result in self.checks if result.verdict is Verdict.FAIL)

    def result(self, check: str) -> CheckResult:
        """Raises KeyError."""
        for result in self.checks:
            if result.check == check:
                return result
        raise KeyError(check)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofReport:
    """``runner`` is its name; ``stack`` are the checks of all services together.

    ``traces`` are the files that services touched, when that was asked for.
    """

    runner: str
    services: tuple[ServiceProof, ...]
    stack: tuple[CheckResult, ...]
    traces: tuple[ServiceTrace, ...] = ()

    @property
    def passed(self) -> bool:
        """Nothing failed, and every service has at least been seen to start."""
        results = [*self.stack, *(result for service in self.services for result in service.checks)]
        started = all(
            any(result.check == "starts" and result.verdict is Verdict.PASS for result in service.checks)
            for service in self.services
        )
        return started and not any(result.verdict is Verdict.FAIL for result in results)

    def service(self, name: str) -> ServiceProof:
        """Raises KeyError."""
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(name)


def passed(check: str, evidence: Evidence) -> CheckResult:
    return CheckResult(check, Verdict.PASS, evidence)


def failed(check: str, evidence: Evidence) -> CheckResult:
    return CheckResult(check, Verdict.FAIL, evidence)


def skipped(check: str, reason: str) -> CheckResult:
    return CheckResult(check, Verdict.SKIPPED, Evidence(summary=reason))


def judged(check: str, complaints: tuple[str, ...], evidence: Evidence) -> CheckResult:
    """Passes on ``evidence`` when there is nothing to complain of; else the complaints are the summary."""
    if not complaints:
        return passed(check, evidence)
    return failed(check, replace(evidence, summary="; ".join(complaints)))
