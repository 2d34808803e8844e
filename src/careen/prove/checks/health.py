"""The health check passes while the service serves, again and again, within its own time limit."""

import time

from careen.process.run import CommandFailedError
from careen.prove.evidence import CheckResult, Evidence, failed, passed
from careen.prove.subjects import RunningSubject

SLUG = "health"
_TIMES = 3


def check(subject: RunningSubject) -> CheckResult:
    health = subject.service.health
    if health is None:
        raise ValueError("a service without a health check has none to be judged")
    took, said = 0.0, ""
    for _ in range(_TIMES):
        begun = time.monotonic()
        try:
            done = subject.container.execute(health.argv, health.timeout)
        except CommandFailedError as error:
            return failed(SLUG, Evidence(summary=error.message, command=health.argv))
        took = max(took, time.monotonic() - begun)
        said = done.tail()
        if not done.succeeded:
            summary = f"it fails with status {done.status}"
            return failed(SLUG, Evidence(summary=summary, command=health.argv, output=said, seconds=took))
    summary = f"passes {_TIMES} times of {_TIMES}, in {took * 1000:.0f} ms at most"
    return passed(SLUG, Evidence(summary=summary, command=health.argv, output=said, seconds=took))
