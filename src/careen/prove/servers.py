"""This machine's own servers, and how each is run in the place of an image that a stack names."""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from careen.errors import CareenError, MissingToolError
from careen.plan.target import BackingService
from careen.process.run import find_program
from careen.text.values import dataclass

_ANY = "0.0.0.0"  # noqa: S104 - of a network that nobody else is on
_REDIS_OPTIONS = frozenset({"--requirepass", "--maxmemory", "--maxmemory-policy", "--databases", "--user"})
_POSTGRES = Path("/usr/lib/postgresql")
_MARIADB_OPTIONS = frozenset(
    {"--character-set-server", "--collation-server", "--lower-case-table-names", "--max-connections", "--sql-mode",
     "--wait-timeout"}
)  # fmt: skip
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


def kind_of(image: str) -> str | None:
    """Which server an image's name means."""
    name = image.rpartition("/")[2].partition("@")[0].partition(":")[0].lower()
    if any(word in name for word in _BESIDE_A_SERVER):
        return None
    return next((kind for word, kind in _KINDS.items() if word in name), None)


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


def _mariadb(service: BackingService, folder: Path) -> Server:
    """For MySQL, too, whose clients it understands; accounts are made by statements that it runs before it listens."""
    program = find_program("mariadbd", package="mariadb-server")
    install = find_program("mariadb-install-db", package="mariadb-server")
    port, variables = _port(service, 3306), dict(service.environment)

    def told(name: str) -> str:
        return variables.get(f"MARIADB_{name}") or variables.get(f"MYSQL_{name}") or ""

    statements = [_account("root", told("ROOT_PASSWORD"), "*.*")]
    if told("DATABASE"):
        statements.append(f"CREATE DATABASE IF NOT EXISTS {_identifier(told('DATABASE'))};")
    if told("USER"):
        database = f"{_identifier(told('DATABASE'))}.*" if told("DATABASE") else "*.*"
        statements.append(_account(told("USER"), told("PASSWORD"), database))
    accounts = folder / "accounts.sql"
    accounts.write_text("".join(f"{statement}\n" for statement in statements))
    accounts.chmod(0o644)
    data = folder / "data"
    prepare = (str(install), "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal")
    where = (f"--datadir={data}", f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}")
    settings = [
        word for word in service.command if word.partition("=")[0].replace("_", "-") in _MARIADB_OPTIONS and "=" in word
    ]
    argv = (str(program), "--no-defaults", *where, f"--port={port}", f"--bind-address={_ANY}")
    return Server(
        argv=(*argv, f"--init-file={accounts}", *settings),
        port=port,
        environment={"HOME": str(folder)},
        prepare=(*prepare, "--skip-test-db"),
    )


def _account(user: str, password: str, where: str) -> str:
    name = f"{_quoted(user)}@'%'"
    # A line holds one statement.
    return (
        f"CREATE USER IF NOT EXISTS {name} IDENTIFIED BY {_quoted(password)};\n"
        f"GRANT ALL PRIVILEGES ON {where} TO {name} WITH GRANT OPTION;"
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
    return f"'{escaped}'"


def _identifier(text: str) -> str:
    escaped = " ".join(text.split()).replace("`", "``")
    return f"`{escaped}`"


BROKERS = frozenset({"redis", "rabbitmq"})
_KINDS: Mapping[str, str] = {
    "redis": "redis",
    "valkey": "redis",
    "keydb": "redis",
    "rabbitmq": "rabbitmq",
    "postgres": "postgres",
    "postgis": "postgres",
    "pgvector": "postgres",
    "memcached": "memcached",
    "mariadb": "mariadb",
    "mysql": "mariadb",
}
_BESIDE_A_SERVER = ("exporter", "commander", "insight", "admin", "backup", "browser", "express", "migrat")
"""In names of images that look at a server, and are none."""
_SERVERS: Mapping[str, Callable[[BackingService, Path], Server]] = {
    "redis": _redis,
    "rabbitmq": _rabbitmq,
    "postgres": _postgres,
    "memcached": _memcached,
    "mariadb": _mariadb,
}
