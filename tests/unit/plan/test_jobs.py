"""Which services end by themselves, and are meant to."""

from pathlib import PurePosixPath

import pytest

from careen.compose.load import load_project
from careen.compose.model import ComposeProject
from careen.plan.entry_points import interpret
from careen.plan.jobs import is_job
from careen.text.source import Source


def compose(condition: str) -> ComposeProject:
    text = f"services:\n  app:\n    image: a\n    depends_on:\n      prepare:\n        condition: {condition}\n"
    source = Source(PurePosixPath("compose.yaml"), f"{text}  prepare:\n    image: b\n")
    return load_project([source.path], lambda _: source, variables={}, folder_name="x")


@pytest.mark.parametrize(
    "command",
    [
        "alembic upgrade head",
        "python -m alembic upgrade head",
        "python manage.py migrate --noinput",
        "flask --app shop db upgrade",
        "django-admin collectstatic",
    ],
)
def test_commands_that_are_known_to_end_are_jobs(command: str) -> None:
    assert is_job("one", interpret(command.split(), {}), None)


@pytest.mark.parametrize(
    "command",
    [
        "python manage.py runserver",
        "python manage.py run_bot",
        "uvicorn a:b",
        "celery -A a worker",
        "celery -A a beat",
        "python bot.py",
    ],
)
def test_others_are_meant_to_stay(command: str) -> None:
    assert not is_job("one", interpret(command.split(), {}), None)


def test_what_another_service_waits_the_end_of_is_a_job() -> None:
    entry = interpret(["python", "prepare.py"], {})
    assert is_job("prepare", entry, compose("service_completed_successfully"))
    assert not is_job("prepare", entry, compose("service_started"))
    assert not is_job("app", entry, compose("service_completed_successfully"))


def test_a_worker_is_no_job_whoever_waits_for_it() -> None:
    entry = interpret(["celery", "-A", "a", "worker"], {})
    assert not is_job("prepare", entry, compose("service_completed_successfully"))
