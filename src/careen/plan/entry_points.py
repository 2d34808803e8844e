"""What a service's command starts: its role, its first-party modules and its exec form.

Reads argument lists only; how a shell's line or a start script becomes an argument list is the
workspace's business.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from careen.errors import CareenError
from careen.plan.roles import Role


class UnknownEntryPointError(CareenError):
    """The command does not say which Python module it starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPoint:
    """``arguments`` follow the interpreter: ``("-m", "uvicorn", "shelf.api.main:app")``.

    ``modules`` are dotted names where the import graph starts, ``scripts`` files to the same end,
    ``programs`` the import names that the command itself runs. ``dropped_arguments`` are those a shipped
    service must not have, such as ``--reload``.
    """

    role: Role
    arguments: tuple[str, ...]
    modules: tuple[str, ...] = ()
    scripts: tuple[PurePosixPath, ...] = ()
    programs: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    queues: tuple[str, ...] = ()
    pool: str | None = None
    dropped_arguments: tuple[str, ...] = ()


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
    }
)
_WRAPPER_WORDS: Mapping[str, int] = {"gosu": 1, "su-exec": 1, "newrelic-admin": 1}
"""Operands of a wrapper that come before the command it runs."""


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
                rest = rest[1:]
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
    worker_class = options.last("-k", "--worker-class") or "sync"
    programs = ["gunicorn"]
    if "." in worker_class:
        programs.append(worker_class.partition(".")[0])
    elif worker_class in {"gevent", "eventlet", "tornado"}:
        programs.append(worker_class)
    return EntryPoint(
        role=Role.WEB,
        arguments=("-m", "gunicorn", *kept),
        modules=tuple(_module_of(operand) for operand in options.operands[:1]),
        programs=tuple(programs),
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
        programs=("fastapi", "fastapi_cli", "uvicorn"),
        ports=(_port(options.last("--port"), 8000),),
        dropped_arguments=dropped,
    )


def _celery(words: tuple[str, ...]) -> EntryPoint:
    kept, dropped = _without(words, frozenset({"-D", "--detach"}))
    options = _parse_options(kept, _CELERY_FLAGS)
    application = options.last("-A", "--app")
    modules = [_module_of(application)] if application else []
    includes = options.last("-I", "--include")
    if includes:
        modules += [name for name in includes.split(",") if name]
    command = options.operands[0] if options.operands else ""
    role = {"worker": Role.WORKER, "beat": Role.BEAT, "flower": Role.FLOWER}.get(command, Role.OTHER)
    programs = ["celery"]
    if role is Role.FLOWER:
        programs.append("flower")
    pool = options.last("-P", "--pool")
    if pool in {"gevent", "eventlet"}:
        programs.append(pool)
    scheduler = options.last("-S", "--scheduler")
    if scheduler and "." in scheduler:
        programs.append(scheduler.partition(".")[0])
    queues = options.last("-Q", "--queues")
    return EntryPoint(
        role=role,
        arguments=("-m", "celery", *kept),
        modules=tuple(modules),
        programs=tuple(programs),
        ports=(_port(options.last("--port"), 5555),) if role is Role.FLOWER else (),
        queues=tuple((queues or "celery").split(",")) if role is Role.WORKER else (),
        pool=pool,
        dropped_arguments=dropped,
    )


_PROGRAMS: Mapping[str, Callable[[tuple[str, ...]], EntryPoint]] = {
    "uvicorn": _uvicorn,
    "gunicorn": _gunicorn,
    "granian": _server("granian", 8000),
    "hypercorn": _server("hypercorn", 8000),
    "daphne": _server("daphne", 8000),
    "fastapi": _fastapi,
    "celery": _celery,
}


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
    if name in console_scripts:
        module, _, function = console_scripts[name].partition(":")
        call = f"import sys; from {module} import {function.partition('.')[0]}; sys.exit({function}())"
        return EntryPoint(role=Role.OTHER, arguments=("-c", call, *words[1:]), modules=(module,))
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
        return EntryPoint(role=Role.OTHER, arguments=(*kept_flags, *rest), modules=(module,))
    if rest and rest[0].endswith(".py"):
        script = _script(tuple(rest))
        return replace(script, arguments=(*kept_flags, *script.arguments))
    raise UnknownEntryPointError(
        "the command starts Python without naming a module or a script",
        hints=("start the service with `python -m package`",),
    )


def _script(words: tuple[str, ...]) -> EntryPoint:
    role = Role.WEB if "runserver" in words[1:2] else Role.OTHER
    return EntryPoint(role=role, arguments=words, scripts=(PurePosixPath(words[0]),))
