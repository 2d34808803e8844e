"""Others wait for a service that has no health check.

``depends_on`` then only waits for a process to exist: the first requests or tasks meet a service that is not ready,
and a start that worked on a fast machine fails on a slow one.

A service nobody waits for is told of by its image; waiting for one that ends (``service_completed_successfully``)
needs no check, and neither does an image from elsewhere that others wait for to be healthy: it brings its own.
"""

from collections.abc import Iterator
from dataclasses import replace

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.roles import ends_by_itself
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    waiting: dict[str, list[str]] = {}
    built = {service.name for service in facts.built if service.image is not None and service.image.known_base}
    for service in facts.services:
        compose = service.service.compose
        for dependency in compose.depends_on if compose is not None else ():
            if dependency.condition == "service_healthy" and dependency.service not in built:
                continue  # compose refuses to start without a check, so the image, or what it is built upon, has one
            if dependency.condition != "service_completed_successfully":
                waiting.setdefault(dependency.service, []).append(service.name)
    for service in facts.services:
        compose = service.service.compose
        others = waiting.get(service.name)
        if compose is None or not others or ends_by_itself(facts, service):
            continue
        image = service.image
        from_image = image is not None and image.health is not None and image.health.arguments[:1] != ("NONE",)
        if compose.health is not None and not compose.health.disabled:
            continue
        if from_image and (compose.health is None or not compose.health.disabled):
            continue
        names = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        verb = "starts" if len(others) == 1 else "start"
        finding = rule.finding(
            service.place,
            f"{names} {verb} as soon as {service.name} exists, ready or not: it has no health check",
            service=service.name,
            fix=FixKind.SAFE,
        )
        known = service.is_built or _is_of_the_library(compose.image or "")
        yield finding if known else replace(finding, confidence=Confidence.LIKELY)


def _is_of_the_library(reference: str) -> bool:
    """Whether an image is one of Docker's own library, of which none has a health check; others may have one."""
    return "/" not in reference.removeprefix("docker.io/").removeprefix("library/")


RULE = Rule(
    slug="compose-missing-healthcheck",
    topic=Topic.COMPOSE_MISSING_HEALTHCHECK,
    summary="A service that others wait for has no health check",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
