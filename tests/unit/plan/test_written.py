from pathlib import PurePosixPath

import pytest

from careen.plan.entry_points import interpret
from careen.plan.written import written_folders

HOME = PurePosixPath("/app")
FILES = (PurePosixPath("/app/shop/tasks.py"),)


@pytest.mark.parametrize(
    ("command", "folders"),
    [
        ("celery -A shop worker --logfile=logs/celery.log", ["/app/logs"]),
        (
            "celery -A shop beat -s /var/lib/beat/schedule --pidfile /var/run/beat/beat.pid",
            ["/var/lib/beat", "/var/run/beat"],
        ),
        ("gunicorn shop:app --access-logfile - --error-logfile logs/error.log --log-file=logs/all.log", ["/app/logs"]),
        ("celery -A shop worker --pidfile= -l info", []),
        ("uvicorn shop:app --log-config logs/log.ini", []),
    ],
)
def test_files_that_a_command_writes_need_their_folders(command: str, folders: list[str]) -> None:
    arguments = interpret(command.split(), {}).arguments
    assert written_folders(arguments, HOME, FILES) == tuple(map(PurePosixPath, folders))


@pytest.mark.parametrize("file", ["celery.log", "shop/celery.log", "/tmp/celery.log", "/celery.log", "/dev/stdout"])
def test_no_tmpfs_hides_what_is_there_or_stands_in_one(file: str) -> None:
    arguments = interpret(f"celery -A shop worker --logfile={file}".split(), {}).arguments
    assert written_folders(arguments, HOME, FILES) == ()
