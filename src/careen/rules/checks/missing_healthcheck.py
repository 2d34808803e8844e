"""The image says nothing about how to tell that it is healthy.

Then a hung service counts as running and nobody is told. An image whose services all have a check in compose
is checked there.
"""

from collections.abc import Iterator

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        if image.health is not None and image.health.arguments[:1] != ("NONE",):
            continue
        unchecked = [
            service.name
            for service in facts.built
            if service.image is image
            and (service.service.compose is None or service.service.compose.health is None)
            and service.launch is not None
        ]
        if not unchecked:
            continue
        place = image.place(image.health.instruction) if image.health is not None else image.base_place
        yield rule.finding(place, f"no HEALTHCHECK: a hung {_listed(unchecked)} counts as running", fix=FixKind.REVIEW)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


RULE = Rule(
    slug="missing-healthcheck",
    topic=Topic.MISSING_HEALTHCHECK,
    summary="The image has no health check",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
