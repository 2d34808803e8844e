"""The steps before a service: what of a start script an image takes over, and the program that takes them."""

import os
import signal
import socket
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path, PurePosixPath

import pytest

from careen.findings import Place
from careen.plan.starting import awaited_addresses, first_step, start_words
from careen.workspace.launch import Launch, LaunchInput, resolve_launch

PROGRAM = str(resources.files("careen.plan") / "shipped" / "start.py")
PYTHON = PurePosixPath("/usr/bin/python3.11")
PLACE = Place(path=PurePosixPath("Dockerfile"), line=1, end_line=1)


def launch_of(script: str) -> Launch:
    given = LaunchInput(entrypoint=("/start.sh",), command=(), place=PLACE, from_compose=False)
    launch = resolve_launch(given, {}, {"/start.sh": (PurePosixPath("start.sh"), script)}.get)
    assert launch is not None
    return launch


def taken(script: str, *, has_room: bool = False) -> list[tuple[str, ...]]:
    """The steps of a script that an image takes, as exec forms."""
    steps = [first_step(step, {}, has_room=has_room) for step in launch_of(script).prelude]
    return [step.awaited or step.arguments for step in steps if step is not None]


@pytest.mark.parametrize(
    ("script", "required"),
    [
        ("set -e\nalembic upgrade head\nexec uvicorn shop:app\n", True),
        ("#!/bin/sh\nset -eu\nalembic upgrade head\nexec uvicorn shop:app\n", True),
        ("set -o errexit\nalembic upgrade head\nexec uvicorn shop:app\n", True),
        ("alembic upgrade head && exec uvicorn shop:app\n", True),
        ("alembic upgrade head || exit 1\nexec uvicorn shop:app\n", True),
        ("alembic upgrade head\nexec uvicorn shop:app\n", False),
        ("set -e\nalembic upgrade head || true\nexec uvicorn shop:app\n", False),
    ],
)
def test_a_migration_is_kept_with_what_its_failure_means(script: str, required: bool) -> None:
    steps = [first_step(step, {}, has_room=False) for step in launch_of(script).prelude]

    found = [(step.arguments, step.required) for step in steps if step is not None]

    assert found == [(("-m", "alembic.config", "upgrade", "head"), required)]


@pytest.mark.parametrize(
    "script",
    [
        'if [ "$MIGRATE" = 1 ]; then alembic upgrade head; fi\nexec uvicorn shop:app\n',
        "test -f done || alembic upgrade head\nexec uvicorn shop:app\n",
        "alembic upgrade head | tee log\nexec uvicorn shop:app\n",
        "alembic upgrade head > log\nexec uvicorn shop:app\n",
        "alembic upgrade head &\nexec uvicorn shop:app\n",
        "alembic upgrade $REVISION\nexec uvicorn shop:app\n",
        "until alembic upgrade head; do sleep 1; done\nexec uvicorn shop:app\n",
        "./migrate\nexec uvicorn shop:app\n",
        "alembic upgrade head || ./undo\nexec uvicorn shop:app\n",
    ],
)
def test_what_a_condition_or_a_shell_decides_is_not_taken(script: str) -> None:
    assert taken(script) == []


@pytest.mark.parametrize(
    ("script", "address"),
    [
        ("while ! nc -z db 5432; do sleep 0.1; done\nexec uvicorn shop:app\n", "db:5432"),
        (
            "until nc -z $SQL_HOST ${SQL_PORT:-5432}; do sleep 1; done\nexec uvicorn a:b\n",
            "$SQL_HOST:5432",
        ),
        ("until pg_isready -h db -U me; do sleep 1; done\nexec uvicorn shop:app\n", "db:5432"),
        ("./wait-for-it.sh db:5432 -t 30\nexec uvicorn shop:app\n", "db:5432"),
        ("exec ./wait-for-it.sh db:5432 -- uvicorn shop:app\n", "db:5432"),
        ("until redis-cli -h cache ping; do :; done\nexec uvicorn shop:app\n", "cache:6379"),
    ],
)
def test_waiting_for_a_server_is_kept(script: str, address: str) -> None:
    assert taken(script) == [(address,)]


def test_a_look_that_is_no_loop_is_not_waited_for() -> None:
    assert taken("if nc -z db 5432; then echo there; fi\nexec uvicorn shop:app\n") == []


def test_addresses_that_a_shell_computes_are_not_taken() -> None:
    assert awaited_addresses(("nc", "-z", "$(cat host)", "5432")) == ()


def test_files_are_made_only_where_there_is_room() -> None:
    script = "python manage.py collectstatic --no-input\nexec gunicorn shop.wsgi\n"

    assert taken(script) == []
    assert taken(script, has_room=True) == [("manage.py", "collectstatic", "--no-input")]


def test_where_a_step_stands_is_known() -> None:
    (step,) = launch_of("#!/bin/sh\nset -e\n\nalembic upgrade head\nexec uvicorn shop:app\n").prelude

    assert step.place == (PurePosixPath("start.sh"), 4)


def test_what_is_written_is_read_back() -> None:
    script = (
        "set -e\nexport A=1\nwhile ! nc -z db 5432; do sleep 1; done\nalembic upgrade head\nexec uvicorn shop:app\n"
    )
    steps = [first_step(step, {}, has_room=False) for step in launch_of(script).prelude]
    words = start_words(PYTHON, [step for step in steps if step], ("-m", "uvicorn", "shop:app"))

    again = resolve_launch(
        LaunchInput(entrypoint=words, command=(), place=PLACE, from_compose=False), {}, lambda _: None
    )

    assert again is not None
    assert again.argv == (str(PYTHON), "-m", "uvicorn", "shop:app")
    assert not again.shell_in_front
    more = [first_step(step, {}, has_room=False) for step in again.prelude]
    assert start_words(PYTHON, [step for step in more if step], ("-m", "uvicorn", "shop:app")) == words


def test_without_steps_the_service_starts_by_itself() -> None:
    assert start_words(PYTHON, (), ("-m", "uvicorn", "shop:app")) == (str(PYTHON), "-m", "uvicorn", "shop:app")


def test_an_own_script_called_start_is_no_start_program() -> None:
    given = LaunchInput(entrypoint=("python", "start.py", "--now"), command=(), place=PLACE, from_compose=False)
    launch = resolve_launch(given, {}, lambda _: None)

    assert launch is not None
    assert launch.argv == ("python", "start.py", "--now")
    assert launch.prelude == ()


# The program


def started(*words: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", PROGRAM, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, **(environment or {})},
    )


def test_steps_run_in_order_and_the_service_has_their_process() -> None:
    done = started(
        "sh", "-c", "echo one $PPID", "--then", "A=2", "sh", "-c", "echo two $A", "--then", "sh", "-c", "echo main $$"
    )

    one, two, main = done.stdout.splitlines()
    assert done.returncode == 0
    assert two == "two 2"
    assert one.split()[1] == main.split()[1]


def test_a_step_that_fails_keeps_the_service_from_starting() -> None:
    done = started("sh", "-c", "exit 3", "--then", "echo", "main")

    assert (done.returncode, done.stdout) == (3, "")
    assert "ended with 3" in done.stderr


def test_a_step_may_fail_where_the_script_did_not_care() -> None:
    done = started("sh", "-c", "exit 3", "--anyway", "echo", "main")

    assert (done.returncode, done.stdout) == (0, "main\n")


def test_a_signal_ends_the_step_and_no_other_begins(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = f"trap 'echo stopped > {mark}; exit 0' TERM; echo ready > {mark}; while :; do sleep 0.05; done"
    with subprocess.Popen([sys.executable, "-I", PROGRAM, "sh", "-c", script, "--anyway", "touch", f"{mark}2"]) as run:
        deadline = time.monotonic() + 20
        while not mark.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        run.send_signal(signal.SIGTERM)
        assert run.wait(20) == 128 + signal.SIGTERM
    assert mark.read_text() == "stopped\n"
    assert not Path(f"{mark}2").exists()


def test_it_waits_until_something_listens() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        with subprocess.Popen(
            [sys.executable, "-I", PROGRAM, "wait-for", "$HOST:${PORT:-1}", "--then", "echo", "there"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "HOST": "127.0.0.1", "PORT": str(port)},
        ) as run:
            assert run.stderr is not None
            assert f"waiting for 127.0.0.1:{port}" in run.stderr.readline()
            server.listen()
            out, _ = run.communicate(timeout=20)
    assert (run.returncode, out) == (0, "there\n")


def test_where_no_host_is_named_there_is_nothing_to_wait_for() -> None:
    done = started("wait-for", "$SQL_HOST_OF_NOBODY:5432", "--then", "echo", "main")

    assert (done.returncode, done.stdout) == (0, "main\n")


@pytest.mark.parametrize(
    "waits",
    ['./wait-for-it.sh "$DB_HOST:5432"', "wait-for-it.sh $DB_HOST:5432 -t 30", "/app/wait_for_it.sh $DB_HOST:5432"],
)
def test_a_waiter_is_taken_over_though_the_container_alone_knows_its_host(waits: str) -> None:
    assert taken(f"#!/bin/sh\n{waits}\nexec uvicorn shop:app\n") == [("$DB_HOST:5432",)]


def test_a_waiter_that_only_sometimes_waits_is_not_taken_over() -> None:
    assert taken('#!/bin/sh\nif [ "$WAIT" ]; then wait-for-it $DB_HOST:5432; fi\nexec uvicorn shop:app\n') == []
