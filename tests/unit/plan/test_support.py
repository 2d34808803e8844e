"""The files that careen itself puts into images, run as images run them."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from careen.plan.entry_points import ARQ_MODULE, HEARTBEAT_MODULE
from careen.plan.operation import SUPPORT_FOLDER
from careen.plan.roles import Role
from careen.plan.support import support_files


@pytest.fixture
def health(tmp_path: Path) -> Path:
    """The health check on this disk."""
    path = tmp_path / "health.py"
    (content,) = (file.content for file in support_files(Role.WEB) if file.destination.name == "health.py")
    path.write_bytes(content)
    return path


def run(health: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", health, *words], capture_output=True, text=True, check=False, timeout=20
    )
    return done.returncode, done.stdout.strip()


@contextmanager
def answering(status: int) -> Iterator[str]:
    """The port of a server that answers every request so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.headers["Host"] == "localhost" else 400)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield str(server.server_port)
        finally:
            server.shutdown()
            thread.join()


def test_only_workers_and_schedulers_get_a_heartbeat() -> None:
    names = {role: [file.destination.name for file in support_files(role)] for role in Role}
    assert names.pop(Role.WORKER) == names.pop(Role.BEAT) == [f"{HEARTBEAT_MODULE}.py", "health.py", "start.py"]
    assert names.pop(Role.OTHER) == [f"{ARQ_MODULE}.py", "health.py", "start.py"]
    assert set(map(tuple, names.values())) == {("health.py", "start.py")}
    assert {file.destination.parent for file in support_files(Role.WORKER)} == {SUPPORT_FOLDER}


@pytest.mark.parametrize(("status", "code"), [(200, 0), (302, 0), (404, 1), (500, 1), (503, 1)])
def test_http_passes_below_400(health: Path, status: int, code: int) -> None:
    with answering(status) as port:
        told = f"/ready on port {port} answers {status}"
        assert run(health, "http", port, "/ready") == (code, told if code else "healthy")


def test_another_host_can_be_asked_for(health: Path) -> None:
    with answering(200) as port:
        assert run(health, "http", port, "/", "host=shop.example")[0] == 1


@pytest.mark.parametrize(("status", "code"), [(401, 0), (404, 0), (500, 1), (503, 1)])
def test_another_limit_can_be_set(health: Path, status: int, code: int) -> None:
    with answering(status) as port:
        assert run(health, "http", port, "/", "below=500")[0] == code


def test_another_method_can_be_asked_by(health: Path) -> None:
    with answering(200) as port:  # which knows GET alone, and says so to any other
        assert run(health, "http", port, "/", "method=HEAD") == (1, f"/ on port {port} answers 501")


def test_a_connection_can_be_enough(health: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert run(health, "tcp", port) == (0, "healthy")
        assert run(health, "http", port, "/", "within=0.1") == (1, f"port {port}: timed out")
    assert run(health, "tcp", port) == (1, f"port {port}: nothing listens")


def test_nothing_that_listens_is_unhealthy(health: Path) -> None:
    with answering(200) as port:
        pass
    assert run(health, "http", port, "/") == (1, f"port {port}: nothing listens")


def test_a_fresh_heartbeat_is_healthy_and_an_old_one_is_not(health: Path, tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    beat.touch()
    assert run(health, "heartbeat", str(beat), "60") == (0, "healthy")
    past = time.time() - 100
    os.utime(beat, (past, past))
    assert run(health, "heartbeat", str(beat), "60") == (1, f"{beat} was touched 100 s ago, more than 60 s")


def test_no_heartbeat_is_unhealthy(health: Path, tmp_path: Path) -> None:
    assert run(health, "heartbeat", str(tmp_path / "beat"), "60") == (1, f"{tmp_path}/beat: No such file or directory")


@pytest.mark.parametrize("words", [(), ("http",), ("http", "1"), ("ftp", "1", "/"), ("heartbeat", "a", "1", "b")])
def test_other_words_are_refused(health: Path, words: tuple[str, ...]) -> None:
    code, told = run(health, *words)
    assert code == 1
    assert told.startswith("usage:")
