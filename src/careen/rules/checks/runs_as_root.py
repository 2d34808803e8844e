"""The service runs as root.

A flaw in the application is then root in the container, one kernel flaw away from the host, and owner of every file
it writes to a mount. Creating a user is not enough: USER, or ``user:`` in compose, must name it.

A start script that changes the user itself (gosu, su-exec, runuser, ``celery --uid``) is fine, and so is a base whose
own USER is not root, or whose own start script changes it, as those of databases do.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from careen.dockerfile.stages import ImageBase
from careen.findings import Confidence, Finding, FixKind, Place, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import ImageFacts, ServiceFacts, StackFacts
from careen.workspace.known_bases import BaseKind

_ROOT = frozenset({"root", "0", ""})
_OWN_USER = re.compile(
    r"nonroot|unprivileged|rootless|apache/airflow|apache/superset|jupyter/|selenium/|bitnami/|chainguard|cgr\.dev|ubi\d/python|mambaorg/"
)
_OFFICIAL = re.compile(
    r"(?:docker\.io/)?(?:library/)?(?:node|golang|rust|ruby|php|openjdk|eclipse-temurin|caddy|nginx|httpd|fedora|rockylinux|almalinux|centos|amazonlinux|busybox|buildpack-deps|debian|ubuntu|alpine|python|pypy)(?:[:@].*)?"
)
"""Images of Docker's own library that set no USER."""
_STEPS_DOWN = re.compile(
    r"(?:.*/)?(?:postgres|postgis|pgvector|timescaledb|timescaledb-ha|redis|redis-stack-server|valkey|mysql|mariadb|percona|mongo|rabbitmq|cassandra|couchdb|influxdb|clickhouse-server)(?:[:@].*)?"
)
"""Images whose own entry point starts the server as a user of its own."""


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    places = [(service, found) for service in facts.built if (found := _place(service)) is not None]
    seen: set[tuple[Place, str]] = set()
    for _, found in places:
        place, certain, reason = found
        if (place, reason) in seen:
            continue
        seen.add((place, reason))
        sharing = [service for service, other in places if other == found]
        names = ", ".join(service.name for service in sharing)
        finding = rule.finding(
            place,
            f"{names} {'runs' if len(sharing) == 1 else 'run'} as root: {reason}",
            service=sharing[0].name if len(sharing) == 1 else None,
            fix=FixKind.REVIEW,
        )
        yield finding if certain else replace(finding, confidence=Confidence.LIKELY)


def _place(service: ServiceFacts) -> tuple[Place, bool, str] | None:
    """Where the root user comes from, whether that is certain, and why."""
    compose, image = service.service.compose, service.image
    if image is None:
        return None
    if service.launch is not None and service.launch.user is not None and service.launch.user not in _ROOT:
        return None
    if compose is not None and compose.user is not None:
        root = compose.user.partition(":")[0] in _ROOT
        return (service.place, True, f"user: {compose.user} in compose") if root else None
    if image.user is None and service.launch is None and not isinstance(image.base, ImageBase):
        return None  # files in an image that starts nothing
    if image.user is None:
        return _by_base(image, service)
    name = image.environment_value(image.user.arguments[0]).partition(":")[0] if image.user.arguments else ""
    if name.strip() in _ROOT:
        return image.place(image.user.instruction), True, f"USER {name} is the last word"
    return None


def _by_base(image: ImageFacts, service: ServiceFacts) -> tuple[Place, bool, str] | None:
    base = image.base
    name = (base.reference or base.written) if isinstance(base, ImageBase) else "scratch"
    if _OWN_USER.search(name) or (service.launch is not None and service.launch.argv[:1] == ("/init",)):
        return None
    if _STEPS_DOWN.fullmatch(name) and _starts_as_its_base(image, service):
        return None
    known = image.known_base
    certain = _OFFICIAL.fullmatch(name) is not None or (known is not None and known.kind is not BaseKind.MINIMAL)
    return image.base_place, certain or name == "scratch", "no USER is set"


def _starts_as_its_base(image: ImageFacts, service: ServiceFacts) -> bool:
    """Whether the base's entry point is kept, and given its own server or nothing but options."""
    compose = service.service.compose
    if image.entrypoint is not None or (compose is not None and compose.entrypoint is not None):
        return False
    words = service.launch.argv if service.launch is not None else ()
    name = words[0].rpartition("/")[2] if words else ""
    return name in _SERVERS or name.startswith("-") or not name


_SERVERS = frozenset(
    {"postgres", "redis-server", "valkey-server", "mysqld", "mariadbd", "mongod", "rabbitmq-server", "cassandra"}
)


RULE = Rule(
    slug="runs-as-root",
    topic=Topic.RUNS_AS_ROOT,
    summary="The service runs as root",
    severity=Severity.HIGH,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
