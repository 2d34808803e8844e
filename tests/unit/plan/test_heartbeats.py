"""The programs that keep a heartbeat file fresh, run as images run them, with stand-ins for Celery and arq.

What these stand-ins call, and when, is Celery's own (celery.beat.Service.start, celery.__main__) and arq's
(arq.worker.Worker.main, arq.cli); a proof runs the real ones.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from careen.plan.roles import Role
from careen.plan.support import support_files

_CELERY = {
    "celery/__init__.py": "",
    "celery/bootsteps.py": "class StartStopStep:\n    def __init__(self, parent, **options): ...\n",
    "celery/signals.py": """\
class Signal:
    def __init__(self):
        self.receivers = []

    def connect(self, weak=True, dispatch_uid=None):
        def decorate(function):
            self.receivers.append(function)
            return function

        return decorate

    def send(self, sender):
        for receiver in self.receivers:
            receiver(sender=sender)


beat_init, worker_init, task_prerun, task_postrun = Signal(), Signal(), Signal(), Signal()
""",
    "celery/__main__.py": """\
import os
import sys
from celery import signals

class Scheduler:
    def tick(self):
        print("looked, told", sys.argv[1:], os.path.exists(os.environ["CAREEN_HEARTBEAT_FILE"]))
        return 300.0

class Service:
    scheduler = Scheduler()

def main():
    service = Service()
    signals.beat_init.send(sender=service)
    print("sleeps", service.scheduler.tick())
""",
}
_ARQ = {
    "arq/__init__.py": "",
    "arq/worker.py": """\
class Worker:
    async def heart_beat(self):
        print("told redis")
""",
    "arq/cli.py": """\
import asyncio
from arq import worker

def cli(prog_name):
    print("is", prog_name)
    loop = worker.Worker()
    for _ in range(3):
        asyncio.run(loop.heart_beat())
""",
}


def run(folder: Path, role: Role, files: dict[str, str], module: str, *words: str) -> tuple[list[str], Path]:
    """What it printed, and its heartbeat file."""
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    for file in support_files(role):
        (folder / file.destination.name).write_bytes(file.content)
    beat = folder / "beat"
    environment = {**os.environ, "PYTHONPATH": str(folder), "CAREEN_HEARTBEAT_FILE": str(beat)}
    done = subprocess.run(
        [sys.executable, "-m", module, *words], capture_output=True, text=True, check=True, timeout=30, env=environment
    )
    return done.stdout.splitlines(), beat


def test_a_scheduler_touches_its_file_after_each_look_and_looks_often(tmp_path: Path) -> None:
    printed, beat = run(tmp_path, Role.BEAT, _CELERY, "careen_heartbeat", "-A", "shop", "beat")

    assert printed == ["looked, told ['-A', 'shop', 'beat'] False", "sleeps 10.0"]
    assert abs(time.time() - beat.stat().st_mtime) < 30


def test_an_arq_worker_touches_its_file_when_it_has_told_redis(tmp_path: Path) -> None:
    printed, beat = run(tmp_path, Role.OTHER, _ARQ, "careen_arq", "shop.Settings")

    assert printed == ["is arq", "told redis", "told redis", "told redis"]
    assert abs(time.time() - beat.stat().st_mtime) < 30
