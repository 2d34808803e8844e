"""How a service is run: health check, limits, grace period, folders it may write to.

Defaults are by role and are marked as such (``Limits.observed`` is False) until a proof has measured.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath

from careen.config import ServiceConfig
from careen.plan.entry_points import ARQ_MODULE, HEARTBEAT_MODULE, EntryPoint
from careen.plan.own_checks import OwnCheck
from careen.plan.roles import Role
from careen.plan.source_hints import SourceHints
from careen.plan.target import HealthCheck, Limits, PythonRuntime

SUPPORT_FOLDER = PurePosixPath("/opt/careen")
"""Where an image keeps the files that careen adds."""

HEARTBEAT_FILE = PurePosixPath("/tmp/careen-heartbeat")  # noqa: S108 - a tmpfs of the container, nobody else's folder
_HEARTBEAT_MAX_AGE_SECONDS = 60

_MEGABYTE = 10**6
_MEMORY: Mapping[Role, int] = {
    Role.WEB: 384 * _MEGABYTE,
    Role.WORKER: 512 * _MEGABYTE,
    Role.BEAT: 192 * _MEGABYTE,
    Role.FLOWER: 256 * _MEGABYTE,
    Role.OTHER: 384 * _MEGABYTE,
}
_HEAVY_INSTALLED_BYTES = 100 * _MEGABYTE
_HEAVY_MEMORY = 1536 * _MEGABYTE

_WEB_GRACE_SECONDS = 20
_WORKER_GRACE_SECONDS = 60
_GRACE_MARGIN_SECONDS = 5

_ANY_SANE_ANSWER = "below=500"
_REDIRECTS_END = 400
_FOR_STARTING_SECONDS = 0.5
"""Of a check's time limit, for the interpreter."""
_CERTIFICATE_OPTIONS = frozenset({"--ssl-certfile", "--ssl-keyfile", "--certfile", "--keyfile", "--ssl-certificate"})

BUDGETS: Mapping[Role, int] = {
    Role.WEB: 500 * _MEGABYTE,
    Role.WORKER: 500 * _MEGABYTE,
    Role.BEAT: 500 * _MEGABYTE,
    Role.FLOWER: 200 * _MEGABYTE,
    Role.OTHER: 500 * _MEGABYTE,
}
"""Bytes an image may have when the project sets no budget of its own."""


def health_check(
    entry: EntryPoint,
    runtime: PythonRuntime,
    hints: SourceHints,
    config: ServiceConfig,
    own: OwnCheck | None = None,
) -> HealthCheck | None:
    """An exec-form check that costs milliseconds and needs no shell, no curl and no import of the application.

    The configuration's word goes first, then what the user's own check asks (``own``), then a route of the code. What
    careen chose itself passes with any answer below 500: a 404 says that the question was wrong, not that the
    service is.
    """
    if config.health_command:
        return HealthCheck(argv=config.health_command)
    probe = (str(runtime.executable), "-I", "-S", str(SUPPORT_FOLDER / "health.py"))
    if config.health_path and entry.ports:
        return HealthCheck(argv=(*probe, "http", str(entry.ports[0]), config.health_path))
    if entry.role in {Role.WORKER, Role.BEAT} or runs_arq(entry):
        age = str(_HEARTBEAT_MAX_AGE_SECONDS)
        return HealthCheck(argv=(*probe, "heartbeat", str(HEARTBEAT_FILE), age), start_period=30)
    if own is not None and (own.port is not None or entry.ports):
        return _as_own(own, entry, probe, hints)
    if entry.role is Role.FLOWER:
        return HealthCheck(argv=(*probe, "http", str(entry.ports[0]), "/healthcheck"))
    if entry.ports and entry.role is Role.WEB:
        if _speaks_tls(entry):
            return HealthCheck(argv=(*probe, "tcp", str(entry.ports[0])))
        path = hints.health_paths[0] if hints.health_paths else "/"
        return HealthCheck(argv=(*probe, "http", str(entry.ports[0]), path, _ANY_SANE_ANSWER))
    return None


def _as_own(own: OwnCheck, entry: EntryPoint, probe: tuple[str, ...], hints: SourceHints) -> HealthCheck:
    """What it asks and how often, asked by careen's program. A mere connection is not enough of a web service."""
    port = str(own.port if own.port is not None else entry.ports[0])
    words = ["tcp", port]
    if own.path is not None:
        words = ["http", port, own.path]
        words += [f"host={own.host}"] if own.host else []
        words += [f"method={own.method}"] if own.method != "GET" else []
        words += [f"below={own.below}"] if own.below != _REDIRECTS_END else []
    elif entry.role is Role.WEB and own.port in (None, *entry.ports) and not _speaks_tls(entry):
        words = ["http", port, hints.health_paths[0] if hints.health_paths else "/", _ANY_SANE_ANSWER]
    usual = HealthCheck(argv=())
    timeout = own.timeout or usual.timeout
    if timeout > usual.timeout:
        words.append(f"within={timeout - _FOR_STARTING_SECONDS:g}")
    return HealthCheck(
        argv=(*probe, *words),
        interval=own.interval or usual.interval,
        timeout=timeout,
        start_period=usual.start_period if own.start_period is None else own.start_period,
        retries=own.retries or usual.retries,
    )


def _speaks_tls(entry: EntryPoint) -> bool:
    return any(word.partition("=")[0] in _CERTIFICATE_OPTIONS for word in entry.arguments)


def limits(role: Role, installed_bytes: int, config: ServiceConfig) -> Limits:
    heavy = installed_bytes >= _HEAVY_INSTALLED_BYTES
    memory = config.memory_bytes or (max(_HEAVY_MEMORY, _MEMORY[role]) if heavy else _MEMORY[role])
    return Limits(memory_bytes=memory, cpus=2.0 if heavy else 1.0)


def stop_grace_seconds(role: Role, hints: SourceHints, declared: float | None, config: ServiceConfig) -> int:
    """The user's word first, then compose's, then what a task may take, then a default by role."""
    if config.stop_grace_seconds is not None:
        return config.stop_grace_seconds
    if declared is not None:
        return round(declared)
    if role is Role.WORKER:
        return (hints.time_limit_seconds or _WORKER_GRACE_SECONDS) + _GRACE_MARGIN_SECONDS
    return _WEB_GRACE_SECONDS


def stop_signal(entry: EntryPoint, hints: SourceHints, declared: str | None) -> str:
    """The user's word first. The kernel keeps a signal from PID 1 that it has no handler for: Python has one for SIGINT
    in every program, and for SIGTERM in none that does not ask for it, as the development servers do not.
    """
    if declared:
        return declared
    words = [word for word in entry.arguments if not word.startswith("-")]
    serves_development = entry.role is Role.WEB and (
        "runserver" in words or (words[:1] == ["flask"] and "run" in words)
    )
    own_program = entry.role is Role.OTHER and bool(entry.scripts)
    return "SIGINT" if (serves_development or own_program) and not hints.speaks_of_sigterm else "SIGTERM"


def runs_arq(entry: EntryPoint) -> bool:
    return "arq" in entry.programs


def with_heartbeat(entry: EntryPoint) -> tuple[str, ...]:
    """The arguments with what keeps the heartbeat file fresh: in a worker of Celery's loaded beside the modules that it
    already includes, elsewhere in the program's place. Others' stay as they are.

    A command that careen wrote before includes it already and stays as it is.
    """
    words = list(entry.arguments)
    instead = HEARTBEAT_MODULE if entry.role is Role.BEAT else ARQ_MODULE if runs_arq(entry) else None
    if instead is not None:
        words[words.index("-m") + 1] = instead
        return tuple(words)
    if entry.role is not Role.WORKER:
        return entry.arguments
    if any(HEARTBEAT_MODULE in word.rpartition("=")[2].split(",") for word in words):
        return entry.arguments
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in {"-I", "--include"}:
            if equals:
                words[index] = f"{name}={value},{HEARTBEAT_MODULE}"
            elif index + 1 < len(words):
                words[index + 1] += f",{HEARTBEAT_MODULE}"
            return tuple(words)
    return (*words, "--include", HEARTBEAT_MODULE)
