"""The health check passes while the service serves, again and again, within its own time limit.

As with engines, a service is unhealthy when as many checks have failed one after the other as its retries say: on a
busy machine a single one may come too late.
"""

import time

from careen.process.run import CommandFailedError
from careen.prove.evidence import CheckResult, Evidence, failed, passed
from careen.prove.subjects import RunningSubject

SLUG = "health"
_TIMES = 3
_MOST_TRIES = 6


def check(subject: RunningSubject) -> CheckResult:
    health = subject.service.health
    if health is None:
        raise ValueError("a service without a health check has none to be judged")
    said, took, passes, tries, in_a_row = "", 0.0, 0, 0, 0
    while passes < _TIMES:
        begun = time.monotonic()
        tries += 1
        try:
            done = subject.container.execute(health.argv, health.timeout)
        except CommandFailedError as error:
            complaint, said = error.message, ""
        else:
            complaint, said = f"it fails with status {done.status}", done.tail()
            if done.succeeded:
                took = max(took, time.monotonic() - begun)
                passes, in_a_row = passes + 1, 0
                continue
        in_a_row += 1
        if in_a_row >= max(1, health.retries) or tries > _MOST_TRIES:
            return failed(SLUG, Evidence(summary=complaint, command=health.argv, output=said))
    summary = f"passes {passes} times of {tries}, in {took * 1000:.0f} ms at most"
    return passed(SLUG, Evidence(summary=summary, command=health.argv, output=said, seconds=took))
