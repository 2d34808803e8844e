"""Services that do one thing and end, such as migrations: nothing watches them, and nobody stops them."""

from careen.compose.model import ComposeProject
from careen.plan.entry_points import EntryPoint
from careen.plan.roles import Role

_COMPLETED = "service_completed_successfully"
_ENDING = frozenset(
    {"check", "collectstatic", "compilemessages", "createcachetable", "createsuperuser", "flush", "loaddata",
     "makemigrations", "migrate", "test"}
)  # fmt: skip
"""Commands of Django's own that end."""


def is_job(name: str, entry: EntryPoint, compose: ComposeProject | None) -> bool:
    """Whether another service waits for its end, or its command is known to end."""
    if entry.role is not Role.OTHER or entry.ports:
        return False
    awaited = compose is not None and any(
        dependency.service == name and dependency.condition == _COMPLETED
        for service in compose.services
        for dependency in service.depends_on
    )
    return awaited or _ends(entry.arguments)


def _ends(arguments: tuple[str, ...]) -> bool:
    words = [word for word in arguments if not word.startswith("-")] or [""]
    if arguments[:1] == ("-m",):
        if words[0] == "flask":
            return "db" in words  # of Flask-Migrate
        return words[0] in {"alembic.config", "alembic"} or (
            words[0] == "django" and not _ENDING.isdisjoint(words[1:2])
        )
    return words[0].endswith("manage.py") and not _ENDING.isdisjoint(words[1:2])
