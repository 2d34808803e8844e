"""The image says nothing about how to tell that it is healthy.

Then a hung service counts as running: nobody is told, nothing restarts it, and others that wait for it start too
early. A check in exec form needs neither curl nor a shell.

An image whose services all have a check in compose is checked there, and ``HEALTHCHECK NONE`` together with one in
compose is a choice. Kubernetes has probes of its own and reads neither: ignore the rule there.
"""

from collections.abc import Iterator

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.roles import ends_by_itself
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        if image.stage_is_for_development:
            continue
        if image.health is not None and image.health.arguments[:1] != ("NONE",):
            continue
        unchecked = [
            service.name
            for service in facts.built
            if service.image is image
            and (service.service.compose is None or service.service.compose.health is None)
            and service.launch is not None
            and not ends_by_itself(facts, service)
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
