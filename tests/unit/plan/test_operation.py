import pytest

from careen.config import ServiceConfig
from careen.plan.entry_points import interpret
from careen.plan.operation import (
    health_check,
    limits,
    stop_grace_seconds,
    stop_signal,
    with_heartbeat,
)
from careen.plan.own_checks import OwnCheck
from careen.plan.roles import Role
from careen.plan.source_hints import SourceHints, read_hints
from fakes.stacks import RUNTIME

NOTHING = ServiceConfig()
NO_HINTS = SourceHints(health_paths=(), time_limit_seconds=None)


def test_health_routes_and_time_limits_are_read_from_the_sources() -> None:
    hints = read_hints(
        {
            "shop.main": 'app = FastAPI()\n@app.get("/status")\n@app.get("/api/health")\ndef alive(): ...\n',
            "shop.settings": "task_time_limit = 5 * 60\nCELERY_TASK_SOFT_TIME_LIMIT=30",
        }
    )

    assert hints == SourceHints(health_paths=("/api/health", "/status"), time_limit_seconds=300)


@pytest.mark.parametrize(
    ("command", "tail"),
    [
        ("uvicorn a:b --port 81", ("http", "81", "/live", "below=500")),
        ("celery -A a flower", ("http", "5555", "/healthcheck")),
        ("celery -A a worker", ("heartbeat", "/tmp/careen-heartbeat", "60")),
        ("celery -A a beat", ("heartbeat", "/tmp/careen-heartbeat", "60")),
        ("arq a.Settings", ("heartbeat", "/tmp/careen-heartbeat", "60")),
    ],
)
def test_each_role_has_a_check_without_shell_or_application(command: str, tail: tuple[str, ...]) -> None:
    hints = SourceHints(health_paths=("/live",), time_limit_seconds=None)

    check = health_check(interpret(command.split(), {}), RUNTIME, hints, NOTHING)

    assert check is not None
    assert check.argv[0] == str(RUNTIME.executable)
    assert check.argv[-len(tail) :] == tail


@pytest.mark.parametrize(
    ("command", "own", "tail"),
    [
        ("uvicorn a:b --port 81", OwnCheck(port=81, path="/own"), ("http", "81", "/own")),
        ("uvicorn a:b --port 81", OwnCheck(port=None, path="/own", below=500), ("http", "81", "/own", "below=500")),
        (
            "uvicorn a:b",
            OwnCheck(port=9, path="/", host="shop.example", method="HEAD"),
            ("http", "9", "/", "host=shop.example", "method=HEAD"),
        ),
        ("uvicorn a:b --port 81", OwnCheck(port=81), ("http", "81", "/live", "below=500")),
        ("uvicorn a:b --ssl-certfile c --port 81", OwnCheck(port=81), ("tcp", "81")),
        ("uvicorn a:b --ssl-certfile c --port 81", None, ("tcp", "81")),
        (
            "celery -A a flower",
            OwnCheck(port=5555, path="/flower/healthcheck"),
            ("http", "5555", "/flower/healthcheck"),
        ),
        ("python -m a", OwnCheck(port=9), ("tcp", "9")),
    ],
)
def test_what_the_project_asks_itself_comes_before_what_careen_finds(
    command: str, own: OwnCheck | None, tail: tuple[str, ...]
) -> None:
    hints = SourceHints(health_paths=("/live",), time_limit_seconds=None)

    check = health_check(interpret(command.split(), {}), RUNTIME, hints, NOTHING, own)

    assert check is not None
    assert check.argv[-len(tail) - 1 :] == ("/opt/careen/health.py", *tail)


def test_the_projects_own_times_are_kept_and_a_long_answer_is_waited_for() -> None:
    own = OwnCheck(port=8000, path="/", interval=30, timeout=10, start_period=90, retries=5)

    check = health_check(interpret(["uvicorn", "a:b"], {}), RUNTIME, NO_HINTS, NOTHING, own)

    assert check is not None
    assert (check.interval, check.timeout, check.start_period, check.retries) == (30, 10, 90, 5)
    assert check.argv[-1] == "within=9.5"


def test_a_path_that_was_guessed_calls_no_service_sick() -> None:
    check = health_check(interpret(["uvicorn", "a:b"], {}), RUNTIME, NO_HINTS, NOTHING)

    assert check is not None
    assert check.argv[-4:] == ("http", "8000", "/", "below=500")


def test_the_users_check_comes_first_and_a_script_has_none() -> None:
    own = ServiceConfig(health_command=("true",))
    script = interpret(["python", "bot.py"], {})

    assert health_check(script, RUNTIME, NO_HINTS, NOTHING) is None
    found = health_check(script, RUNTIME, NO_HINTS, own)
    assert found is not None
    assert found.argv == ("true",)


def test_grace_is_the_users_then_composes_then_the_longest_tasks() -> None:
    hints = SourceHints(health_paths=(), time_limit_seconds=120)

    assert stop_grace_seconds(Role.WORKER, hints, 30, ServiceConfig(stop_grace_seconds=7)) == 7
    assert stop_grace_seconds(Role.WORKER, hints, 30, NOTHING) == 30
    assert stop_grace_seconds(Role.WORKER, hints, None, NOTHING) == 125
    assert stop_grace_seconds(Role.WEB, hints, None, NOTHING) == 20


def test_heavy_services_get_more_memory() -> None:
    light, heavy = limits(Role.WORKER, 10**6, NOTHING), limits(Role.WORKER, 4 * 10**8, NOTHING)

    assert heavy.memory_bytes > light.memory_bytes
    assert limits(Role.WORKER, 4 * 10**8, ServiceConfig(memory_bytes=5)).memory_bytes == 5
    assert not light.observed


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("celery -A a worker", ("--include", "careen_heartbeat")),
        ("celery -A a worker --include=b", ("--include=b,careen_heartbeat",)),
        ("celery -A a worker -I b", ("-I", "b,careen_heartbeat")),
    ],
)
def test_the_heartbeat_joins_what_is_included(command: str, expected: tuple[str, ...]) -> None:
    words = with_heartbeat(interpret(command.split(), {}))

    assert words[-len(expected) :] == expected


@pytest.mark.parametrize(
    ("command", "module"),
    [
        ("celery -A a beat -l info", "careen_heartbeat"),
        ("python -m careen_heartbeat -A a beat -l info", "careen_heartbeat"),
        ("python -u -W ignore -m celery -A a beat", "careen_heartbeat"),
        ("arq a.Settings", "careen_arq"),
        ("python -m careen_arq a.Settings", "careen_arq"),
    ],
)
def test_a_program_that_includes_nothing_is_started_by_what_keeps_its_heartbeat(command: str, module: str) -> None:
    entry = interpret(command.split(), {})

    words = with_heartbeat(entry)

    position = words.index("-m") + 1
    assert words[position] == module
    assert (*words[:position], *words[position + 1 :]) == (
        *entry.arguments[:position],
        *entry.arguments[position + 1 :],
    )
    assert entry.arguments[position] in {"celery", "arq"}


@pytest.mark.parametrize("command", ["celery -A a flower", "uvicorn a:b", "python bot.py"])
def test_others_have_no_heartbeat(command: str) -> None:
    entry = interpret(command.split(), {})

    assert with_heartbeat(entry) == entry.arguments


@pytest.mark.parametrize("written", ["--include careen_heartbeat", "--include=b,careen_heartbeat"])
def test_a_command_that_careen_wrote_stays_as_it_is(written: str) -> None:
    entry = interpret(f"celery -A a worker {written}".split(), {})

    assert with_heartbeat(entry) == entry.arguments
    assert "careen_heartbeat" not in entry.modules, "it is no module of the project"


@pytest.mark.parametrize(
    ("command", "text", "declared", "expected"),
    [
        ("python manage.py runserver 0.0.0.0:8000", "", None, "SIGINT"),
        ("flask --app shop run --host 0.0.0.0", "", None, "SIGINT"),
        ("python bot.py", "", None, "SIGINT"),
        ("python bot.py", "signal.signal(signal.SIGTERM, stop)", None, "SIGTERM"),
        ("python bot.py", "", "SIGUSR1", "SIGUSR1"),
        ("gunicorn a:b", "", None, "SIGTERM"),
        ("gunicorn a:b", "", "SIGQUIT", "SIGQUIT"),
        ("celery -A a worker", "", None, "SIGTERM"),
    ],
)
def test_a_program_without_a_handler_is_stopped_by_the_signal_that_python_handles(
    command: str, text: str, declared: str | None, expected: str
) -> None:
    hints = read_hints({"a": text})

    assert stop_signal(interpret(command.split(), {}), hints, declared) == expected
