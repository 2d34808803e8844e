"""The health check fails when the service does: a check that always passes hides an outage.

All processes of the service are stopped (SIGSTOP) for as long as one check takes. A heartbeat file is made older than
the check allows: a living service refreshes it, a stopped one cannot.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

from careen.process.run import CommandFailedError
from careen.prove.evidence import CheckResult, Evidence, failed, passed, skipped
from careen.prove.processes import descendants
from careen.prove.runner import Property
from careen.prove.subjects import RunningSubject

SLUG = "health-honest"
_LONG_AGO_SECONDS = 86_400.0
_LONGEST_BEAT_SECONDS = 30.0


def check(subject: RunningSubject) -> CheckResult:
    health, pid = subject.service.health, subject.container.process()
    if health is None or pid is None:
        return skipped(SLUG, "the service had ended" if health is not None else "there is no health check")
    if Property.SIGNALS in subject.lacks:
        return skipped(SLUG, subject.lacks[Property.SIGNALS])
    beat = _heartbeat(health.argv, pid)
    begun = time.monotonic()
    with _stopped(pid):
        if beat is not None:
            _age(beat)
        try:
            done = subject.container.execute(health.argv, health.timeout + 2)
        except CommandFailedError as error:
            done = None
            told = error.message
    evidence_seconds = time.monotonic() - begun
    if done is not None and done.succeeded:
        summary = "it passes while every process of the service is stopped"
        return failed(SLUG, Evidence(summary=summary, command=health.argv, output=done.tail()))
    told = done.tail() if done is not None else told
    if beat is not None and not _refreshed(beat):
        summary = f"the service did not touch its heartbeat file within {_LONGEST_BEAT_SECONDS:g} s"
        return failed(SLUG, Evidence(summary=summary, command=health.argv))
    summary = "it fails while the service is stopped" + (", and the heartbeat comes back" if beat is not None else "")
    return passed(SLUG, Evidence(summary=summary, command=health.argv, output=told, seconds=evidence_seconds))


@contextlib.contextmanager
def _stopped(pid: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
    pids = descendants(pid)
    try:
        for each in pids:
            _send(each, signal.SIGSTOP)
        yield
    finally:
        for each in reversed(pids):
            _send(each, signal.SIGCONT)


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _heartbeat(argv: tuple[str, ...], pid: int) -> Path | None:
    """The file, seen from this machine, when the check is careen's own check of a heartbeat."""
    if "heartbeat" not in argv[:-2]:
        return None
    return Path(f"/proc/{pid}/root{argv[argv.index('heartbeat') + 1]}")


def _age(file: Path) -> None:
    past = time.time() - _LONG_AGO_SECONDS
    with contextlib.suppress(FileNotFoundError):
        os.utime(file, (past, past), follow_symlinks=False)


def _refreshed(file: Path) -> bool:
    give_up = time.monotonic() + _LONGEST_BEAT_SECONDS
    while time.monotonic() < give_up:
        with contextlib.suppress(OSError):
            if time.time() - file.stat(follow_symlinks=False).st_mtime < _LONG_AGO_SECONDS / 2:
                return True
        time.sleep(0.1)
    return False
