"""Brokers and databases of a stack that careen does not build: this machine's own, on the stack's private network."""

import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from careen.errors import CareenError, MissingToolError
from careen.plan.target import BackingService
from careen.process.run import CommandFailedError, find_program, run_checked
from careen.process.spawn import Running, start
from careen.prove.nobody import give_to_nobody
from careen.prove.runner import Ground
from careen.prove.runs import RunFolder
from careen.prove.undo import Made
from careen.text.values import dataclass

_START_TIMEOUT = 180.0
_TIMEOUT = 60.0
_PAUSE_SECONDS = 0.05
_STOP_SECONDS = 10.0
_ANY = "0.0.0.0"  # noqa: S104 - of a network that nobody else is on
_REDIS_OPTIONS = frozenset({"--requirepass", "--maxmemory", "--maxmemory-policy", "--databases", "--user"})
_POSTGRES = Path("/usr/lib/postgresql")
_RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_RABBITMQ_CONFIGURATION = """\
listeners.tcp.default = {port}
loopback_users = none
default_user = {user}
default_pass = {password}
default_vhost = {host}
log.console = true
log.file = false
"""


class BackingFailedError(CareenError):
    """A broker or database of the stack does not start here."""


class UnknownBackingError(CareenError):
    """A service of the stack that this machine has no server for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A program to run as nobody, and the port by which it is known to be up. ``prepare`` is run before it, and
    ``afterwards`` as soon as it succeeds.
    """

    argv: tuple[str, ...]
    port: int
    environment: Mapping[str, str]
    prepare: tuple[str, ...] = ()
    afterwards: tuple[str, ...] = ()


class Backing:
    """One running server."""

    def __init__(self, service: BackingService, ground: Ground, run: RunFolder) -> None:
        """Starts it and waits until it answers.

        Raises UnknownBackingError, MissingToolError when its package is not installed, BackingFailedError.
        """
        self.name = service.name
        self._service, self._ground, self._run = service, ground, run
        # Not below careen's own folder, whose parents may be closed to the user that the server runs as.
        self._folder = Path(tempfile.mkdtemp(prefix="careen-backing-"))
        run.note(Made.FOLDER, str(self._folder))
        self.server = server_for(service, self._folder)
        for path in (self._folder, *self._folder.iterdir()):
            give_to_nobody(path)
        self._environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **self.server.environment}
        if self.server.prepare:
            self._once(self.server.prepare)
        self._program = self._start()
        if self.server.afterwards:
            self._soon(self.server.afterwards)

    @property
    def is_broker(self) -> bool:
        return kind_of(self._service.image) in _BROKERS

    def stop(self) -> None:
        """Lets it write what it has, so that a restart finds it again."""
        self._program.signal(signal.SIGTERM)
        if self._program.wait(_STOP_SECONDS) is None:
            self._program.kill()

    def restart(self) -> None:
        self.stop()
        self._program = self._start()

    def close(self) -> None:
        self._program.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def heard(self) -> str:
        return self._program.heard().text

    def _start(self) -> Running:
        beside = self._ground.beside(self.name)
        program = start((*beside, *self.server.argv), cwd=self._folder, environment=self._environment)
        self._run.note_process(program.pid)
        give_up = time.monotonic() + _START_TIMEOUT
        while True:
            try:
                self._ground.dial(self.name, self.server.port, 1).close()
            except OSError as error:
                if program.status() is not None or time.monotonic() > give_up:
                    program.kill()
                    said = program.heard().text.strip()[-600:]
                    raise BackingFailedError(f"{self.name} ({self._service.image}) does not start: {said}") from error
                time.sleep(_PAUSE_SECONDS)
            else:
                return program

    def _once(self, argv: tuple[str, ...]) -> None:
        words = (*self._ground.beside(self.name), *argv)
        run_checked(words, timeout=_TIMEOUT, cwd=self._folder, environment=self._environment)

    def _soon(self, argv: tuple[str, ...]) -> None:
        """As often as it takes: a server may accept connections before it is able to do what they ask for."""
        give_up = time.monotonic() + _TIMEOUT
        while True:
            try:
                return self._once(argv)
            except CommandFailedError:
                if self._program.status() is not None or time.monotonic() > give_up:
                    raise
                time.sleep(_PAUSE_SECONDS)


def kind_of(image: str) -> str | None:
    """Which server an image's name means."""
    name = image.rpartition("/")[2].partition("@")[0].partition(":")[0].lower()
    for word, kind in _KINDS.items():
        if word in name:
            return kind
    return None


def server_for(service: BackingService, folder: Path) -> Server:
    """How this machine's server is run in its place. Raises UnknownBackingError, MissingToolError."""
    kind = kind_of(service.image)
    if kind is None:
        raise UnknownBackingError(
            f"{service.name} runs {service.image}, for which careen knows no server on this machine",
            hints=("it is left out; services that cannot do without it will not become healthy",),
        )
    return _SERVERS[kind](service, folder)


def _port(service: BackingService, default: int) -> int:
    return service.container_ports[0] if service.container_ports else default


def _redis(service: BackingService, folder: Path) -> Server:
    program = find_program("redis-server", package="redis-server")
    port = _port(service, 6379)
    chosen: list[str] = []
    words = list(service.command)
    for index, word in enumerate(words[:-1]):
        if word in _REDIS_OPTIONS:
            chosen += [word, words[index + 1]]
    argv = (str(program), "--port", str(port), "--bind", _ANY, "--protected-mode", "no", "--dir", str(folder))
    # Saved on a stop only: a restarted broker has its messages again, and nothing is written before.
    return Server(argv=(*argv, "--save", "86400", "1", *chosen), port=port, environment={})


def _rabbitmq(service: BackingService, folder: Path) -> Server:
    if not _RABBITMQ.exists():
        raise MissingToolError(
            "rabbitmq-server is not on this machine", hints=("install it: apt-get install rabbitmq-server",)
        )
    port = _port(service, 5672)
    variables = dict(service.environment)
    configuration = folder / "rabbitmq.conf"
    configuration.write_text(
        _RABBITMQ_CONFIGURATION.format(
            port=port,
            user=variables.get("RABBITMQ_DEFAULT_USER", "guest"),
            password=variables.get("RABBITMQ_DEFAULT_PASS", "guest"),
            host=variables.get("RABBITMQ_DEFAULT_VHOST", "/"),
        )
    )
    configuration.chmod(0o644)
    environment = {
        "HOME": str(folder),
        "RABBITMQ_CONFIG_FILE": str(configuration),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_NODENAME": "careen@localhost",
        "RABBITMQ_PID_FILE": str(folder / "pid"),
    }
    return Server(argv=(str(_RABBITMQ),), port=port, environment=environment)


def _postgres(service: BackingService, folder: Path) -> Server:
    versions = sorted(_POSTGRES.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not versions:
        raise MissingToolError("postgres is not on this machine", hints=("install it: apt-get install postgresql",))
    programs = versions[-1].parent
    port = _port(service, 5432)
    variables = dict(service.environment)
    user = variables.get("POSTGRES_USER", "postgres")
    database = variables.get("POSTGRES_DB", user)
    password = folder / "password"
    password.write_text(variables.get("POSTGRES_PASSWORD") or secrets.token_hex(8))
    password.chmod(0o644)
    data = str(folder / "data")
    prepare = (str(programs / "initdb"), "-D", data, "-U", user, "-A", "scram-sha-256", "--no-sync")
    argv = (str(programs / "postgres"), "-D", data, "-p", str(port), "-k", str(folder))
    create = (str(programs / "createdb"), "-h", str(folder), "-p", str(port), "-U", user, database)
    return Server(
        argv=(*argv, "-c", "listen_addresses=*", "-c", f"hba_file={_hba(folder)}"),
        port=port,
        environment={"LC_ALL": "C.UTF-8", "PGPASSFILE": str(_password_file(folder, password.read_text()))},
        prepare=(*prepare, f"--pwfile={password}"),
        afterwards=create if database != "postgres" else (),
    )


def _password_file(folder: Path, password: str) -> Path:
    """``.pgpass``, which clients read only when nobody else may."""
    path = folder / "pgpass"
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    path.write_text(f"*:*:*:*:{escaped}\n")
    path.chmod(0o600)
    return path


def _hba(folder: Path) -> Path:
    path = folder / "hba.conf"
    path.write_text("local all all scram-sha-256\nhost all all all scram-sha-256\n")
    path.chmod(0o644)
    return path


def _memcached(service: BackingService, _: Path) -> Server:
    program = find_program("memcached", package="memcached")
    port = _port(service, 11211)
    return Server(argv=(str(program), "-p", str(port), "-l", _ANY), port=port, environment={})


_BROKERS = frozenset({"redis", "rabbitmq"})
_KINDS: Mapping[str, str] = {
    "redis": "redis",
    "valkey": "redis",
    "keydb": "redis",
    "rabbitmq": "rabbitmq",
    "postgres": "postgres",
    "postgis": "postgres",
    "pgvector": "postgres",
    "memcached": "memcached",
}
_SERVERS: Mapping[str, Callable[[BackingService, Path], Server]] = {
    "redis": _redis,
    "rabbitmq": _rabbitmq,
    "postgres": _postgres,
    "memcached": _memcached,
}
