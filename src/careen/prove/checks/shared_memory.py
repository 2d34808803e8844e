"""Shared memory is there and can be written to: without it Python's semaphores, and so Celery's pool, fail."""

import stat
from pathlib import Path, PurePosixPath

from careen.prove.evidence import CheckResult, Evidence, judged, skipped
from careen.prove.processes import mounts
from careen.prove.subjects import RunningSubject

SLUG = "shared-memory"
PLACE = PurePosixPath("/dev/shm")  # noqa: S108 - the kernel's name for it


def check(subject: RunningSubject) -> CheckResult:
    pid = subject.container.process()
    if pid is None:
        return skipped(SLUG, "the service had ended")
    point = next((point for point in reversed(mounts(pid)) if point.target == PLACE), None)
    if point is None or not point.writable:
        return judged(SLUG, (f"{PLACE} is {'missing' if point is None else 'read-only'}",), Evidence(summary=""))
    mode = stat.S_IMODE(Path(f"/proc/{pid}/root{PLACE}").stat().st_mode)
    complaints = () if mode & stat.S_IWOTH else (f"{PLACE} is not writable for the service ({mode:04o})",)
    return judged(SLUG, complaints, Evidence(summary=f"{PLACE} is a {point.kind} of mode {mode:04o}"))
