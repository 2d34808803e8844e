"""Services that do different work ship one and the same image.

Each of them then carries what any of them needs, and a change for one moves all. Two services of the same kind,
such as two workers of the same application and queue, may well share an image.
"""

from collections.abc import Iterator

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.plan.entry_points import UnknownEntryPointError, interpret
from careen.rules.rule import Rule
from careen.workspace.facts import ServiceFacts, StackFacts


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        sharing = [service for service in facts.built if service.image is image]
        kinds = {_kind(service) for service in sharing}
        if len(kinds - {None}) > 1 and image.is_python:
            names = ", ".join(service.name for service in sharing)
            yield rule.finding(
                image.base_place, f"{names} ship one image, though they run different programs", fix=FixKind.REVIEW
            )


def _kind(service: ServiceFacts) -> tuple[str, tuple[str, ...]] | None:
    """What a service runs: its role and its first-party modules."""
    if service.launch is None:
        return None
    try:
        entry = interpret(service.launch.argv, {})
    except UnknownEntryPointError:
        return None
    return entry.role, entry.modules


RULE = Rule(
    slug="shared-image",
    topic=Topic.SHARED_IMAGE,
    summary="Different services ship the same image",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
