"""Images are proven as they are: those in a layout, whoever built them, and those that were pushed."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from careen.oci.layout import Layout
from fakes.registry import FakeRegistry
from real.conftest import run_careen

pytestmark = [pytest.mark.real, pytest.mark.network]

COMPOSE = "services:\n  page:\n    build: .\n    command: python -m page\n    ports: ['8000:8000']\n"
PAGE = """\
import http.server

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

http.server.HTTPServer(("", 8000), Handler).serve_forever()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    if shutil.which("runc", path="/usr/sbin:/usr/bin:/sbin") is None:
        pytest.skip("runc is not on this machine (apt-get install runc)")
    root = tmp_path / "project"
    (root / "page").mkdir(parents=True)
    (root / "page" / "__init__.py").touch()
    (root / "page" / "__main__.py").write_text(PAGE)
    (root / "requirements.txt").write_text("idna==3.7 --hash=sha256:" + "0" * 64 + "\n")
    (root / "Dockerfile").write_text("FROM python:3.11-slim\nWORKDIR /app\nCOPY page page\n")
    (root / "compose.yaml").write_text(COMPOSE)
    return root


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry().running() as running:
        yield running


def proof(*words: str | Path) -> dict[str, str]:
    """Verdicts by check."""
    done = run_careen("prove", *words, "--quiet", "--runner", "runc", "--format", "json")
    assert done.stdout, done.stderr
    (service,) = json.loads(done.stdout)["services"]
    return {check["check"]: check["verdict"] for check in service["checks"]}


def test_a_layout_is_proven_as_it_is_and_what_was_pushed_as_it_was_pushed(
    project: Path, registry: FakeRegistry, tmp_path: Path
) -> None:
    layout, push = tmp_path / "images", f"{registry.host}/team"
    built = run_careen("build", project, "-o", layout, "--no-bytecode", "--push", push, "--tag", "1", "--quiet")
    assert built.returncode == 0, built.stderr
    before = (layout / "index.json").read_bytes()

    assert proof(project, "-o", layout, "--no-build")["starts"] == "pass"
    assert (layout / "index.json").read_bytes() == before, "nothing is built again"

    pulled = tmp_path / "pulled"
    assert proof(project, "-o", pulled, "--pull", push, "--tag", "1")["starts"] == "pass"
    assert Layout.open(pulled).images() == Layout.open(layout).images()

    assert proof(project, "-o", layout)["starts"] == "pass"
    assert (layout / "index.json").read_bytes() != before, "it is, with bytecode, where that is not unwanted"


def test_a_layout_that_lacks_a_service_is_told(project: Path, tmp_path: Path) -> None:
    done = run_careen("prove", project, "-o", tmp_path / "nowhere", "--no-build", "--quiet")

    assert done.returncode == 2, done.stderr
    assert "nowhere" in done.stderr
