"""Logs that a program keeps to itself."""

import pytest

from careen.prove.log_files import log_file, printing


@pytest.mark.parametrize(
    ("command", "file", "without"),
    [
        (
            "/usr/bin/python3 -m celery -A a worker --logfile=logs/a.log --loglevel=info",
            "logs/a.log",
            "/usr/bin/python3 -m celery -A a worker --loglevel=info",
        ),
        ("celery -A a worker -f /tmp/a.log -E", "/tmp/a.log", "celery -A a worker -E"),
        ("python -m gunicorn --error-logfile e.log a:b", "e.log", "python -m gunicorn a:b"),
        ("python -m gunicorn --error-logfile - a:b", None, "python -m gunicorn --error-logfile - a:b"),
        ("tool -f x", None, "tool -f x"),
        ("celery -A a worker -f", None, "celery -A a worker -f"),
    ],
)
def test_the_option_is_found_and_taken_away(command: str, file: str | None, without: str) -> None:
    argv = tuple(command.split())
    assert log_file(argv) == file
    assert printing(argv) == tuple(without.split())
