"""An image that no daemon had a part in is, to Docker, an image like any other."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from real.conftest import DockerDaemon, ShelfImages, run_careen

pytestmark = [pytest.mark.real, pytest.mark.network]
_PATIENCE_SECONDS = 60


@pytest.fixture
def redis_port() -> Iterator[int]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not on this machine (apt-get install redis-server)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""], stdout=subprocess.DEVNULL
    )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def load(docker: DockerDaemon, images: ShelfImages, name: str, scratch: Path) -> None:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not on this machine (apt-get install skopeo)")
    archive = scratch / f"{name}.tar"
    subprocess.run(
        ["skopeo", "copy", "--quiet", f"oci:{images.layout}:{name}", f"docker-archive:{archive}:{name}:proof"],
        check=True,
    )
    docker.run("load", "--input", str(archive))


@pytest.mark.parametrize("service", ["api", "worker-io", "flower"])
def test_health_check_turns_healthy_and_a_stop_is_clean(
    docker: DockerDaemon, shelf_images: ShelfImages, redis_port: int, tmp_path: Path, service: str
) -> None:
    name = f"docker_{service}"
    load(docker, shelf_images, name, tmp_path)
    options = ["--network", "host", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--health-interval", "1s"]
    options += ["--env", f"SHELF_REDIS_URL=redis://127.0.0.1:{redis_port}/0"]

    container = docker.run("run", "--detach", *options, f"{name}:proof")
    try:
        give_up = time.monotonic() + _PATIENCE_SECONDS
        health = ""
        while health != "healthy" and time.monotonic() < give_up:
            time.sleep(0.5)
            health = docker.run("inspect", "--format", "{{.State.Health.Status}}", container)
        logs = docker.run("logs", container)
        assert health == "healthy", logs
        docker.run("stop", "--time", "30", container)
        state = json.loads(docker.run("inspect", "--format", "{{json .State}}", container))
        assert (state["ExitCode"], state["OOMKilled"]) == (0, False), logs
    finally:
        docker.run("rm", "--force", container)


def test_size_is_what_docker_says_but_for_the_texts_of_links(
    docker: DockerDaemon, shelf_images: ShelfImages, tmp_path: Path
) -> None:
    load(docker, shelf_images, "docker_flower", tmp_path)

    told = json.loads(
        run_careen("build", shelf_images.project, "--output", shelf_images.layout, "--format", "json").stdout
    )

    ours = {image["reference"]: image["bytes"] for image in told["images"]}["docker_flower"]
    said = int(docker.run("inspect", "--format", "{{.Size}}", "docker_flower:proof"))
    assert 0 <= said - ours < 10_000  # docker counts the text of a symbolic link as the link's size
