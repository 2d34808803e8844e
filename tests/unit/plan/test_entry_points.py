import shlex
from pathlib import PurePosixPath

import pytest

from careen.plan.command_words import strip_wrappers
from careen.plan.entry_points import EntryPoint, UnknownEntryPointError, interpret
from careen.plan.roles import Role

SCRIPTS = {"shelf-serve": "shelf.cli:main", "prefect": "prefect.cli:app.run"}


def entry(command: str) -> EntryPoint:
    return interpret(shlex.split(command), SCRIPTS)


@pytest.mark.parametrize(
    ("command", "role", "modules", "ports"),
    [
        ("uvicorn shelf.api.main:app --host 0.0.0.0 --port 80", Role.WEB, ("shelf.api.main",), (80,)),
        ("uvicorn --factory shelf.api:create", Role.WEB, ("shelf.api",), (8000,)),
        ("uvicorn shelf.api:app --port=9000 --proxy-headers", Role.WEB, ("shelf.api",), (9000,)),
        ("gunicorn shelf.wsgi", Role.WEB, ("shelf.wsgi",), (8000,)),
        ("gunicorn -w 4 -b 0.0.0.0:5000 'shelf.web:create_app()'", Role.WEB, ("shelf.web",), (5000,)),
        ("gunicorn --bind=:8080 -k uvicorn.workers.UvicornWorker shelf.asgi:app", Role.WEB, ("shelf.asgi",), (8080,)),
        ("granian --interface asgi shelf.main:app --port 7000", Role.WEB, ("shelf.main",), (7000,)),
        ("hypercorn shelf:app -b 0.0.0.0:81", Role.WEB, ("shelf",), (81,)),
        ("daphne -p 8001 shelf.asgi:application", Role.WEB, ("shelf.asgi",), (8001,)),
        ("celery -A shelf.worker worker -Q heavy,io -c 2", Role.WORKER, ("shelf.worker",), ()),
        ("celery --app=shelf.worker:app worker", Role.WORKER, ("shelf.worker",), ()),
        ("celery -A shelf worker -I shelf.a,shelf.b", Role.WORKER, ("shelf", "shelf.a", "shelf.b"), ()),
        ("celery -A shelf beat", Role.BEAT, ("shelf",), ()),
        ("celery -A shelf flower --port=6666", Role.FLOWER, ("shelf",), (6666,)),
        ("celery -A shelf events", Role.OTHER, ("shelf",), ()),
        ("python -m celery -A shelf worker", Role.WORKER, ("shelf",), ()),
        ("python3.11 -u -m uvicorn a:b", Role.WEB, ("a",), (8000,)),
        ("python -m shelf.jobs --once", Role.OTHER, ("shelf.jobs",), ()),
        ("shelf-serve --port 80", Role.OTHER, ("shelf.cli",), ()),
        ("prefect worker start", Role.OTHER, ("prefect.cli",), ()),
        ("flask --app shelf.web run -p 5001", Role.WEB, (), (5001,)),
        ("dramatiq shelf.jobs", Role.OTHER, (), ()),
    ],
)
def test_role_modules_and_ports_are_told_from_the_command(
    command: str, role: Role, modules: tuple[str, ...], ports: tuple[int, ...]
) -> None:
    found = entry(command)

    assert (found.role, found.modules, found.ports) == (role, modules, ports)


@pytest.mark.parametrize(
    ("command", "scripts", "role"),
    [
        ("python manage.py runserver 0.0.0.0:8000", ("manage.py",), Role.WEB),
        ("./manage.py migrate", ("manage.py",), Role.OTHER),
        ("python src/main.py --x", ("src/main.py",), Role.OTHER),
        ("fastapi run app/main.py --port 80", ("app/main.py",), Role.WEB),
    ],
)
def test_scripts_are_files_of_the_project(command: str, scripts: tuple[str, ...], role: Role) -> None:
    found = entry(command)

    assert (tuple(map(str, found.scripts)), found.role) == (scripts, role)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("uvicorn a:b --reload", ("-m", "uvicorn", "a:b")),
        ("fastapi dev main.py", ("-m", "fastapi", "run", "main.py")),
        ("gunicorn a --daemon --reload", ("-m", "gunicorn", "a")),
        ("python -u manage.py runserver", ("manage.py", "runserver", "--noreload")),
        ("python -X dev -m shelf", ("-X", "dev", "-m", "shelf")),
    ],
)
def test_what_suits_no_shipped_service_is_dropped(command: str, arguments: tuple[str, ...]) -> None:
    assert entry(command).arguments == arguments


@pytest.mark.parametrize(
    ("command", "rest"),
    [
        ("uv run --no-sync uvicorn a:b", ["uvicorn", "a:b"]),
        ("uv run --extra x --frozen -- celery -A a worker", ["celery", "-A", "a", "worker"]),
        ("poetry run python -m a", ["python", "-m", "a"]),
        ("tini -g -- gosu app gunicorn a", ["gunicorn", "a"]),
        ("env A=1 B=2 python -m a", ["python", "-m", "a"]),
        ("newrelic-admin run-program uvicorn a:b", ["uvicorn", "a:b"]),
        ("opentelemetry-instrument --traces_exporter=x gunicorn a", ["gunicorn", "a"]),
        ("timeout --signal KILL 3600 python -m shelf.sweep", ["python", "-m", "shelf.sweep"]),
        ("nice -n 5 celery -A shelf worker", ["celery", "-A", "shelf", "worker"]),
    ],
)
def test_wrappers_are_seen_through(command: str, rest: list[str]) -> None:
    assert list(strip_wrappers(shlex.split(command))) == rest


def test_the_worker_class_and_the_settings_of_gunicorn_are_needed_too() -> None:
    found = entry("gunicorn -k uvicorn.workers.UvicornWorker -c conf/gunicorn.py shelf:app")

    assert found.programs == ("gunicorn",)
    assert found.mentions == ("uvicorn.workers.UvicornWorker",)
    assert found.settings == (PurePosixPath("conf/gunicorn.py"),)
    assert entry("gunicorn shelf:app").settings == (PurePosixPath("gunicorn.conf.py"),)
    assert entry("gunicorn -k gevent shelf:app").programs == ("gunicorn", "gevent")


def test_celerys_pool_scheduler_and_usual_place_are_needed_too() -> None:
    assert entry("celery -A s worker -P gevent").programs == ("celery", "gevent")
    assert (
        "django_celery_beat.schedulers"
        in entry("celery -A s beat -S django_celery_beat.schedulers:DatabaseScheduler").programs
    )
    assert entry("celery -A shelf worker").mentions == ("shelf.celery",)


def test_words_that_may_name_a_module_are_kept_for_those_who_know_the_project() -> None:
    assert entry("dramatiq shelf.jobs --processes=2").mentions == ("shelf.jobs", "2")


@pytest.mark.parametrize(
    ("command", "reason", "hint"),
    [
        ("supervisord -c /etc/supervisord.conf", "several processes in one container", "a service of its own"),
        ("honcho start", "several processes", "a service of its own"),
        ("celery multi start w1 -A shelf", "starts workers and leaves", "in the foreground"),
        ("nginx -g 'daemon off;'", "cannot tell which Python module", "entrypoint ="),
        ("python", "without naming a module", "python -m package"),
        ("", "has no command", "command:"),
    ],
)
def test_what_names_no_module_is_refused_with_a_hint(command: str, reason: str, hint: str) -> None:
    with pytest.raises(UnknownEntryPointError, match=reason) as caught:
        entry(command)

    assert any(hint in text for text in caught.value.hints)


def test_flask_that_is_told_no_application_looks_into_two_files() -> None:
    assert interpret(["flask", "db", "upgrade"], {}).settings == (PurePosixPath("wsgi.py"), PurePosixPath("app.py"))
    assert interpret(["flask", "--app", "shop", "run"], {}).settings == ()
