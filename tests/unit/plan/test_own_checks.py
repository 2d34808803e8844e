"""What a project's own health check asks for, as HEALTHCHECK and compose write it."""

from pathlib import Path

import pytest

from careen.plan.entry_points import interpret
from careen.plan.own_checks import OwnCheck, asked, own_check
from careen.workspace.discover import discover
from careen.workspace.facts import derive


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("curl -f http://localhost:8000/health || exit 1", OwnCheck(port=8000, path="/health")),
        ("curl --fail localhost:8000/health", OwnCheck(port=8000, path="/health")),
        ("curl -fsS -o /dev/null 'http://localhost/x?y=1'", OwnCheck(port=80, path="/x?y=1")),
        ("curl http://localhost:8000", OwnCheck(port=8000, path="/", below=500)),
        ("curl -fI http://localhost:8000/", OwnCheck(port=8000, path="/", method="HEAD")),
        ("curl -f -X HEAD http://localhost:8000/", OwnCheck(port=8000, path="/", method="HEAD")),
        ("curl -f -H 'Host: shop.example' http://localhost:1/a", OwnCheck(port=1, path="/a", host="shop.example")),
        ("curl -f http://127.0.0.1:8000/a", OwnCheck(port=8000, path="/a", host="127.0.0.1")),
        ("curl -f http://web:8000/a", OwnCheck(port=8000, path="/a", host="web")),
        ("wget --no-verbose --tries=1 --spider http://localhost:8000/a || exit 1", OwnCheck(port=8000, path="/a")),
        ("wget -qO- http://localhost:8000/a >/dev/null", OwnCheck(port=8000, path="/a")),
        ("bash -c 'curl -f http://localhost:8000/a'", OwnCheck(port=8000, path="/a")),
        ("curl -f http://localhost:${PORT}/a", OwnCheck(port=7000, path="/a")),
        ("curl -f http://localhost:$PORT/a", OwnCheck(port=7000, path="/a")),
        ("curl -f http://localhost:${OTHER:-9000}/a", OwnCheck(port=9000, path="/a")),
        ("curl -f http://localhost:${OTHER}/a", OwnCheck(port=None, path="/a")),
        ("curl -fk https://localhost:8443/a", OwnCheck(port=8443)),
        (
            """python -c 'import urllib.request as r; r.urlopen("http://localhost:8000/a", timeout=2)'""",
            OwnCheck(port=8000, path="/a"),
        ),
        (
            """python -c 'import requests; requests.get("http://localhost:8000/a")'""",
            OwnCheck(port=8000, path="/a", below=500),
        ),
        (
            """python -c 'import httpx; httpx.get("http://localhost:8000/a").raise_for_status()'""",
            OwnCheck(port=8000, path="/a"),
        ),
        (
            """python -c 'c = http.client.HTTPConnection("localhost", 8000); c.request("GET", "/a")'""",
            OwnCheck(port=8000, path="/a"),
        ),
        ("""python -c 'import socket; socket.create_connection(("127.0.0.1", 8000), 2)'""", OwnCheck(port=8000)),
        ("nc -z localhost 8000", OwnCheck(port=8000)),
        ("bash -c '</dev/tcp/localhost/8000'", OwnCheck(port=8000)),
        ("/usr/bin/python3 -I -S /opt/careen/health.py http 8000 /a", OwnCheck(port=8000, path="/a")),
        (
            "/usr/bin/python3 -I -S /opt/careen/health.py http 8000 / below=500 method=HEAD host=a",
            OwnCheck(port=8000, path="/", below=500, method="HEAD", host="a"),
        ),
        ("/usr/bin/python3 -I -S /opt/careen/health.py tcp 8000", OwnCheck(port=8000)),
    ],
)
def test_what_is_asked_is_understood(command: str, expected: OwnCheck) -> None:
    assert asked(command, {"PORT": "7000"}, ("web",)) == expected


@pytest.mark.parametrize(
    "command",
    [
        "python healthcheck.py",
        "celery -A shop inspect ping",
        "pg_isready -U shop",
        "curl -f http://elsewhere.example:8000/health",
        "curl -f http://notlocalhost:8000/health",
        "curl -f -X POST http://localhost:8000/health",
        "curl -f -d x http://localhost:8000/health",
        "test -f /tmp/localhost",
    ],
)
def test_what_asks_something_else_is_not_guessed_at(command: str) -> None:
    assert asked(command, {}) is None


DOCKERFILE = """FROM python:3.11-slim
HEALTHCHECK --interval=1m --start-period=45s --retries=4 CMD curl -f http://localhost:8000/image || exit 1
CMD ["uvicorn", "shop:app"]
"""


def found(tmp_path: Path, compose: str, command: str = "uvicorn shop:app") -> OwnCheck | None:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "compose.yaml").write_text(compose)
    (service,) = derive(discover(tmp_path)).services
    return own_check(service, interpret(command.split(), {}))


def test_the_images_check_is_taken_with_its_times(tmp_path: Path) -> None:
    expected = OwnCheck(port=8000, path="/image", interval=60, start_period=45, retries=4)

    assert found(tmp_path, "services: {web: {build: .}}") == expected


def test_composes_check_goes_before_the_images(tmp_path: Path) -> None:
    health = '{test: ["CMD", "wget", "-q", "http://localhost:8000/compose"], timeout: 5s}'

    told = found(tmp_path, f"services: {{web: {{build: ., healthcheck: {health}}}}}")

    assert told == OwnCheck(port=8000, path="/compose", timeout=5)


def test_a_port_of_composes_environment_is_known(tmp_path: Path) -> None:
    compose = """services:
  web:
    build: .
    environment: {PORT: "9100"}
    healthcheck:
      test: curl -f http://localhost:$${PORT}/a
"""

    assert found(tmp_path, compose) == OwnCheck(port=9100, path="/a")


def test_an_images_check_follows_the_port_of_composes_command(tmp_path: Path) -> None:
    told = found(
        tmp_path, "services: {web: {build: ., command: uvicorn shop:app --port 9}}", "uvicorn shop:app --port 9"
    )

    assert told is not None
    assert (told.port, told.path) == (9, "/image")


@pytest.mark.parametrize(
    "command", ["celery -A shop worker", "celery -A shop beat", "celery -A shop flower", "python -m a"]
)
def test_an_images_check_is_not_that_of_another_program(tmp_path: Path, command: str) -> None:
    assert found(tmp_path, f"services: {{web: {{build: ., command: {command}}}}}", command) is None


def test_a_check_that_is_turned_off_is_none(tmp_path: Path) -> None:
    assert found(tmp_path, "services: {web: {build: ., healthcheck: {disable: true}}}") is None
