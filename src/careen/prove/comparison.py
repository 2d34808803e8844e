"""Two proofs of one stack side by side, of its images as they are and as they were."""

import difflib
from collections.abc import Mapping

from careen.prove.evidence import CheckResult, Contract, Evidence, ProofReport, ServiceProof, Verdict, judged, skipped
from careen.text.values import dataclass

CONTRACT = "contract"
STARTS = "starts"
_MOST_LINES = 40
_MOST_NAMES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SameCheck:
    """A check on both sides; None where a side did not make it."""

    check: str
    now: Verdict | None
    before: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceComparison:
    """``contract`` fails when what the service offers to others is not what it offered before."""

    name: str
    checks: tuple[SameCheck, ...]
    contract: CheckResult


def compare(now: ProofReport, before: ProofReport) -> tuple[ServiceComparison, ...]:
    """Services in the order of the newer proof; those that it alone has are left out."""
    earlier = {service.name: service for service in before.services}
    return tuple(_service(service, earlier[service.name]) for service in now.services if service.name in earlier)


def _service(now: ServiceProof, before: ServiceProof) -> ServiceComparison:
    new = {result.check: result.verdict for result in now.checks}
    old = {result.check: result.verdict for result in before.checks}
    return ServiceComparison(
        name=now.name,
        checks=tuple(
            SameCheck(check=check, now=new.get(check), before=old.get(check)) for check in dict.fromkeys((*new, *old))
        ),
        contract=_contract(now.contract, before.contract) if _started(old) else _unknown("it did not start as it was"),
    )


def _started(verdicts: Mapping[str, Verdict]) -> bool:
    return verdicts.get(STARTS) is not Verdict.FAIL


def _unknown(reason: str) -> CheckResult:
    return skipped(CONTRACT, reason)


def _contract(now: Contract, before: Contract) -> CheckResult:
    if now == Contract() and before == Contract():
        return skipped(CONTRACT, "it serves no OpenAPI document and registers no tasks")
    if now.tasks is not None and before.tasks is None:
        return _unknown("what tasks it registered as it was could not be asked")
    complaints = []
    if now.openapi != before.openapi:
        complaints.append("its OpenAPI document is another one")
    gone = sorted(set(before.tasks or ()) - set(now.tasks or ()))
    new = sorted(set(now.tasks or ()) - set(before.tasks or ()))
    for word, names in (("no longer registered", gone), ("newly registered", new)):
        if names:
            more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            complaints.append(f"{word}: {', '.join(names[:_MOST_NAMES])}{more}")
    lines = difflib.unified_diff(
        (before.openapi or "").splitlines(), (now.openapi or "").splitlines(), "before", "now", lineterm="", n=1
    )
    output = "\n".join(line for line, _ in zip(lines, range(_MOST_LINES), strict=False))
    same = [f"{len(now.tasks)} registered tasks"] if now.tasks is not None else []
    same += ["the OpenAPI document"] if now.openapi is not None else []
    return judged(
        CONTRACT, tuple(complaints), Evidence(summary=f"the same as before: {' and '.join(same)}", output=output)
    )
