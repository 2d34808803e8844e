"""The Dockerfile that careen writes builds on Docker 20.10 and later, and what it builds is what was planned."""

import json
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from real.conftest import DockerDaemon, run_careen
from real.rewrite.conftest import DEBIAN

pytestmark = [pytest.mark.real, pytest.mark.network]
SERVICES = ("api", "worker-default", "worker-heavy", "worker-io", "flower")
_PATIENCE_SECONDS = 90


@pytest.fixture(scope="session")
def rewritten(shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rewritten") / "shelf"
    done = run_careen("fix", shelf, "--into", folder, "--quiet")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def plan(shelf: Path) -> dict[str, dict[str, object]]:
    done = run_careen("plan", shelf, "--format", "json", "--quiet")
    assert done.returncode == 0, done.stderr
    return {service["name"]: service for service in json.loads(done.stdout)["services"]}


def build(docker: DockerDaemon, project: Path, target: str, *more: str) -> str:
    """The image's name."""
    dockerfile = project / "docker" / "Dockerfile"
    words = ["--network", "host", "--file", str(dockerfile), "--target", target, "--tag", f"shelf:{target}"]
    docker.run("build", "--quiet", *words, *more, str(project), timeout=900)
    return f"shelf:{target}"


def paths_of(docker: DockerDaemon, image: str, scratch: Path) -> dict[str, tarfile.TarInfo]:
    container = docker.run("create", image)
    archive = scratch / "root.tar"
    docker.run("export", "--output", str(archive), container)
    docker.run("rm", container)
    with tarfile.open(archive) as tar:
        return {f"/{member.name}": member for member in tar}


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_the_distributions_and_files_of_its_plan(
    stand_ins: DockerDaemon, rewritten: Path, plan: dict[str, dict[str, object]], tmp_path: Path, service: str
) -> None:
    image = build(stand_ins, rewritten, service)

    members = paths_of(stand_ins, image, tmp_path)
    folders = (path.rpartition("/")[2] for path in members if path.endswith(".dist-info"))
    installed = {folder.partition("-")[0].lower().replace("_", "-") for folder in folders}
    distributions = plan[service]["distributions"]
    assert isinstance(distributions, list)
    assert installed == {item["name"].replace(".", "-") for item in distributions}
    config = json.loads(stand_ins.run("inspect", "--format", "{{json .Config}}", image))
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"][0] == "CMD"
    python = "/opt/venv/bin/python"
    while members[python].issym():
        target = members[python].linkname
        python = target if target.startswith("/") else f"{python.rpartition('/')[0]}/{target}"
    assert members[python].isfile(), "the interpreter stands where the environment's links point"
    assert not [path for path in members if path in {"/bin/sh", "/usr/bin/sh", "/usr/bin/apt-get", "/usr/local/bin/uv"}]


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


def test_the_stack_does_its_work_read_only_and_without_capabilities(
    stand_ins: DockerDaemon, rewritten: Path, redis_port: int
) -> None:
    options = ["--network", "host", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--init"]
    options += ["--security-opt", "no-new-privileges", "--health-interval", "1s"]
    options += ["--env", f"SHELF_REDIS_URL=redis://127.0.0.1:{redis_port}/0"]
    containers = {name: build(stand_ins, rewritten, name) for name in SERVICES}
    # Celery names a worker after its host, and Flower knows workers by their names.
    running = {
        name: stand_ins.run("run", "--detach", "--hostname", name, *options, image)
        for name, image in containers.items()
    }
    try:
        waiting = set(running)
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while waiting and time.monotonic() < give_up:
            time.sleep(0.5)
            waiting = {
                name
                for name in waiting
                if stand_ins.run("inspect", "--format", "{{.State.Health.Status}}", running[name]) != "healthy"
            }
        assert not waiting, {name: stand_ins.run("logs", running[name]) for name in waiting}
        smoke = rewritten / "scripts" / "smoke.py"
        done = subprocess.run(
            ["python3", str(smoke), "http://127.0.0.1:8000", "http://127.0.0.1:5555"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        for name, container in running.items():
            stand_ins.run("stop", "--time", "70", container)
            state = json.loads(stand_ins.run("inspect", "--format", "{{json .State}}", container))
            assert (name, state["ExitCode"] in {0, 143}, state["OOMKilled"]) == (name, True, False)
    finally:
        for container in running.values():
            stand_ins.run("rm", "--force", container)


def test_a_change_of_code_leaves_the_dependencies_alone(
    stand_ins: DockerDaemon, rewritten: Path, tmp_path: Path
) -> None:
    project = tmp_path / "shelf"
    shutil.copytree(rewritten, project)
    before = layers(stand_ins, build(stand_ins, project, "api"))
    with (project / "src" / "shelf" / "api" / "main.py").open("a") as source:
        source.write("# touched\n")

    after = layers(stand_ins, build(stand_ins, project, "api"))

    changed = [index for index, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert changed, "the code is in the image"
    assert min(changed) > 1, "base, and the environment above it, are the same layers"


def layers(docker: DockerDaemon, image: str) -> list[str]:
    found = json.loads(docker.run("inspect", "--format", "{{json .RootFS.Layers}}", image))
    assert isinstance(found, list)
    return [str(layer) for layer in found]


def test_a_slim_runtime_has_its_interpreter_where_the_links_point(
    stand_ins: DockerDaemon, shelf: Path, tmp_path: Path
) -> None:
    project = tmp_path / "shelf"
    done = run_careen("fix", shelf, "--into", project, "--runtime", "slim", "--quiet")
    assert done.returncode == 0, done.stderr

    image = build(stand_ins, project, "flower")

    told = stand_ins.run("run", "--rm", "--network", "none", "--entrypoint", "/opt/venv/bin/python", image, "--version")
    assert told.startswith("Python 3.11")


def test_an_empty_folder_that_is_copied_belongs_to_the_user(stand_ins: DockerDaemon, tmp_path: Path) -> None:
    # So that a new volume, which takes the owner of what it is mounted over, can be written to.
    (tmp_path / "Dockerfile").write_text(
        "FROM scratch AS empty\nWORKDIR /folder\n"
        f"FROM {DEBIAN}\nCOPY --from=empty --chown=10001:10001 /folder/ /data/\n"
    )
    stand_ins.run("build", "--quiet", "--tag", "owner:test", str(tmp_path))

    options = ["--rm", "--network", "none", "--volume", "/data", "--user", "10001:10001"]
    assert (
        stand_ins.run("run", *options, "owner:test", "sh", "-c", "stat -c %u:%g /data; touch /data/x") == "10001:10001"
    )
