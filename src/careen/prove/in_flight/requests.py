"""A web service is told to stop while it works on a request: the answer still comes, whole."""

import socket
import time

from careen.plan.target import ServicePlan
from careen.prove.evidence import CheckResult, Evidence, failed, judged
from careen.prove.instruments import Instruments
from careen.prove.runner import Container, Ground
from careen.prove.stopping import stop
from careen.text.values import dataclass

SLUG = "request-in-flight"
_TIMEOUT = 30.0
_BEGIN_TIMEOUT = 15.0
_LARGEST_ANSWER = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """``status`` None: no whole answer came; ``complaint`` says why."""

    status: int | None
    complaint: str = ""


def stop_during_request(
    service: ServicePlan,
    container: Container,
    ground: Ground,
    instruments: Instruments,
    *,
    hold: float,
    grace: float | None,
) -> CheckResult:
    """``container`` runs with the holding door (:meth:`Instruments.held`)."""
    path, port = _path(service), service.container_ports[0]
    name = f"request-{service.name}"
    ask = (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"x-careen-hold: {hold}\r\nx-careen-name: {name}\r\n\r\n"
    )
    command = ("GET", f"http://{service.name}:{port}{path}", "signal", "answer")
    try:
        connection = ground.dial(service.name, port, _TIMEOUT)
    except OSError as error:
        return failed(SLUG, Evidence(summary=f"it cannot be reached: {error}", command=command))
    with connection:
        connection.sendall(ask.encode())
        if not instruments.wait_for_mark(f"{name}.begun", _BEGIN_TIMEOUT):
            answer = read_answer(connection, 1)
            told = answer.complaint or f"it answered {answer.status} at once"
            return failed(SLUG, Evidence(summary=f"the request did not reach the application: {told}", command=command))
        answers: list[Answer] = []
        begun = time.monotonic()
        stopped = stop(container, service, grace, meanwhile=lambda: answers.append(read_answer(connection, _TIMEOUT)))
    (answer,) = answers
    complaints = list(stopped.complaints)
    if answer.status is None:
        complaints.insert(0, f"the request in flight was lost: {answer.complaint}")
    elif answer.status >= 500:
        complaints.insert(0, f"the request in flight was answered {answer.status}")
    summary = (
        f"a request of {hold:g} s was answered {answer.status} after the signal; "
        f"ended with status {stopped.status} after {stopped.seconds:.1f} s"
    )
    evidence = Evidence(
        summary=summary, command=command, output=container.heard().text[-600:], seconds=time.monotonic() - begun
    )
    return judged(SLUG, tuple(complaints), evidence)


def read_answer(connection: socket.socket, timeout: float) -> Answer:
    """Reads an HTTP/1.1 answer to its end, as its own headers or the end of the connection tell (RFC 9112, 6.3)."""
    connection.settimeout(timeout)
    data = b""
    try:
        while len(data) < _LARGEST_ANSWER and (piece := connection.recv(65536)):
            data += piece
    except OSError as error:
        return Answer(None, f"the connection broke: {error}")
    head, blank, body = data.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    if not blank or len(words) < 2 or not words[1].isdigit():
        return Answer(None, "the connection was closed before an answer" if not data else "the answer is cut short")
    lengths = [line.partition(b":")[2].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"content-l")]
    if lengths and lengths[0].isdigit() and len(body) < int(lengths[0]):
        return Answer(None, f"{len(body)} of {int(lengths[0])} bytes of the answer came")
    if b"transfer-encoding: chunked" in head.lower() and not body.endswith(b"0\r\n\r\n"):
        return Answer(None, "the answer's last chunk did not come")
    return Answer(int(words[1]))


def _path(service: ServicePlan) -> str:
    argv = service.health.argv if service.health is not None else ()
    if "http" in argv[:-2]:
        return argv[argv.index("http") + 2]
    return "/"
