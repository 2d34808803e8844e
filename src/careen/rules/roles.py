"""What a service does, told by its command alone."""

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
    if _WORKERS.intersection(names[:3]) and (names[0] != "rq" or "worker" in names):
        return Role.WORKER
    if any(name.startswith("manage.py") for name in names[:3]) and _WORKER_COMMANDS.intersection(names[:4]):
        return Role.WORKER
    return entry.role if entry is not None else None


def ends_by_itself(facts: StackFacts, service: ServiceFacts) -> bool:
    """Whether a service does its work and is done: others wait for its end, or its command says so."""
    for other in facts.services:
        compose = other.service.compose
        for dependency in compose.depends_on if compose is not None else ():
            if dependency.service == service.name and dependency.condition == "service_completed_successfully":
                return True
    return service.launch is not None and not _ENDING_WORDS.isdisjoint(service.launch.argv[:5])
