"""What comparisons with real tools share: a Docker daemon of their own, and the example, locked and built once."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "shelf"
_DAEMON_PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class DockerDaemon:
    """A daemon that nobody else uses. ``program`` is the Debian package's client, which has BuildKit."""

    program: Path
    socket: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """For programs that look for docker themselves."""
        path = f"{self.program.parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "DOCKER_HOST": f"unix://{self.socket}", "PATH": path}

    def run(self, *words: str, check: bool = True, stdin: bytes = b"", timeout: float = 300) -> str:
        """What it printed on stdout, stripped; fails the test with everything it printed."""
        done = subprocess.run(
            [str(self.program), "-H", f"unix://{self.socket}", *words],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=timeout,
            env={**os.environ, "DOCKER_BUILDKIT": "1"},
        )
        if check and done.returncode:
            pytest.fail(f"docker {' '.join(words)}: {done.stderr.decode(errors='replace')[-4000:]}")
        return done.stdout.decode(errors="replace").strip()


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerDaemon]:
    """Starts Debian's dockerd without a bridge; skipped, by name, where it is missing or does not start."""
    daemon, client = shutil.which("dockerd", path="/usr/sbin:/usr/bin"), Path("/usr/bin/docker")
    if daemon is None or not client.exists():
        pytest.skip("dockerd is not on this machine (apt-get install docker.io)")
    if os.geteuid() != 0:
        pytest.skip("dockerd needs root")
    folder = tmp_path_factory.mktemp("docker")
    found = DockerDaemon(program=client, socket=folder / "docker.sock")
    log = folder / "log"
    words = [daemon, "--data-root", folder / "data", "--exec-root", folder / "exec", "--pidfile", folder / "pid"]
    words += ["-H", f"unix://{found.socket}", "--bridge", "none", "--iptables=false", "--ip6tables=false"]
    with log.open("wb") as output:
        process = subprocess.Popen([str(word) for word in words], stdout=output, stderr=subprocess.STDOUT)
    try:
        give_up = time.monotonic() + _DAEMON_PATIENCE_SECONDS
        while subprocess.run(
            [str(client), "-H", f"unix://{found.socket}", "version"], capture_output=True, check=False
        ).returncode:
            if process.poll() is not None or time.monotonic() > give_up:
                pytest.skip(f"dockerd does not start here: {log.read_text(errors='replace')[-400:]}")
            time.sleep(0.2)
        yield found
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
        for mount in sorted(Path("/proc/self/mounts").read_text().splitlines(), reverse=True):
            place = mount.split()[1]
            if place.startswith(str(folder)):
                subprocess.run(["umount", "-l", place], check=False, capture_output=True)


@dataclass(frozen=True)
class ShelfImages:
    """The example, locked, and its images by the native engine."""

    project: Path
    layout: Path


def run_careen(
    *words: str | Path, timeout: float = 600, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The program itself, with the caller's cache, so that wheels are fetched once a machine."""
    return subprocess.run(
        [sys.executable, "-m", "careen", *(str(word) for word in words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env=environment,
    )


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example with a lock from the index that uv is configured for."""
    project = tmp_path_factory.mktemp("shelf") / "shelf"
    unwanted = shutil.ignore_patterns(".venv", "uv.lock", "__pycache__")
    shutil.copytree(EXAMPLE, project, ignore=unwanted)
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run([uv, "lock", "--quiet"], cwd=project, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the example cannot be locked: {done.stderr[-400:]}")
    return project


@pytest.fixture(scope="session")
def shelf_images(shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> ShelfImages:
    layout = tmp_path_factory.mktemp("images") / "images"
    done = run_careen("build", shelf, "--output", layout, "--quiet")
    assert done.returncode == 0, done.stderr
    return ShelfImages(project=shelf, layout=layout)
