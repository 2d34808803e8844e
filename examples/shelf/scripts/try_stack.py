"""Starts the shelf as local processes, without Docker, and asks it to do its work. Exits 1 when it does not.

Needs the project's own environment and redis-server.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url: str, seconds: float) -> None:
    give_up = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except (OSError, urllib.error.URLError):
            if time.monotonic() > give_up:
                raise SystemExit(f"{url} does not answer within {seconds:g} s") from None
            time.sleep(0.2)
        else:
            return


def main() -> int:
    redis_server = shutil.which("redis-server")
    if redis_server is None:
        raise SystemExit("redis-server is not on this machine (apt-get install redis-server)")
    redis, api, flower = free_port(), free_port(), free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": str(HERE / "src"),
        "SHELF_REDIS_URL": f"redis://127.0.0.1:{redis}/0",
    }
    python = sys.executable
    worker = [python, "-m", "celery", "-A"]
    commands = {
        "redis": [redis_server, "--port", str(redis), "--save", "", "--bind", "127.0.0.1"],
        "api": [python, "-m", "uvicorn", "shelf.api.main:app", "--port", str(api)],
        "worker-default": [*worker, "shelf.worker.default", "worker", "-Q", "default", "-c", "2", "-n", "default@%h"],
        "worker-heavy": [*worker, "shelf.worker.heavy", "worker", "-Q", "heavy", "-c", "1", "-n", "heavy@%h"],
        "worker-io": [*worker, "shelf.worker.io", "worker", "-Q", "io", "-c", "2", "-n", "io@%h"],
        "flower": [*worker, "shelf.worker.app", "flower", f"--port={flower}"],
    }
    processes: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as scratch:
        try:
            for name, command in commands.items():
                log = open(Path(scratch, f"{name}.log"), "wb")
                processes.append(
                    subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=scratch)
                )
                log.close()
            wait_for(f"http://127.0.0.1:{api}/health", 90)
            wait_for(f"http://127.0.0.1:{flower}/healthcheck", 90)
            urls = [f"http://127.0.0.1:{api}", f"http://127.0.0.1:{flower}"]
            status = subprocess.run([python, str(HERE / "scripts" / "smoke.py"), *urls]).returncode
            if status:
                for name in commands:
                    print(f"--- {name}", Path(scratch, f"{name}.log").read_text()[-2000:], sep="\n", file=sys.stderr)
        finally:
            for process in reversed(processes):
                process.terminate()
            for process in processes:
                process.wait(timeout=30)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
