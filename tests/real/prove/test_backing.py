"""Debian's own servers in the place of a stack's brokers and databases: they start, answer, and remember."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from careen.errors import MissingToolError
from careen.plan.target import BackingService
from careen.prove.backing import Backing
from careen.prove.runner import Ground
from careen.prove.runners.runc import RuncRunner
from careen.prove.runs import RunFolder

pytestmark = pytest.mark.real

Start = Callable[[BackingService], Backing]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    if shutil.which("runc", path="/usr/sbin:/usr/bin:/sbin") is None or os.geteuid() != 0:
        pytest.skip("runc, and root, are not on this machine (apt-get install runc)")
    folder = RunFolder.open(tmp_path / "state")
    yield folder
    folder.close()


@pytest.fixture
def ground(run: RunFolder) -> Iterator[Ground]:
    laid = RuncRunner().ground(run, ("server", "client"))
    yield laid
    laid.close()


@pytest.fixture
def start(run: RunFolder, ground: Ground) -> Iterator[Start]:
    """Skipped, by name, when the server's package is not installed."""
    begun: list[Backing] = []

    def begin(service: BackingService) -> Backing:
        try:
            begun.append(Backing(service, ground, run))
        except MissingToolError as error:
            pytest.skip(f"{error.message} ({', '.join(error.hints)})")
        return begun[-1]

    yield begin
    for backing in begun:
        backing.close()


def ask(ground: Ground, port: int, data: bytes, *, until: bytes) -> bytes:
    with ground.dial("server", port, 10) as connection:
        connection.sendall(data)
        return answer(connection, until)


def answer(connection: socket.socket, until: bytes) -> bytes:
    heard = b""
    while until not in heard and (piece := connection.recv(4096)):
        heard += piece
    return heard


def test_redis_remembers_over_a_restart(start: Start, ground: Ground) -> None:
    backing = start(BackingService(name="server", image="redis:7", container_ports=(6379,)))
    assert ask(ground, 6379, b"SET task kept\r\n", until=b"\r\n") == b"+OK\r\n"
    backing.restart()
    assert ask(ground, 6379, b"GET task\r\n", until=b"kept\r\n") == b"$4\r\nkept\r\n"


def test_memcached_answers(start: Start, ground: Ground) -> None:
    start(BackingService(name="server", image="memcached:1.6-alpine", container_ports=()))
    assert ask(ground, 11211, b"version\r\n", until=b"\r\n").startswith(b"VERSION 1.")


def test_rabbitmq_lets_its_own_user_in_and_comes_back(start: Start, ground: Ground) -> None:
    environment = (("RABBITMQ_DEFAULT_USER", "shelf"), ("RABBITMQ_DEFAULT_PASS", "sesame"))
    backing = start(
        BackingService(name="server", image="rabbitmq:3-management", container_ports=(5672,), environment=environment)
    )
    assert logged_in(ground, "shelf", "sesame")
    assert not logged_in(ground, "guest", "guest")
    backing.restart()
    assert logged_in(ground, "shelf", "sesame")


def logged_in(ground: Ground, user: str, password: str) -> bool:
    """Whether the broker goes on to tune the connection (AMQP 0-9-1, methods 10.10, 10.11 and 10.30)."""
    secret = f"\0{user}\0{password}".encode()
    method = b"\0\x0a\0\x0b" + bytes(4) + b"\x05PLAIN" + len(secret).to_bytes(4) + secret + b"\x05en_US"
    with ground.dial("server", 5672, 20) as connection:
        connection.sendall(b"AMQP\0\0\x09\x01")
        assert answer(connection, b"en_US\xce")[:1] == b"\x01"
        connection.sendall(b"\x01\0\0" + len(method).to_bytes(4) + method + b"\xce")
        connection.settimeout(20)
        try:
            return answer(connection, b"\xce")[7:11] == b"\0\x0a\0\x1e"
        except ConnectionResetError:
            return False  # without a word, to those who do not know the password


def test_postgres_has_the_user_the_password_and_the_database(start: Start, ground: Ground) -> None:
    environment = (("POSTGRES_USER", "shelf"), ("POSTGRES_PASSWORD", "se:same"), ("POSTGRES_DB", "books"))
    backing = start(
        BackingService(name="server", image="postgres:16", container_ports=(5432,), environment=environment)
    )
    assert query(ground, "se:same", "create table t as select 41 + 1 as a") == "SELECT 1"
    assert "password authentication failed" in query(ground, "wrong", "select 1")
    backing.restart()
    assert query(ground, "se:same", "select a from t") == "42"


def query(ground: Ground, password: str, text: str) -> str:
    words = (*ground.beside("client"), "psql", "-h", "10.0.2.16", "-U", "shelf", "-d", "books", "-At", "-c", text)
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd="/", env={**os.environ, "PGPASSWORD": password}
    )
    return (done.stdout + done.stderr).strip()


@pytest.mark.parametrize("image", ["mariadb:11", "mysql:8.4"])
def test_mariadb_has_the_accounts_and_the_database_that_compose_names(start: Start, ground: Ground, image: str) -> None:
    client = shutil.which("mariadb")
    if client is None:
        pytest.skip("mariadb is not on this machine (apt-get install mariadb-client)")
    environment = (("MYSQL_ROOT_PASSWORD", "it's"), ("MYSQL_DATABASE", "shop-1"), ("MYSQL_USER", "me"))
    start(
        BackingService(
            name="server",
            image=image,
            container_ports=(3307,),
            command=("mysqld", "--character-set-server=utf8mb4", "--default-authentication-plugin=x"),
            environment=(*environment, ("MYSQL_PASSWORD", "back\\slash")),
        )
    )

    def told(user: str, password: str, statement: str) -> str:
        words = [*ground.beside("client"), client, "--no-defaults", "-h", "10.0.2.16", "-P", "3307", "-u", user, "-N"]
        words += [f"-p{password}", "-e", statement]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
        return done.stdout + done.stderr

    assert told("me", "back\\slash", "CREATE TABLE `shop-1`.t (a INT); SHOW TABLES IN `shop-1`") == "t\n"
    assert told("root", "it's", "SELECT @@character_set_server") == "utf8mb4\n"
