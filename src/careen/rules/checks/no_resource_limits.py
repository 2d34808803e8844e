"""A service may use all the memory there is.

One runaway task then takes the host down with every other service on it, and the kernel chooses whom to kill. A limit
is set with ``deploy.resources.limits.memory`` or ``mem_limit``.

Told of services that are built here or that run Python; databases and brokers size themselves, and a service that
does its work and ends needs none.
"""

from collections.abc import Iterator

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.roles import ends_by_itself, runs_python
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for service in facts.services:
        compose = service.service.compose
        if compose is None or compose.limits.memory_bytes is not None or ends_by_itself(facts, service):
            continue
        if service.is_built or compose.build is not None or runs_python(facts, service):
            yield rule.finding(
                service.place,
                f"{service.name} has no memory limit: one runaway task takes its neighbours down",
                service=service.name,
                fix=FixKind.REVIEW,
            )


RULE = Rule(
    slug="no-resource-limits",
    topic=Topic.NO_RESOURCE_LIMITS,
    summary="A service has no memory limit",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
