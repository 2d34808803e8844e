"""The service listens where the rest of the stack can reach it, and not on its own loopback only."""

import contextlib
import time
from pathlib import Path

from careen.prove.evidence import CheckResult, Evidence, judged, skipped
from careen.prove.runner import Property
from careen.prove.subjects import RunningSubject

SLUG = "reachable"
_TIMEOUT = 3.0
_EVERYWHERE = "have it listen everywhere in its container: uvicorn and flask take `--host 0.0.0.0`, gunicorn `--bind`"
_LOOPBACKS = frozenset({"0100007F", "00000000000000000000000001000000"})
_LISTENING = "0A"
"""As /proc/net/tcp writes them (proc(5)): addresses in the machine's byte order, the state of a socket."""


def check(subject: RunningSubject) -> CheckResult:
    if Property.PRIVATE_NETWORK in subject.lacks:
        return skipped(SLUG, subject.lacks[Property.PRIVATE_NETWORK])
    complaints, begun = [], time.monotonic()
    hints: tuple[str, ...] = ()
    for port in subject.service.container_ports:
        try:
            subject.ground.dial(subject.service.name, port, _TIMEOUT).close()
        except OSError as error:
            complaints.append(f"port {port} cannot be reached from another container: {error.strerror or error}")
            if _only_here(subject.container.process(), port):
                complaints.append("it listens on its loopback alone")
                hints = (_EVERYWHERE,)
    ports = ", ".join(map(str, subject.service.container_ports))
    seconds = time.monotonic() - begun
    evidence = Evidence(summary=f"port {ports} answers other containers", seconds=seconds, hints=hints)
    return judged(SLUG, tuple(complaints), evidence)


def _only_here(pid: int | None, port: int) -> bool:
    rows = []
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            rows += [line.split() for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]]
    places = [row[1].partition(":") for row in rows if row[3] == _LISTENING]
    addresses = [address for address, _, number in places if int(number, 16) == port]
    return bool(addresses) and _LOOPBACKS.issuperset(addresses)
