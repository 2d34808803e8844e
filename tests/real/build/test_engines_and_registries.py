"""The images where people take them: docker, podman, buildah, containerd, registries; other processors and Debians."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from careen.build.record import MEDIA_TYPE as RECORD
from careen.build.sbom import MEDIA_TYPE as BILL
from careen.oci.layout import Layout
from careen.oci.referrers import referrers_tag
from careen.platforms import Platform
from real.conftest import DockerDaemon, ShelfImages, run_careen
from real.oci.test_docker_registry import Server

pytestmark = [pytest.mark.real, pytest.mark.network]

SERVICES = ("docker_api", "docker_flower", "docker_worker-default", "docker_worker-heavy", "docker_worker-io")
WELL = "import os, celery; print('well', os.getuid())"


def tool(name: str, package: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not on this machine (apt-get install {package})")
    return found


def run(*words: str | Path, timeout: float = 300, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, f"{words[:4]}: {done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def both(shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example for two platforms, and an archive of it."""
    folder = tmp_path_factory.mktemp("both")
    words: list[str | Path] = ["--platform", "linux/amd64,linux/arm64", "--archive", folder / "images.tar", "--quiet"]
    done = run_careen("build", shelf, "--output", folder / "images", *words, timeout=1200)
    assert done.returncode == 0, done.stderr
    return folder


def test_docker_is_loaded_and_runs_them(
    shelf_images: ShelfImages, docker: DockerDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{docker.socket}")
    words = ["--load", "--tag", "loaded", "--format", "json", "--reproducible"]
    done = run_careen("build", shelf_images.project, "--output", shelf_images.layout, *words)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["loaded"]
    assert told == {"engine": "docker", "references": [f"{name}:loaded" for name in SERVICES]}
    options = ["--rm", "--network", "none", "--read-only", "--entrypoint", "/usr/bin/python3.11"]
    for name in SERVICES:
        assert docker.run("run", *options, f"{name}:loaded", "-c", WELL) == "well 10001"


def test_podman_is_loaded_and_runs_them(
    shelf_images: ShelfImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    podman = tool("podman", "podman")
    storage = tmp_path / "storage.conf"
    graph, state = tmp_path / "g", tmp_path / "r"
    storage.write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{graph}"\nrunroot = "{state}"\n')
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(storage))
    done = run_careen("build", shelf_images.project, "--output", shelf_images.layout, "--load=podman", "--quiet")
    assert done.returncode == 0, done.stderr
    options = ["--rm", "--network", "none", "--no-healthcheck", "--ulimit", "nofile=1000:1000"]
    options += ["--ulimit", "nproc=1000:1000", "--entrypoint", "/usr/bin/python3.11"]
    for name in SERVICES[:3]:
        assert run(podman, "run", *options, f"localhost/{name}", "-c", WELL) == "well 10001\n"


def test_buildah_builds_on_one(shelf_images: ShelfImages, tmp_path: Path) -> None:
    buildah = tool("buildah", "buildah")
    storage = ("--storage-driver", "vfs", "--root", str(tmp_path / "g"), "--runroot", str(tmp_path / "r"))
    name = run(buildah, *storage, "from", f"oci:{shelf_images.layout}:docker_flower").split()[-1]
    inspected = json.loads(run(buildah, *storage, "inspect", name))
    assert inspected["OCIv1"]["config"]["User"] == "10001:10001"
    mounted = Path(run(buildah, *storage, "mount", name).strip())
    assert (mounted / "usr/bin/python3.11").is_file()
    run(buildah, *storage, "rm", name)


@pytest.fixture
def containerd(tmp_path: Path) -> Iterator[list[str]]:
    """The words of a client of a containerd of its own."""
    daemon, client = tool("containerd", "containerd"), tool("ctr", "containerd")
    if os.geteuid() != 0:
        pytest.skip("containerd needs root")
    socket, log = tmp_path / "socket", tmp_path / "log"
    words = [daemon, "--root", tmp_path / "root", "--state", tmp_path / "state", "--address", socket]
    with log.open("wb") as output:
        process = subprocess.Popen([str(word) for word in words], stdout=output, stderr=output)
    try:
        give_up = time.monotonic() + 30
        while subprocess.run([client, "-a", socket, "version"], capture_output=True, check=False).returncode:
            if process.poll() is not None or time.monotonic() > give_up:
                pytest.skip(f"containerd does not start here: {log.read_text(errors='replace')[-400:]}")
            time.sleep(0.2)
        yield [client, "-a", str(socket)]
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_containerd_imports_an_archive_and_runs_it(both: Path, containerd: list[str]) -> None:
    run(*containerd, "image", "import", "--digests", both / "images.tar")
    assert {f"{name}:latest" for name in SERVICES} <= set(run(*containerd, "image", "ls", "-q").split())
    options = ["--rm", "--snapshotter", "native", "--runc-binary", tool("runc", "runc")]
    words = ["docker_flower:latest", f"careen-{os.getpid()}", "/usr/bin/python3.11", "-c", WELL]
    assert run(*containerd, "run", *options, *words) == "well 10001\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    tool("docker-registry", "docker-registry")
    (tmp_path / "server").mkdir()
    server = Server(tmp_path / "server")
    server.start()
    yield server
    server.stop()


def test_a_registry_gets_every_platform_and_what_is_attached(
    both: Path, shelf: Path, server: Server, tmp_path: Path
) -> None:
    skopeo = tool("skopeo", "skopeo")
    words = ["--platform", "linux/amd64", "--platform", "linux/arm64", "--push", f"{server.host}/team"]
    words += ["--tag", "v1", "--format", "json"]
    done = run_careen("build", shelf, "--output", both / "images", *words, timeout=600)
    assert done.returncode == 0, done.stderr
    pushed = {item["reference"]: item for item in json.loads(done.stdout)["pushed"]}
    layout = Layout.open(both / "images")
    for name in SERVICES:
        source = f"docker://{server.host}/team/{name}"
        assert pushed[f"{server.host}/team/{name}:v1"]["digest"] == str(layout.images()[name].digest)
        for architecture in ("amd64", "arm64"):
            words = ["inspect", "--tls-verify=false", "--override-arch", architecture, f"{source}:v1"]
            assert json.loads(run(skopeo, *words))["Architecture"] == architecture
        manifest = layout.image(name, Platform.parse("linux/amd64"))
        tag = referrers_tag(manifest.digest)
        listed = json.loads(run(skopeo, "inspect", "--raw", "--tls-verify=false", f"{source}:{tag}"))
        assert {entry["artifactType"] for entry in listed["manifests"]} == {BILL, RECORD}
    first, *others = sorted(pushed.values(), key=lambda item: item["reference"])
    assert first["mounted_bytes"] == 0
    assert all(item["mounted_bytes"] > 50_000_000 for item in others)
    run(
        skopeo,
        "copy",
        "--all",
        "--src-tls-verify=false",
        f"docker://{server.host}/team/docker_api:v1",
        f"oci:{tmp_path}/c:api",
    )
    assert Layout.open(tmp_path / "c").images()["api"].digest == layout.images()["docker_api"].digest

    again = run_careen("build", shelf, "--output", both / "images", *["--platform", "linux/amd64,linux/arm64"],
                       "--push", f"{server.host}/team", "--tag", "v2", "--format", "json", timeout=600)  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert {item["uploaded_bytes"] for item in json.loads(again.stdout)["pushed"]} == {0}


def unpacked(layout: Path, name: str, folder: Path, architecture: str = "amd64") -> Path:
    """The image's root, by skopeo and umoci."""
    skopeo, umoci = tool("skopeo", "skopeo"), tool("umoci", "umoci")
    if os.geteuid() != 0:
        pytest.skip("unpacking with owners needs root")
    run(skopeo, "copy", "--override-arch", architecture, f"oci:{layout}:{name}", f"oci:{folder / 'one'}:image")
    run(umoci, "unpack", "--image", f"{folder / 'one'}:image", folder / "bundle")
    return folder / "bundle/rootfs"


_IMPORTED = {
    "docker_api": "import fastapi, pydantic_core, uvloop, httptools, ssl, celery",
    "docker_worker-heavy": "import cv2, numpy, onnxruntime",
    "docker_flower": "import flower.command, tornado",
}


@pytest.mark.parametrize("name", sorted(_IMPORTED))
def test_images_for_the_other_processor_run_where_it_is_emulated(both: Path, tmp_path: Path, name: str) -> None:
    qemu = tool("qemu-aarch64-static", "qemu-user-static")
    root = unpacked(both / "images", name, tmp_path, "arm64")
    shutil.copy(qemu, root / "tmp/qemu")
    program = f"import platform; {_IMPORTED[name]}; print('well', platform.machine())"
    out = run("chroot", root, "/tmp/qemu", "/usr/bin/python3.11", "-c", program, timeout=600)
    assert out == "well aarch64\n"


_CHECK = """
import importlib.metadata, re
from packaging.requirements import Requirement
known = {re.sub(r"[-_.]+", "-", d.name).lower(): d.version for d in importlib.metadata.distributions(path=[SITE])}
wrong = []
for distribution in importlib.metadata.distributions(path=[SITE]):
    for text in distribution.requires or ():
        requirement = Requirement(text)
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            if name in known and known[name] not in requirement.specifier:
                wrong.append(f"{distribution.name}: {text}, and {known[name]} is there")
print(len(known), wrong)
"""


def test_versions_fit_together_inside(shelf_images: ShelfImages, tmp_path: Path) -> None:
    root = unpacked(shelf_images.layout, "docker_api", tmp_path)
    site = root / "usr/local/lib/python3.11/dist-packages"
    count, wrong = run(sys.executable, "-c", _CHECK.replace("SITE", repr(str(site)))).split(" ", 1)
    assert int(count) > 30
    assert wrong == "[]\n"


def test_a_scanner_of_dpkgs_status_finds_what_the_bill_names(shelf_images: ShelfImages, tmp_path: Path) -> None:
    query = tool("dpkg-query", "dpkg")
    root = unpacked(shelf_images.layout, "docker_worker-heavy", tmp_path)
    folder = tmp_path / "dpkg"
    (folder / "info").mkdir(parents=True)
    entries = [path for path in sorted((root / "var/lib/dpkg/status.d").iterdir()) if path.suffix != ".md5sums"]
    texts = [path.read_text().strip().replace("\n", "\nStatus: install ok installed\n", 1) for path in entries]
    (folder / "status").write_text("\n\n".join(texts) + "\n")
    found = run(query, "--admindir", folder, "--show", "--showformat", "${Package} ${Version} ${Architecture}\n")
    layout = Layout.open(shelf_images.layout)
    data = layout.attachment(layout.image("docker_worker-heavy"), BILL)
    assert data is not None
    packages = [item for item in json.loads(data)["components"] if item.get("purl", "").startswith("pkg:deb/")]
    named = {
        f"{item['name']} {item['version']} {item['purl'].partition('arch=')[2].partition('&')[0]}" for item in packages
    }
    assert len(named) > 30
    assert set(found.splitlines()) == named


TRIXIE = {
    "pyproject.toml": '[project]\nname = "small"\nversion = "0.1"\nrequires-python = ">=3.11"\n'
    'dependencies = ["fastapi>=0.115", "uvicorn>=0.30"]\n[tool.uv]\npackage = false\n',
    "small/__init__.py": "",
    "small/main.py": "from fastapi import FastAPI\napp = FastAPI()\n"
    "@app.get('/health')\ndef health():\n    return {}\n",
    "Dockerfile": "FROM python:3.13-slim\nCOPY . .\nRUN pip install uv && uv sync --frozen\n"
    'CMD ["uvicorn", "small.main:app", "--host", "0.0.0.0"]\n',
    "compose.yaml": "name: small\nservices:\n  web:\n    build: .\n    ports: ['8000:8000']\n",
}


def test_the_newer_debian_with_its_newer_python_runs(tmp_path: Path) -> None:
    project = tmp_path / "project"
    for name, text in TRIXIE.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    uv = Path(sys.executable).parent / "uv"
    locked = subprocess.run([uv, "lock", "--quiet"], cwd=project, capture_output=True, text=True, check=False)
    if locked.returncode:
        pytest.skip(f"a project for Python 3.13 cannot be locked here: {locked.stderr[-400:]}")
    done = run_careen("build", project, "--output", tmp_path / "images", "--quiet", timeout=1200)
    assert done.returncode == 0, done.stderr
    root = unpacked(tmp_path / "images", "small_web", tmp_path)
    program = "import sys, ssl, fastapi, uvicorn, pydantic_core; print('well', *sys.version_info[:2])"
    assert run("chroot", root, "/usr/bin/python3.13", "-c", program) == "well 3 13\n"
