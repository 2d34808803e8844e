"""A service has the host's own rights: ``privileged: true``, or the Docker socket mounted into it.

Whoever gets into it owns the host.
"""

from collections.abc import Iterator

from careen.findings import Confidence, Finding, Place, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for service in facts.services:
        compose = service.service.compose
        if compose is None:
            continue
        if compose.privileged is not None:
            place = compose.privileged
            yield rule.finding(
                Place(place.path, place.line, place.end_line),
                f"{service.name} has every right of the host: privileged: true",
                service=service.name,
            )
        for mount in compose.mounts:
            if (
                mount.source in {"/var/run/docker.sock", "/run/docker.sock"}
                and not mount.read_only
                and service.is_built
            ):
                yield rule.finding(
                    Place(mount.place.path, mount.place.line, mount.place.end_line),
                    f"{service.name} can start any container on the host: the Docker socket is mounted into it",
                    service=service.name,
                )


RULE = Rule(
    slug="privileged-service",
    topic=Topic.PRIVILEGED_SERVICE,
    summary="A service has the host's own rights",
    severity=Severity.HIGH,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
