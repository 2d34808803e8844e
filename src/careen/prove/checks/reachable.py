"""The service listens where the rest of the stack can reach it, and not on its own loopback only."""

import time

from careen.prove.evidence import CheckResult, Evidence, judged, skipped
from careen.prove.runner import Property
from careen.prove.subjects import RunningSubject

SLUG = "reachable"
_TIMEOUT = 3.0


def check(subject: RunningSubject) -> CheckResult:
    if Property.PRIVATE_NETWORK in subject.lacks:
        return skipped(SLUG, subject.lacks[Property.PRIVATE_NETWORK])
    complaints, begun = [], time.monotonic()
    for port in subject.service.container_ports:
        try:
            subject.ground.dial(subject.service.name, port, _TIMEOUT).close()
        except OSError as error:
            complaints.append(f"port {port} cannot be reached from another container: {error.strerror or error}")
    ports = ", ".join(map(str, subject.service.container_ports))
    evidence = Evidence(summary=f"port {ports} answers other containers", seconds=time.monotonic() - begun)
    return judged(SLUG, tuple(complaints), evidence)
