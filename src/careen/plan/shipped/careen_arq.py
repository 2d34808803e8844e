"""An arq worker whose health can be read from a file: ``python -m careen_arq`` in the place of ``arq``.

Every time that its loop has looked for jobs and told Redis that it lives, which is twice a second, it touches
``CAREEN_HEARTBEAT_FILE`` (``/tmp/careen-heartbeat``), but no oftener than every two seconds. A loop that hangs, or has
lost Redis, touches nothing. arq's own ``--check`` would load the application each time, and asks about the last hour.
"""
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN002, ANN003, ANN202, INP001, S108 - it runs with an image's Python

import logging
import os
import time

from arq.cli import cli
from arq.worker import Worker

FILE = os.environ.get("CAREEN_HEARTBEAT_FILE") or "/tmp/careen-heartbeat"
INTERVAL_SECONDS = 2.0

_log = logging.getLogger("careen.heartbeat")
_told = Worker.heart_beat
_last = 0.0


def _touch():
    try:
        descriptor = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            os.utime(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:  # the health check will say so; the worker's work goes on
        _log.warning("heartbeat file %s cannot be written: %s", FILE, error.strerror)


async def _heart_beat(self, *args, **options):
    global _last  # noqa: PLW0603 - of this process's one worker
    await _told(self, *args, **options)
    if time.monotonic() - _last >= INTERVAL_SECONDS:
        _last = time.monotonic()
        _touch()


Worker.heart_beat = _heart_beat

if __name__ == "__main__":
    cli(prog_name="arq")
