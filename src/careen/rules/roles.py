"""What a service does, told by its command alone."""

import re

from careen.plan.entry_points import EntryPoint, UnknownEntryPointError, interpret
from careen.plan.roles import Role
from careen.workspace.facts import ServiceFacts, StackFacts

_WORKERS = frozenset(
    {
        "rq",
        "rqworker",
        "dramatiq",
        "arq",
        "taskiq",
        "huey_consumer",
        "huey_consumer.py",
        "procrastinate",
        "saq",
        "faststream",
    }
)
_WORKER_COMMANDS = frozenset(
    {"rqworker", "run_huey", "qcluster", "process_tasks", "db_worker", "rundramatiq", "celery_worker", "celeryworker"}
)
"""Of Django's manage.py."""
_WORKER_WORDS = frozenset({"worker", "workers", "rq-worker", "rqworker", "celery-worker", "run-worker", "run_worker"})
"""What a program of somebody's own is told to be: ``airflow celery worker``, ``docling-serve rq-worker``."""
_WORKER_NAMES = frozenset({"worker", "workers", "celery", "rqworker", "dramatiq", "processor", "consumer"})
_QUEUES = frozenset({"rabbitmq", "pubsub", "kafka", "redpanda", "nats", "activemq", "sqs", "elasticmq", "pulsar"})
"""What nobody waits for but to send to it or to take from it; Redis may as well be a cache."""
_NO_WORKER_WORDS = frozenset({"beat", "celerybeat", "flower", "scheduler", "exporter", "monitor", "init"})
_ONCE = frozenset({"chown", "chmod", "mkdir", "cp", "true", "echo"})
_ONCE_NAMES = frozenset({"migrate", "migrator", "migration", "migrations", "init", "setup", "bootstrap", "seed"})
_LAST_EXIT = re.compile(r"\bexit \d+\s*;?\s*$")

_ENDINGS = (
    "migrate upgrade makemigrations createsuperuser collectstatic pytest db-migrate initdb migrations seed fixtures "
    "loaddata backup restore"
)
_ENDING_WORDS = frozenset(_ENDINGS.split())


def entry_of(service: ServiceFacts) -> EntryPoint | None:
    if service.launch is None:
        return None
    project = service.service.project
    try:
        return interpret(service.launch.argv, project.pyproject.scripts if project is not None else {})
    except UnknownEntryPointError:
        return None


def role_of(service: ServiceFacts) -> Role | None:
    """None when the command tells nothing."""
    entry = entry_of(service)
    if entry is not None and entry.role is not Role.OTHER:
        return entry.role
    words = service.launch.argv if service.launch is not None else ()
    names = [word.rpartition("/")[2] for word in words]
    if _WORKERS.intersection(names[:3]) and (names[0] != "rq" or "worker" in names) and "scheduler" not in names[:4]:
        return Role.WORKER
    if any(name.startswith("manage.py") for name in names[:3]) and _WORKER_COMMANDS.intersection(names[:4]):
        return Role.WORKER
    if "celery" in names[:6] and "worker" in names:
        return Role.WORKER
    if _WORKER_WORDS.intersection(names[1:3]) and _NO_WORKER_WORDS.isdisjoint(names[1:4]):
        return Role.WORKER
    if entry is None and not words and _image_name(service) == "flower":
        return Role.FLOWER
    return entry.role if entry is not None else None


def is_called_worker(service: ServiceFacts) -> bool:
    """By its name and its environment alone, for a command that tells nothing; of images built here,
    or by the name of its start script."""
    words = set(re.split(r"[._-]", service.name.lower()))
    compose = service.service.compose
    values = [value or "" for _, value in compose.environment] if compose is not None else []
    if not _NO_WORKER_WORDS.isdisjoint({*words, *values}):
        return False
    started = service.launch.argv[:1] if service.launch is not None else ()
    if started and started[0].endswith(".sh") and "worker" in re.split(r"[._/-]", started[0]):
        return True
    return service.is_built and not _WORKER_NAMES.isdisjoint(words)


def takes_from_queue(facts: StackFacts, service: ServiceFacts) -> bool:
    """A program of this repository that waits for a queue and that nobody can reach or waits for."""
    compose = service.service.compose
    if (
        compose is None
        or not service.is_built
        or compose.command is None
        or compose.ports
        or compose.health is not None
    ):
        return False
    words = set(re.split(r"[._-]", service.name.lower()))
    if not words.isdisjoint(_NO_WORKER_WORDS) or ends_by_itself(facts, service):
        return False
    queues = {word for item in compose.depends_on for word in re.split(r"[._-]", item.service.lower())}
    awaited = any(
        item.service == service.name
        for other in facts.services
        if other.service.compose is not None
        for item in other.service.compose.depends_on
    )
    return not awaited and not _QUEUES.isdisjoint(queues)


def runs_python(facts: StackFacts, service: ServiceFacts) -> bool:
    """By its own command, or by that of another service with the same image."""
    if role_of(service) is not None:
        return True
    compose = service.service.compose
    if compose is None or compose.image is None:
        return False
    return any(
        other.service.compose is not None
        and other.service.compose.image == compose.image
        and role_of(other) is not None
        for other in facts.services
    )


def _image_name(service: ServiceFacts) -> str:
    compose = service.service.compose
    reference = compose.image if compose is not None else None
    return (reference or "").partition("@")[0].rpartition("/")[2].partition(":")[0]


def ends_by_itself(facts: StackFacts, service: ServiceFacts) -> bool:
    """Whether a service does its work and is done: others wait for its end, or its command says so."""
    for other in facts.services:
        compose = other.service.compose
        for dependency in compose.depends_on if compose is not None else ():
            if dependency.service == service.name and dependency.condition == "service_completed_successfully":
                return True
    if not _ONCE_NAMES.isdisjoint(re.split(r"[._-]", service.name.lower())):
        return True
    compose = service.service.compose
    written = (compose.entrypoint, compose.command) if compose is not None else ()
    said = [word for words in written if words is not None for word in words.argv]
    if said and (said[0].rpartition("/")[2] in _ONCE or _LAST_EXIT.search(said[-1])):
        return True
    return service.launch is not None and not _ENDING_WORDS.isdisjoint(service.launch.argv[:5])
