"""An index of files in this process that speaks real HTTP, with the faults that tests ask for."""

import base64
import contextlib
import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Ranges(Enum):
    """How the server answers a request for a part: truthfully, with the whole file, with a refusal, or with lies."""

    KEPT = "kept"
    IGNORED = "ignored"
    REFUSED = "refused"
    SHORT = "short"
    WRONG_TOTAL = "wrong total"
    FIRST_BYTES = "the file's beginning in place of its end"
    UNSAID = "a part without a word of which"
    ENCODED = "parts of the encoded file"


@dataclass
class FakeIndex:
    """``files`` by path; ``asked`` are the requests as (path, Range header), ``failures`` statuses used up first.

    ``delay`` is waited before an answer and ``trickle`` between its pieces of 100 bytes, in seconds; ``encoded`` sends
    bodies gzipped, asked or not.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: Ranges = Ranges.KEPT
    redirects: dict[str, str] = field(default_factory=dict)
    failures: list[int] = field(default_factory=list)
    cut_after: int | None = None
    delay: float = 0
    users: dict[str, str] = field(default_factory=dict)
    """Names and passwords; where there are any, nobody else is answered."""
    encoded: bool = False
    trickle: float = 0
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    address: str = ""

    def url(self, path: str) -> str:
        return f"{self.address}/{path}"


@contextmanager
def serve(index: FakeIndex) -> Iterator[FakeIndex]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _answer(index, self)

        def do_HEAD(self) -> None:
            data = index.files.get(self.path.lstrip("/"))
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # of five that wait by default, the sixth is asked to come again a second later

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    index.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(index: FakeIndex, request: BaseHTTPRequestHandler) -> None:
    path = request.path.lstrip("/")
    wanted = request.headers.get("Range")
    index.asked.append((path, wanted))
    if index.delay:
        time.sleep(index.delay)
    if index.users and not _is_known(index, request.headers.get("Authorization") or ""):
        _send(request, 401, b"")
    elif index.failures:
        _send(request, index.failures.pop(0), b"")
    elif path in index.redirects:
        request.send_response(302)
        request.send_header("Location", index.redirects[path])
        request.send_header("Content-Length", "0")
        request.end_headers()
    elif path not in index.files:
        _send(request, 404, b"")
    elif wanted is None or index.ranges is Ranges.IGNORED:
        body = gzip.compress(index.files[path]) if index.encoded else index.files[path]
        coding = "gzip" if index.encoded else None
        _send(request, 200, body, cut_after=index.cut_after, trickle=index.trickle, coding=coding)
    elif index.ranges is Ranges.REFUSED:
        _send(request, 416, b"")
    else:
        _send_part(index, request, index.files[path], wanted)


def _is_known(index: FakeIndex, header: str) -> bool:
    try:
        name, _, password = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
    except ValueError:
        return False
    return index.users.get(name) == password


def _send_part(index: FakeIndex, request: BaseHTTPRequestHandler, data: bytes, wanted: str) -> None:
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start = int(first) if first else max(0, len(data) - int(last))
    end = min(int(last) + 1, len(data)) if first and last else len(data)
    total = len(data) + 1000 if index.ranges is Ranges.WRONG_TOTAL else len(data)
    if index.ranges is Ranges.ENCODED:
        data, start, end = gzip.compress(data), 0, 500
    if index.ranges is Ranges.FIRST_BYTES:
        start, end = 0, end - start
    part = data[start:end]
    if index.ranges is Ranges.SHORT:
        part = part[: len(part) // 2]
    told = None if index.ranges is Ranges.UNSAID else f"bytes {start}-{end - 1}/{total}"
    coding = "gzip" if index.ranges is Ranges.ENCODED else None
    _send(request, 206, part, content_range=told, cut_after=index.cut_after, trickle=index.trickle, coding=coding)


def _send(  # noqa: PLR0913 - each is a way in which servers differ
    request: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    *,
    content_range: str | None = None,
    cut_after: int | None = None,
    trickle: float = 0,
    coding: str | None = None,
) -> None:
    request.send_response(status)
    if request.path.endswith("/"):
        request.send_header("Content-Type", "text/html")
    request.send_header("Content-Length", str(len(body)))
    if content_range is not None:
        request.send_header("Content-Range", content_range)
    if coding is not None:
        request.send_header("Content-Encoding", coding)
    request.end_headers()
    if cut_after is not None and cut_after < len(body):
        request.wfile.write(body[:cut_after])
        request.wfile.flush()
        request.close_connection = True
        request.connection.close()
    elif trickle:
        with contextlib.suppress(OSError):  # the client need not wait for the end
            for position in range(0, len(body), 100):
                request.wfile.write(body[position : position + 100])
                time.sleep(trickle)
    else:
        request.wfile.write(body)
