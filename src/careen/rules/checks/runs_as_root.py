"""The service runs as root.

A flaw in the application is then root in the container, one kernel flaw away from the host. Creating a user
is not enough: USER, or ``user:`` in compose, must name it.
"""

from collections.abc import Iterator
from dataclasses import replace

from careen.dockerfile.stages import ImageBase
from careen.findings import Confidence, Finding, FixKind, Place, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import ServiceFacts, StackFacts
from careen.workspace.known_bases import BaseKind

_ROOT = frozenset({"root", "0", ""})


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    seen: set[tuple[Place, str]] = set()
    for service in facts.built:
        found = _place(service)
        if found is None:
            continue
        place, certain, reason = found
        if (place, reason) in seen:
            continue
        seen.add((place, reason))
        sharing = [other for other in facts.built if _place(other) == found]
        names = ", ".join(other.name for other in sharing)
        verb = "runs" if len(sharing) == 1 else "run"
        finding = rule.finding(
            place,
            f"{names} {verb} as root: {reason}",
            service=service.name if len(sharing) == 1 else None,
            fix=FixKind.REVIEW,
        )
        yield finding if certain else replace(finding, confidence=Confidence.LIKELY)


def _place(service: ServiceFacts) -> tuple[Place, bool, str] | None:
    """Where the root user comes from, whether that is certain, and why."""
    compose, image = service.service.compose, service.image
    if image is None:
        return None
    if compose is not None and compose.user is not None:
        root = compose.user.partition(":")[0] in _ROOT
        return (service.place, True, f"user: {compose.user} in compose") if root else None
    if image.user is None:
        known = image.known_base
        trusted = known is not None and known.kind in {
            BaseKind.FULL,
            BaseKind.SLIM,
            BaseKind.ALPINE,
            BaseKind.OPERATING_SYSTEM,
            BaseKind.INSTALLER,
            BaseKind.GPU_RUNTIME,
            BaseKind.GPU_DEVELOPMENT,
        }
        base = image.base
        if isinstance(base, ImageBase) and "nonroot" in (base.reference or ""):
            return None
        return image.base_place, trusted, "no USER is set"
    name = image.user.arguments[0].partition(":")[0] if image.user.arguments else ""
    if name.strip() in _ROOT:
        return image.place(image.user.instruction), True, f"USER {name} is the last word"
    return None


RULE = Rule(
    slug="runs-as-root",
    topic=Topic.RUNS_AS_ROOT,
    summary="The service runs as root",
    severity=Severity.HIGH,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
