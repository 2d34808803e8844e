"""What a service's command starts: its role, its first-party modules and its exec form.

Reads argument lists only; how a shell's line or a start script becomes an argument list is the
workspace's business.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from careen.errors import CareenError
from careen.plan.roles import Role
from careen.text.values import dataclass

HEARTBEAT_MODULE = "careen_heartbeat"
"""What careen itself has workers include: it is no module of the project, though it may lie beside its Dockerfile."""


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


_RUNNERS: Mapping[str, frozenset[str]] = {
    # A runner in front of the command, and those of its options that take a value.
    "uv run": frozenset(
        {"--extra", "--group", "--only-group", "--no-group", "--project", "--directory", "--with", "-p", "--python"}
    ),
    "poetry run": frozenset({"--directory", "-C", "--project", "-P"}),
    "pdm run": frozenset({"--project", "-p"}),
    "pipenv run": frozenset(),
    "hatch run": frozenset(),
}
_WRAPPERS = frozenset(
    {
        "exec",
        "tini",
        "dumb-init",
        "gosu",
        "su-exec",
        "nice",
        "nohup",
        "env",
        "ddtrace-run",
        "opentelemetry-instrument",
        "newrelic-admin",
        "timeout",
    }
)
_WRAPPER_WORDS: Mapping[str, int] = {"gosu": 1, "su-exec": 1, "newrelic-admin": 1, "timeout": 1}
"""Operands of a wrapper that come before the command it runs."""

_WRAPPER_VALUES: Mapping[str, frozenset[str]] = {
    "timeout": frozenset({"-s", "--signal", "-k", "--kill-after"}),
    "nice": frozenset({"-n"}),
    "env": frozenset({"-u", "-C"}),
    "tini": frozenset({"-e", "-p"}),
}
"""Options of a wrapper that take the next word."""


def strip_wrappers(argv: Sequence[str]) -> tuple[str, ...]:
    """The command behind ``uv run``, ``tini --``, ``gosu user`` and their like."""
    words = list(argv)
    while words:
        name = PurePosixPath(words[0]).name
        runner = _RUNNERS.get(f"{name} {words[1]}") if len(words) > 1 else None
        if runner is not None:
            words = _skip_options(words[2:], runner)
        elif name in _WRAPPERS and len(words) > 1:
            rest = words[1:]
            while rest and (rest[0].startswith("-") or (name == "env" and "=" in rest[0])):
                end = rest[0] == "--"
                rest = rest[2:] if rest[0] in _WRAPPER_VALUES.get(name, ()) else rest[1:]
                if end:
                    break
            words = rest[_WRAPPER_WORDS.get(name, 0) :]
        else:
            break
    return tuple(words)


def _skip_options(words: list[str], with_value: frozenset[str]) -> list[str]:
    while words and words[0].startswith("-"):
        if words[0] == "--":
            return words[1:]
        words = words[2:] if words[0] in with_value else words[1:]
    return words


def is_python(word: str) -> bool:
    """``python``, ``python3``, ``/opt/venv/bin/python3.11`` and so on."""
    name = PurePosixPath(word).name
    return name == "python" or (name.startswith("python3") and name[7:].lstrip(".").isdigit()) or name == "python3"


@dataclass(frozen=True, slots=True)
class _Options:
    """A command line split into options and operands, knowing which options take a value."""

    values: tuple[tuple[str, str], ...]
    operands: tuple[str, ...]

    def last(self, *names: str) -> str | None:
        found = [value for name, value in self.values if name in names]
        return found[-1] if found else None


def _parse_options(words: Sequence[str], flags: frozenset[str]) -> _Options:
    """Every option takes a value unless it is in ``flags``, has ``=`` in it or is followed by an option."""
    values: list[tuple[str, str]] = []
    operands: list[str] = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word == "--":
            operands += words[index:]
            break
        if not word.startswith("-") or word == "-":
            operands.append(word)
            continue
        name, has_value, value = word.partition("=")
        if not has_value and not word.startswith("--") and len(word) > 2:
            name, value, has_value = word[:2], word[2:], "="
        if has_value or name in flags or index == len(words) or words[index].startswith("-"):
            values.append((name, value))
        else:
            values.append((name, words[index]))
            index += 1
    return _Options(tuple(values), tuple(operands))


def _module_of(reference: str) -> str:
    """``pkg.main`` of ``pkg.main:app`` and of ``pkg.main:create_app()``."""
    return reference.partition(":")[0]


def _port(text: str | None, default: int) -> int:
    """The port of ``8000``, ``:8000`` and ``0.0.0.0:8000``; ``default`` when it is not a number."""
    digits = (text or "").rpartition(":")[2]
    return int(digits) if digits.isdigit() else default


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


def _without(words: Sequence[str], unwanted: frozenset[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    kept = tuple(word for word in words if word.partition("=")[0] not in unwanted)
    return kept, tuple(word for word in words if word.partition("=")[0] in unwanted)


def _uvicorn(words: tuple[str, ...]) -> EntryPoint:
    kept, dropped = _without(words, _RELOADERS)
    options = _parse_options(kept, _UVICORN_FLAGS)
    return EntryPoint(
        role=Role.WEB,
        arguments=("-m", "uvicorn", *kept),
        modules=tuple(_module_of(operand) for operand in options.operands[:1]),
        programs=("uvicorn",),
        ports=(_port(options.last("--port"), 8000),),
        dropped_arguments=dropped,
    )


def _gunicorn(words: tuple[str, ...]) -> EntryPoint:
    kept, dropped = _without(words, _RELOADERS | {"--daemon", "-D"})
    options = _parse_options(kept, _GUNICORN_FLAGS)
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
        modules=tuple(_module_of(operand) for operand in options.operands[:1]),
        programs=tuple(programs),
        mentions=(*mentions, *([settings.removeprefix("python:")] if settings.startswith("python:") else [])),
        settings=(PurePosixPath(settings),) if settings.endswith(".py") else (),
        ports=(_port(options.last("-b", "--bind"), 8000),),
        dropped_arguments=dropped,
    )


def _server(name: str, default_port: int) -> Callable[[tuple[str, ...]], EntryPoint]:
    """Granian, Hypercorn and Daphne take ``module:application`` and a port alike."""

    def interpret(words: tuple[str, ...]) -> EntryPoint:
        kept, dropped = _without(words, _RELOADERS)
        options = _parse_options(kept, _UVICORN_FLAGS)
        bind = options.last("--port", "-p", "--bind", "-b")
        return EntryPoint(
            role=Role.WEB,
            arguments=("-m", name, *kept),
            modules=tuple(_module_of(operand) for operand in options.operands[:1]),
            programs=(name,),
            ports=(_port(bind, default_port),),
            dropped_arguments=dropped,
        )

    return interpret


def _fastapi(words: tuple[str, ...]) -> EntryPoint:
    kept, dropped = _without(words, _RELOADERS)
    if kept[:1] == ("dev",):
        kept = ("run", *kept[1:])
    options = _parse_options(kept[1:], _UVICORN_FLAGS)
    return EntryPoint(
        role=Role.WEB,
        arguments=("-m", "fastapi", *kept),
        scripts=tuple(PurePosixPath(operand) for operand in options.operands[:1]),
        # Without a path fastapi looks for these (fastapi_cli.discover).
        mentions=() if options.operands else ("main", "app.main", "app.app", "app.api"),
        programs=("fastapi", "fastapi_cli", "uvicorn"),
        ports=(_port(options.last("--port"), 8000),),
        dropped_arguments=dropped,
    )


def _celery(words: tuple[str, ...]) -> EntryPoint:
    if words[:1] == ("multi",) or "multi" in words[:4]:
        raise UnknownEntryPointError(
            "`celery multi` starts workers and leaves, so nothing stays for the container to watch",
            hints=("start one worker in the foreground: celery -A app worker",),
        )
    kept, dropped = _without(words, frozenset({"-D", "--detach"}))
    options = _parse_options(kept, _CELERY_FLAGS)
    application = options.last("-A", "--app")
    modules = [_module_of(application)] if application else []
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
        ports=(_port(options.last("--port"), 5555),) if role is Role.FLOWER else (),
        queues=tuple((queues or "celery").split(",")) if role is Role.WORKER else (),
        pool=pool,
        dropped_arguments=dropped,
    )


def _web(name: str, default_port: int, *, verbs: frozenset[str]) -> Callable[[tuple[str, ...]], EntryPoint]:
    """Frameworks that serve by a command of their own: ``flask --app shelf.web run``, ``litestar run``."""

    def interpret(words: tuple[str, ...]) -> EntryPoint:
        kept, dropped = _without(words, _RELOADERS)
        options = _parse_options(kept, _UVICORN_FLAGS)
        serves = not verbs or any(operand in verbs for operand in options.operands)
        port = options.last("--port", "-p", "--server.port")
        return EntryPoint(
            role=Role.WEB if serves else Role.OTHER,
            arguments=("-m", name, *kept),
            programs=(name,),
            mentions=_words_that_name(kept),
            ports=(_port(port, default_port),) if serves else (),
            dropped_arguments=dropped,
        )

    return interpret


def _runner(module: str) -> Callable[[tuple[str, ...]], EntryPoint]:
    """Job runners other than Celery: ``dramatiq shelf.jobs``, ``arq shelf.worker.Settings``, ``taskiq worker ...``."""

    def interpret(words: tuple[str, ...]) -> EntryPoint:
        kept, dropped = _without(words, _RELOADERS | {"--watch", "-w"} if module == "taskiq" else _RELOADERS)
        return EntryPoint(
            role=Role.OTHER,
            arguments=("-m", module, *kept),
            programs=(module.partition(".")[0],),
            mentions=_words_that_name(kept),
            dropped_arguments=dropped,
        )

    return interpret


def _words_that_name(words: Sequence[str]) -> tuple[str, ...]:
    """Words, and the values of ``--option=value``, that are no options themselves."""
    values = (word.partition("=")[2] if word.startswith("-") else word for word in words)
    return tuple(value for value in values if value)


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
    "flask": _web("flask", 5000, verbs=frozenset({"run"})),
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
            mentions=_words_that_name(words[1:]),
            ports=(_port(words[2] if len(words) > 2 else None, 8000),) if "runserver" in words[1:2] else (),
        )
    if name in console_scripts:
        module, _, function = console_scripts[name].partition(":")
        call = f"import sys; from {module} import {function.partition('.')[0]}; sys.exit({function}())"
        return EntryPoint(
            role=Role.OTHER,
            arguments=("-c", call, *words[1:]),
            modules=(module,),
            mentions=_words_that_name(words[1:]),
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
            mentions=_words_that_name(rest[2:]),
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
            mentions=_words_that_name(rest[2:]),
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
            mentions=_words_that_name(words[1:]),
        )
    kept = tuple(word for word in words if word != "--noreload")
    address = next((word for word in words[2:] if word[-1:].isdigit()), None)
    return EntryPoint(
        role=Role.WEB,
        arguments=(*kept, "--noreload"),  # the reloader is a second process in front of the one that serves
        scripts=(PurePosixPath(words[0]),),
        programs=("django",),
        ports=(_port(address, 8000),),
    )
