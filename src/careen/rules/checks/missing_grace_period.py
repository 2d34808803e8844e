"""A worker has ten seconds to finish its task before it is killed.

That is Docker's default between SIGTERM and SIGKILL. Tasks take longer; what is cut off is lost, or done twice.
``stop_grace_period`` should be a little more than the longest task may take.

A web server is fine with the default in most cases, and a scheduler such as ``celery beat`` holds no task.
"""

from collections.abc import Iterator
from dataclasses import replace

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.plan.roles import Role
from careen.rules.roles import is_called_worker, role_of, takes_from_queue
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for service in facts.services:
        compose = service.service.compose
        if compose is None or compose.stop_grace_seconds is not None:
            continue
        role = role_of(service)
        by_name = role is None and is_called_worker(service)
        by_queue = role in {None, Role.OTHER} and takes_from_queue(facts, service)
        if role is Role.WORKER or by_name or by_queue:
            finding = rule.finding(
                service.place,
                f"{service.name} is killed 10 s after a stop, whatever task it holds: no stop_grace_period",
                service=service.name,
                fix=FixKind.REVIEW,
            )
            yield finding if role is Role.WORKER else replace(finding, confidence=Confidence.LIKELY)


RULE = Rule(
    slug="missing-grace-period",
    topic=Topic.MISSING_GRACE_PERIOD,
    summary="A worker has no stop_grace_period",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
