"""Images upon a base that a registry holds: of docker's form, gzip and zstd, pushed beside it, and running."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from careen.oci.config import RunConfig
from careen.oci.layout import LayoutWriter
from careen.oci.media_types import LAYER_GZIP, LAYER_ZSTD
from fakes.images import Item, put_image, tar
from fakes.tiny_images import base_items
from real.conftest import run_careen
from real.oci.test_docker_registry import Server

pytestmark = [pytest.mark.real, pytest.mark.network]

_APPLICATION = """\
import os

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"].endswith("shutdown"):
                return
    body = os.environ["BASE_SAYS"].encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""
_COMPOSE = """\
services:
  web:
    build: .
    command: [uvicorn, "web.app:app", --host, 0.0.0.0, --port, "8000"]
    ports: ["8000:8000"]
"""


def tool(name: str, package: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not on this machine (apt-get install {package})")
    return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    tool("docker-registry", "docker-registry")
    (tmp_path / "server").mkdir()
    server = Server(tmp_path / "server")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "web").mkdir(parents=True)
    (folder / "web/__init__.py").touch()
    (folder / "web/app.py").write_text(_APPLICATION)
    (folder / "compose.yaml").write_text(_COMPOSE)
    (folder / "Dockerfile").write_text("FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nRUN pip install uv && uv sync\n")
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "web"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["uvicorn"]\n'
    )
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run([uv, "lock", "--quiet"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the project cannot be locked: {done.stderr[-400:]}")
    return folder


def base_layout(folder: Path, media_type: str) -> Path:
    libc = next(item for item in base_items() if item.path.endswith("/libc.so.6"))
    assert b"GNU C Library" in libc.data
    run = RunConfig(environment=(("PATH", "/usr/bin"), ("BASE_SAYS", "hello")))
    modules = Path("/usr/lib/python3.11/lib-dynload").glob("_contextvars.*")
    above = [Item("etc/second", b"layer"), *(Item(str(path)[1:], path.read_bytes()) for path in modules)]
    layers = [tar(base_items()), tar(above)]
    with LayoutWriter(folder) as writer:
        writer.finish({"base": put_image(writer, layers, media_type=media_type, run=run)})
    return folder


@pytest.mark.parametrize(
    ("media_type", "form"), [(LAYER_GZIP, "v2s2"), (LAYER_GZIP, "oci"), (LAYER_ZSTD, "oci")], ids=lambda item: item[-8:]
)
def test_a_base_that_others_pushed_is_pulled_built_upon_and_runs(
    server: Server, project: Path, tmp_path: Path, media_type: str, form: str
) -> None:
    skopeo = tool("skopeo", "skopeo")
    tool("runc", "runc")
    layout = base_layout(tmp_path / "base", media_type)
    name = f"{server.host}/team/python:1"
    copied = [skopeo, "copy", "--quiet", "--dest-tls-verify=false", "--format", form]
    subprocess.run([*copied, f"oci:{layout}:base", f"docker://{name}"], check=True)

    words = ["--base", name, "--push", f"{server.host}/team", "--format", "json", "--quiet"]
    done = run_careen("build", project, "--output", tmp_path / "images", *words)
    assert done.returncode == 0, done.stderr
    [pushed] = json.loads(done.stdout)["pushed"]
    inspected = subprocess.run(
        [skopeo, "inspect", "--tls-verify=false", "--raw", f"docker://{pushed['reference']}"],
        check=True,
        capture_output=True,
    )
    manifest = json.loads(inspected.stdout)
    assert pushed["mounted_bytes"] >= sum(layer["size"] for layer in manifest["layers"][:2])
    original = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"].partition(":")[2]
    below = json.loads((layout / "blobs/sha256" / original).read_text())["layers"]
    assert [layer["digest"] for layer in manifest["layers"][:2]] == [layer["digest"] for layer in below]
    assert manifest["annotations"]["org.opencontainers.image.base.name"] == name

    with (project / "pyproject.toml").open("a") as stream:
        stream.write(f'\n[tool.careen]\nbase = "{name}"\n')
    proven = run_careen("prove", project, "--images", tmp_path / "images", "--runner", "runc", "--format", "json")
    assert proven.stdout, proven.stderr
    [service] = json.loads(proven.stdout)["services"]
    verdicts = {check["check"]: check["verdict"] for check in service["checks"]}
    wanted = ("starts", "health", "stops", "user", "read-only-root", "bill-of-materials", "shared-libraries", "modules")
    assert {check: verdicts[check] for check in wanted} == dict.fromkeys(wanted, "pass"), service
