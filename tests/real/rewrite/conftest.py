"""Images that cannot be pulled here are stood in for: Debian by mmdebstrap, uv's by the uv beside this interpreter."""

import io
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from careen.rewrite.options import UV_VERSION
from real.conftest import DockerDaemon, run_careen

DEBIAN = "debian:bookworm-slim"
SLIM = "python:3.11-slim-bookworm"
_TRUST = "/opt/trust.crt"


def _debian(folder: Path, *packages: str) -> Path:
    """A minimal Debian from the mirror that mmdebstrap takes by itself, which trusts what this machine trusts."""
    program = shutil.which("mmdebstrap")
    if program is None:
        pytest.skip("mmdebstrap is not on this machine (apt-get install mmdebstrap)")
    archive = folder / f"debian-{len(packages)}.tar"
    words = [program, "--quiet", "--variant=minbase", *(f"--include={package}" for package in packages)]
    words += ["--customize-hook=copy-in /etc/apt/apt.conf.d /etc/apt/", "bookworm", str(archive)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mmdebstrap makes no Debian here: {done.stderr[-400:]}")
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    if bundle.exists():
        with tarfile.open(archive, "a") as tar:
            tar.add(bundle.resolve(), _TRUST.lstrip("/"))
    return archive


@pytest.fixture(scope="session")
def stand_ins(docker: DockerDaemon, tmp_path_factory: pytest.TempPathFactory) -> DockerDaemon:
    """The daemon, with the images that emitted Dockerfiles of the example stand on."""
    folder = tmp_path_factory.mktemp("stand-ins")
    environment = ["--change", f"ENV SSL_CERT_FILE={_TRUST}"]
    docker.run("import", *environment, str(_debian(folder)), DEBIAN)
    slim = _debian(folder, "ca-certificates", "python3.11")
    with tarfile.open(slim, "a") as tar:
        link = tarfile.TarInfo("./usr/local/bin/python3.11")
        link.type, link.linkname = tarfile.SYMTYPE, "/usr/bin/python3.11"
        tar.addfile(link)
    docker.run("import", *environment, str(slim), SLIM)
    uv = Path(sys.executable).parent / "uv"
    if not uv.exists():
        pytest.skip("uv is not beside this interpreter")
    told = subprocess.run([uv, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(uv, "uv")
    for version in {told, UV_VERSION}:
        docker.run("import", "-", f"ghcr.io/astral-sh/uv:{version}", stdin=buffer.getvalue())
    return docker


@dataclass(frozen=True)
class RecastImages:
    """A project's images by docker from the Dockerfile that careen writes, and what careen said of them."""

    project: Path
    layout: Path
    document: Any


def run_engine(
    project: Path, layout: Path, environment: Mapping[str, str], *words: str
) -> subprocess.CompletedProcess[str]:
    return run_careen("build", project, "--output", layout, "--quiet", *words, environment=environment, timeout=1500)


@pytest.fixture(scope="session")
def recast_images(shelf: Path, stand_ins: DockerDaemon, tmp_path_factory: pytest.TempPathFactory) -> RecastImages:
    layout = tmp_path_factory.mktemp("recast") / "images"
    options = ["--engine", "docker", "--builder-option=--network=host", "--format", "json"]
    done = run_engine(shelf, layout, stand_ins.environment, *options)
    assert done.returncode in {0, 1}, done.stderr  # 1: one of them is over its budget
    assert done.stdout, done.stderr  # or a step failed
    return RecastImages(shelf, layout, json.loads(done.stdout))
