from pathlib import PurePosixPath

import pytest

from careen.plan.entry_points import interpret
from careen.plan.target import NumericUser
from careen.plan.written import CodeWrite, Surroundings, WrittenByCode, with_schedule, written_by_code, written_folders
from careen.python.writes import Kind, Write

HOME = PurePosixPath("/app")
USER = NumericUser(10001, 10001)
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


def places(*written: tuple[str | None, Kind]) -> list[CodeWrite]:
    return [
        CodeWrite(PurePosixPath("shop/files.py"), Write(line, "open", kind, PurePosixPath(folder) if folder else None))
        for line, (folder, kind) in enumerate(written, start=1)
    ]


def judged(*written: tuple[str | None, Kind], settled: bool = False) -> WrittenByCode:
    around = Surroundings(
        home=HOME,
        files=FILES,
        granted=(PurePosixPath("/var/shop"),),
        mounted=(PurePosixPath("/app/data"),),
        settled=settled,
    )
    return written_by_code(places(*written), around)


def test_a_known_folder_beside_the_code_gets_a_tmpfs_and_a_note() -> None:
    found = judged(("logs", Kind.FILE), ("/app/logs/old", Kind.FILE), ("/app/media", Kind.UPLOADS))
    assert list(found.scratch) == [PurePosixPath("/app/logs"), PurePosixPath("/app/media")]
    assert found.beside == ()
    assert next(found.notes("web", USER)).startswith("shop/files.py:1: open of web writes to /app/logs: a tmpfs")


@pytest.mark.parametrize("folder", [".", "shop", "/"])
def test_no_tmpfs_hides_code_so_the_root_stays_writable(folder: str) -> None:
    found = judged((folder, Kind.FILE))
    assert not found.scratch
    assert found.beside[0].startswith("shop/files.py:1: open writes to /")
    assert found.owned == (HOME / folder if folder != "/" else HOME,)


def test_an_unknown_place_keeps_the_root_writable_unless_the_user_has_said_where() -> None:
    found = judged((None, Kind.FILE))
    assert found.beside == ("shop/files.py:1: open writes where only a run can tell",)
    assert found.owned == (HOME,)
    assert judged((None, Kind.FILE), settled=True).beside == ()


def test_a_database_is_not_put_where_it_would_be_lost() -> None:
    assert judged(("state", Kind.DATABASE)).owned == (PurePosixPath("/app/state"),)


def test_what_is_writable_anyway_changes_nothing() -> None:
    found = judged(("/tmp/x", Kind.FILE), ("/var/shop/x", Kind.DATABASE), ("shop", Kind.FOLDER))
    assert (dict(found.scratch), found.beside, found.owned, dict(found.mounted)) == ({}, (), (), {})


def test_a_folder_of_the_host_stays_mounted() -> None:
    found = judged(("data/x", Kind.FILE))
    assert list(found.mounted) == [PurePosixPath("/app/data")]
    assert next(found.notes("web", USER)).endswith("must let user 10001:10001 write")


@pytest.mark.parametrize(
    ("command", "end"),
    [
        ("celery -A shop beat", ("beat", "--schedule", "/tmp/celerybeat-schedule")),
        ("celery -A shop worker -B", ("-B", "--schedule", "/tmp/celerybeat-schedule")),
        ("celery -A shop beat -s state/x", ("-s", "state/x")),
        ("celery -A shop worker", ("worker",)),
    ],
)
def test_a_scheduler_remembers_in_a_folder_that_it_can_write_to(command: str, end: tuple[str, ...]) -> None:
    arguments = with_schedule(interpret(command.split(), {}))
    assert arguments[-len(end) :] == end
