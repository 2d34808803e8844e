"""Health checks of well-known images that a stack does not build, with programs that are in those images."""

import re
from collections.abc import Callable, Mapping

Environment = Mapping[str, str]
Test = Callable[[Environment], tuple[str, ...]]


def _always(*argv: str) -> Test:
    return lambda _: argv


def _postgres(environment: Environment) -> tuple[str, ...]:
    return ("pg_isready", "-U", environment.get("POSTGRES_USER") or "postgres")


_CHECKS: tuple[tuple[str, Test], ...] = (
    (r"redis(?:-stack(?:-server)?)?", _always("redis-cli", "ping")),
    (r"valkey", _always("valkey-cli", "ping")),
    (r"keydb", _always("keydb-cli", "ping")),
    (r"postgres|postgresql|postgis|timescaledb(?:-ha)?|pgvector", _postgres),
    (r"mysql", _always("mysqladmin", "ping", "--silent")),
    (r"mariadb", _always("healthcheck.sh", "--connect", "--innodb_initialized")),
    (r"rabbitmq", _always("rabbitmq-diagnostics", "-q", "ping")),
    (r"mongo", _always("mongosh", "--quiet", "--eval", "db.adminCommand('ping').ok")),
    (r"minio", _always("mc", "ready", "local")),
)


def backing_check(image: str, environment: Environment) -> tuple[str, ...] | None:
    """An exec-form test for an image by its name; None for one that careen does not know."""
    name = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    for pattern, test in _CHECKS:
        if re.fullmatch(pattern, name):
            return test(environment)
    return None
