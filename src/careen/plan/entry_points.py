"""What a service's command starts: its role, its first-party modules and its exec form.

Reads argument lists only; how a shell's line or a start script becomes an argument list is the
workspace's business.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from careen.errors import CareenError
from careen.plan.command_words import (
    is_python,
    module_of,
    parse_options,
    port_of,
    strip_wrappers,
    without,
    words_that_name,
)
from careen.plan.roles import Role
from careen.text.values import dataclass

HEARTBEAT_MODULE = "careen_heartbeat"
"""What careen itself has workers include: it is no module of the project, though it may lie beside its Dockerfile."""

ARQ_MODULE = "careen_arq"
"""What careen itself has in arq's place."""


class UnknownEntryPointError(CareenError):
    """The command does not say which Python module it starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStep:
    """Something that is done before the service starts: a command of Python's, or waiting for servers.

    ``arguments`` follow the interpreter. ``awaited`` are addresses as HOST:PORT, which may hold variables. ``written``
    is what today's start script says. ``required`` when the service does not start unless it went well.
    """

    written: tuple[str, ...]
    required: bool
    arguments: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    assignments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPoint:
    """``arguments`` follow the interpreter: ``("-m", "uvicorn", "shelf.api.main:app")``.

    ``modules`` are dotted names where the import graph starts, ``scripts`` files to the same end,
    ``programs`` the import names that the command itself runs. ``mentions`` are words that may name a module or file
    of the project, ``settings`` Python files that the program reads by itself. ``dropped_arguments`` are those a
    shipped service must not have, such as ``--reload``. ``before`` are steps that are taken first. ``obstacle``
    says, with file and line, why the command cannot be started as it stands.
    """

    role: Role
    arguments: tuple[str, ...]
    modules: tuple[str, ...] = ()
    scripts: tuple[PurePosixPath, ...] = ()
    programs: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    settings: tuple[PurePosixPath, ...] = ()
    ports: tuple[int, ...] = ()
    queues: tuple[str, ...] = ()
    pool: str | None = None
    dropped_arguments: tuple[str, ...] = ()
    before: tuple[FirstStep, ...] = ()
    obstacle: str | None = None


_UVICORN_FLAGS = frozenset(
    {
        "--reload",
        "--proxy-headers",
        "--no-proxy-headers",
        "--use-colors",
        "--no-use-colors",
        "--factory",
        "--no-access-log",
        "--access-log",
        "--no-server-header",
        "--no-date-header",
    }
)
_GUNICORN_FLAGS = frozenset(
    {"--reload", "--preload", "--daemon", "-D", "--enable-stdio-inheritance", "--capture-output", "--reuse-port", "-R"}
)
_CELERY_FLAGS = frozenset(
    {
        "-E",
        "--events",
        "--task-events",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
        "--purge",
        "-B",
        "--beat",
        "-q",
        "--quiet",
        "-D",
        "--detach",
        "--skip-checks",
        "--no-color",
        "-C",
    }
)
_RELOADERS = frozenset({"--reload", "--debug"})


def _uvicorn(words: tuple[str, ...]) -> EntryPoint:
    kept, dropped = without(words, _RELOADERS)
    options = parse_options(kept, _UVICORN_FLAGS)
    return EntryPoint(
        role=Role.WEB,
        arguments=("-m", "uvicorn", *kept),
        modules=tuple(module_of(operand) for operand in options.operands[:1]),
        programs=("uvicorn",),
        ports=(port_of(options.last("--port"), 8000),),
        dropped_arguments=dropped,
    )


def _gunicorn(words: tuple[str, ...]) -> EntryPoint:
    kept, dropped = without(words, _RELOADERS | {"--daemon", "-D"})
    options = parse_options(kept, _GUNICORN_FLAGS)
    worker_class = (options.last("-k", "--worker-class") or "sync").removeprefix("egg:gunicorn#")
    programs = ["gunicorn"]
    if worker_class in {"gevent", "eventlet", "tornado"}:
        programs.append(worker_class)
    mentions = [worker_class] if "." in worker_class else []
    # Without the option gunicorn reads the file of this name where it is started.
    settings = (options.last("-c", "--config") or "gunicorn.conf.py").removeprefix("file:")
    return EntryPoint(
        role=Role.WEB,
        arguments=("-m", "gunicorn", *kept),
        modules=tuple(module_of(operand) for operand in options.operands[:1]),
        programs=tuple(programs),
        mentions=(*mentions, *([settings.removeprefix("python:")] if settings.startswith("python:") else [])),
        settings=(PurePosixPath(settings),) if settings.endswith(".py") else (),
        ports=(port_of(options.last("-b", "--bind"), 8000),),
        dropped_arguments=dropped,
    )


def _server(name: str, default_port: int) -> Callable[[tuple[str, ...]], EntryPoint]:
    """Granian, Hypercorn and Daphne take ``module:application`` and a port alike."""

    def interpret(words: tuple[str, ...]) -> EntryPoint:
        kept, dropped = without(words, _RELOADERS)
        options = parse_options(kept, _UVICORN_FLAGS)
        bind = options.last("--port", "-p", "--bind", "-b")
        return EntryPoint(
            role=Role.WEB,
            arguments=("-m", name, *kept),
            modules=tuple(module_of(operand) for operand in options.operands[:1]),
            programs=(name,),
            ports=(port_of(bind, default_port),),
            dropped_arguments=dropped,
        )

    return interpret


def _fastapi(words: tuple[str, ...]) -> EntryPoint:
    kept, dropped = without(words, _RELOADERS)
    if kept[:1] == ("dev",):
        kept = ("run", *kept[1:])
    options = parse_options(kept[1:], _UVICORN_FLAGS)
    return EntryPoint(
        role=Role.WEB,
        arguments=("-m", "fastapi", *kept),
        scripts=tuple(PurePosixPath(operand) for operand in options.operands[:1]),
        # Without a path fastapi looks for these (fastapi_cli.discover).
        mentions=() if options.operands else ("main", "app.main", "app.app", "app.api"),
        programs=("fastapi", "fastapi_cli", "uvicorn"),
        ports=(port_of(options.last("--port"), 8000),),
        dropped_arguments=dropped,
    )


def _celery(words: tuple[str, ...]) -> EntryPoint:
    if words[:1] == ("multi",) or "multi" in words[:4]:
        raise UnknownEntryPointError(
            "`celery multi` starts workers and leaves, so nothing stays for the container to watch",
            hints=("start one worker in the foreground: celery -A app worker",),
        )
    kept, dropped = without(words, frozenset({"-D", "--detach"}))
    options = parse_options(kept, _CELERY_FLAGS)
    application = options.last("-A", "--app")
    modules = [module_of(application)] if application else []
    # Celery looks for the application in these too (celery.app.utils.find_app).
    mentions = tuple(f"{module}.celery" for module in modules)
    includes = options.last("-I", "--include")
    if includes:
        modules += [name for name in includes.split(",") if name and name != HEARTBEAT_MODULE]
    command = options.operands[0] if options.operands else ""
    role = {"worker": Role.WORKER, "beat": Role.BEAT, "flower": Role.FLOWER}.get(command, Role.OTHER)
    programs = ["celery"]
    if role is Role.FLOWER:
        programs.append("flower")
    pool = options.last("-P", "--pool")
    if pool in {"gevent", "eventlet"}:
        programs.append(pool)
    scheduler = options.last("-S", "--scheduler")
    if scheduler and ("." in scheduler or ":" in scheduler):
        programs.append(scheduler.partition(":")[0])
    queues = options.last("-Q", "--queues")
    return EntryPoint(
        role=role,
        arguments=("-m", "celery", *kept),
        modules=tuple(modules),
        programs=tuple(programs),
        mentions=mentions,
        ports=(port_of(options.last("--port"), 5555),) if role is Role.FLOWER else (),
        queues=tuple((queues or "celery").split(",")) if role is Role.WORKER else (),
        pool=pool,
        dropped_arguments=dropped,
    )


def _web(name: str, default_port: int, *, verbs: frozenset[str]) -> Callable[[tuple[str, ...]], EntryPoint]:
    """Frameworks that serve by a command of their own: ``flask --app shelf.web run``, ``litestar run``."""

    def interpret(words: tuple[str, ...]) -> EntryPoint:
        kept, dropped = without(words, _RELOADERS)
        options = parse_options(kept, _UVICORN_FLAGS)
        serves = not verbs or any(operand in verbs for operand in options.operands)
        port = options.last("--port", "-p", "--server.port")
        return EntryPoint(
            role=Role.WEB if serves else Role.OTHER,
            arguments=("-m", name, *kept),
            programs=(name,),
            mentions=words_that_name(kept),
            ports=(port_of(port, default_port),) if serves else (),
            dropped_arguments=dropped,
        )

    return interpret


_flask_command = _web("flask", 5000, verbs=frozenset({"run"}))


def _flask(words: tuple[str, ...]) -> EntryPoint:
    """Left alone, Flask takes the application of one of two files where it is started (flask.cli.ScriptInfo)."""
    found = _flask_command(words)
    named = parse_options(words, _UVICORN_FLAGS).last("--app", "-A") is not None
    return found if named else replace(found, settings=(PurePosixPath("wsgi.py"), PurePosixPath("app.py")))


def _runner(module: str) -> Callable[[tuple[str, ...]], EntryPoint]:
    """Job runners other than Celery: ``dramatiq shelf.jobs``, ``arq shelf.worker.Settings``, ``taskiq worker ...``."""

    def interpret(words: tuple[str, ...]) -> EntryPoint:
        kept, dropped = without(words, _RELOADERS | {"--watch", "-w"} if module == "taskiq" else _RELOADERS)
        return EntryPoint(
            role=Role.OTHER,
            arguments=("-m", module, *kept),
            programs=(module.partition(".")[0],),
            mentions=words_that_name(kept),
            dropped_arguments=dropped,
        )

    return interpret


_SUPERVISORS = frozenset(
    {"supervisord", "supervisorctl", "circusd", "honcho", "foreman", "overmind", "hivemind", "goreman", "pm2",
     "s6-svscan", "runsvdir", "systemd", "init", "crond", "cron"}
)  # fmt: skip

_PROGRAMS: Mapping[str, Callable[[tuple[str, ...]], EntryPoint]] = {
    "uvicorn": _uvicorn,
    "gunicorn": _gunicorn,
    "granian": _server("granian", 8000),
    "hypercorn": _server("hypercorn", 8000),
    "daphne": _server("daphne", 8000),
    "fastapi": _fastapi,
    "celery": _celery,
    "flask": _flask,
    "litestar": _web("litestar", 8000, verbs=frozenset({"run"})),
    "streamlit": _web("streamlit", 8501, verbs=frozenset({"run"})),
    "sanic": _web("sanic", 8000, verbs=frozenset()),
    "waitress-serve": _web("waitress", 8080, verbs=frozenset()),
    "dramatiq": _runner("dramatiq"),
    "arq": _runner("arq"),
    "rq": _runner("rq.cli"),
    "taskiq": _runner("taskiq"),
    "faststream": _runner("faststream"),
    "alembic": _runner("alembic.config"),
    # As careen writes them, and as others do behind `python -m`:
    "alembic.config": _runner("alembic.config"),
    "rq.cli": _runner("rq.cli"),
    HEARTBEAT_MODULE: _celery,
    ARQ_MODULE: _runner("arq"),
    "waitress": _web("waitress", 8080, verbs=frozenset()),
}


_CALL = re.compile(r"import sys; from (?P<module>[\w.]+) import \w+; sys\.exit\([\w.]+\(\)\)")
"""How a console script is started without its file, see below."""


def interpret(argv: Sequence[str], console_scripts: Mapping[str, str]) -> EntryPoint:
    """What ``argv`` starts.

    ``console_scripts`` maps the names of scripts that the project and its distributions install to their
    ``module:function`` (entry points specification).

    Raises UnknownEntryPointError when no Python module or script can be named.
    """
    words = strip_wrappers(argv)
    if not words:
        raise UnknownEntryPointError(
            "the service has no command", hints=("set `command:` in the compose file or CMD in the Dockerfile",)
        )
    if is_python(words[0]):
        return _python(words[1:])
    name = PurePosixPath(words[0]).name
    if name in _PROGRAMS:
        return _PROGRAMS[name](words[1:])
    if words[0].endswith(".py"):
        return _script(words)
    if name in _SUPERVISORS:
        raise UnknownEntryPointError(
            f"{name} starts several processes in one container, so no single one can be planned, watched or stopped",
            hints=(
                "make each process a service of its own in compose",
                'or name the one that counts: `entrypoint = ["python", "-m", "pkg"]` in [tool.careen.services.<name>]',
            ),
        )
    if name == "django-admin":
        return EntryPoint(
            role=Role.WEB if "runserver" in words[1:2] else Role.OTHER,
            arguments=("-m", "django", *words[1:]),
            programs=("django",),
            mentions=words_that_name(words[1:]),
            ports=(port_of(words[2] if len(words) > 2 else None, 8000),) if "runserver" in words[1:2] else (),
        )
    if name in console_scripts:
        module, _, function = console_scripts[name].partition(":")
        call = f"import sys; from {module} import {function.partition('.')[0]}; sys.exit({function}())"
        return EntryPoint(
            role=Role.OTHER,
            arguments=("-c", call, *words[1:]),
            modules=(module,),
            mentions=words_that_name(words[1:]),
        )
    raise UnknownEntryPointError(
        f"cannot tell which Python module `{' '.join(words[:4])}` starts",
        hints=('name it: `entrypoint = ["python", "-m", "package"]` in [tool.careen.services.<name>]',),
    )


def _python(words: tuple[str, ...]) -> EntryPoint:
    flags: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] not in {"-m", "-c"}:
        flags.append(rest.pop(0))
        if flags[-1] in {"-W", "-X"} and rest:
            flags.append(rest.pop(0))
    kept_flags = tuple(flag for flag in flags if flag != "-u")  # PYTHONUNBUFFERED does it for every image
    if len(rest) > 1 and rest[0] == "-m":
        module = rest[1]
        known = _PROGRAMS.get(module)
        if known is not None:
            found = known(tuple(rest[2:]))
            return replace(found, arguments=(*kept_flags, *found.arguments))
        return EntryPoint(
            role=Role.OTHER,
            arguments=(*kept_flags, *rest),
            modules=(module,),
            mentions=words_that_name(rest[2:]),
        )
    if rest and rest[0].endswith(".py"):
        script = _script(tuple(rest))
        return replace(script, arguments=(*kept_flags, *script.arguments))
    call = _CALL.fullmatch(rest[1]) if len(rest) > 1 and rest[0] == "-c" else None
    if call is not None:
        return EntryPoint(
            role=Role.OTHER,
            arguments=(*kept_flags, *rest),
            modules=(call["module"],),
            mentions=words_that_name(rest[2:]),
        )
    raise UnknownEntryPointError(
        "the command starts Python without naming a module or a script",
        hints=("start the service with `python -m package`",),
    )


def _script(words: tuple[str, ...]) -> EntryPoint:
    """``manage.py runserver`` serves; other scripts may, but do not say so."""
    if "runserver" not in words[1:2]:
        return EntryPoint(
            role=Role.OTHER,
            arguments=words,
            scripts=(PurePosixPath(words[0]),),
            mentions=words_that_name(words[1:]),
        )
    kept = tuple(word for word in words if word != "--noreload")
    address = next((word for word in words[2:] if word[-1:].isdigit()), None)
    return EntryPoint(
        role=Role.WEB,
        arguments=(*kept, "--noreload"),  # the reloader is a second process in front of the one that serves
        scripts=(PurePosixPath(words[0]),),
        programs=("django",),
        ports=(port_of(address, 8000),),
    )
