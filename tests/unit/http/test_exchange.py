"""Requests of any method through the one HTTP door, with real sockets."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from careen.http.client import HttpClient
from careen.http.failures import HttpError, OfflineError, TooLargeError, TransferError
from careen.http.messages import Body, Request
from careen.http.patience import HttpSettings

Reply = Callable[[BaseHTTPRequestHandler, bytes], None]


class Server:
    """Does what its ``replies`` say, one after another, the last one again and again; keeps what came in."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            timeout = 5

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has
                pass

            def reply(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.requests.append((self.command, self.path, headers, body))
                (outer.replies.pop(0) if len(outer.replies) > 1 else outer.replies[0])(self, body)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = reply  # noqa: N815 - the names http.server calls

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _reply(status: int, body: bytes = b"", **headers: str) -> Reply:
    def reply(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return reply


def _cut(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"only this")
    handler.close_connection = True


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    pair = (Server(), Server())
    yield pair
    for server in pair:
        server.close()


@pytest.fixture
def http(servers: tuple[Server, Server]) -> Iterator[HttpClient]:
    client = HttpClient(HttpSettings(attempts=3, backoff=0.001))
    yield client
    client.close()


@pytest.fixture
def server(servers: tuple[Server, Server]) -> Server:
    return servers[0]


def _get(server: Server, path: str = "/", **headers: str) -> Request:
    return Request(method="GET", url=server.url + path, headers=headers)


def test_any_status_is_an_answer(server: Server, http: HttpClient) -> None:
    server.replies = [_reply(404, b"nothing here", X_Kind="none")]
    answer = http.exchange(_get(server), limit=100)
    assert (answer.status, answer.body, answer.headers["x-kind"]) == (404, b"nothing here", "none")
    assert answer.url == f"{server.url}/"


def test_a_body_is_streamed_with_its_size_and_given_anew_for_every_attempt(server: Server, http: HttpClient) -> None:
    server.replies = [_reply(503), _cut, _reply(201)]
    given: list[int] = []

    def chunks() -> Iterator[bytes]:
        given.append(1)
        yield b"abc"
        yield b"def"

    answer = http.exchange(Request(method="PUT", url=f"{server.url}/x", body=Body(6, chunks)), limit=100)
    assert answer.status == 201
    assert [(method, body, headers["content-length"]) for method, _, headers, body in server.requests] == [
        ("PUT", b"abcdef", "6")
    ] * 3
    assert all("transfer-encoding" not in headers for _, _, headers, _ in server.requests)
    assert len(given) == 3


def test_without_repeat_there_is_one_attempt(server: Server, http: HttpClient) -> None:
    server.replies = [_reply(503, b"busy"), _reply(200)]
    assert http.exchange(_get(server), limit=100, repeat=False).status == 503
    server.replies = [_cut, _reply(200)]
    with pytest.raises(TransferError):
        http.exchange(_get(server), limit=100, repeat=False)


def test_the_last_answer_of_an_overloaded_server_is_handed_out(server: Server, http: HttpClient) -> None:
    server.replies = [_reply(429, b"too many", Retry_After="0")]
    answer = http.exchange(_get(server), limit=100)
    assert (answer.status, answer.body, len(server.requests)) == (429, b"too many", 3)


def test_a_body_has_its_bound(server: Server, http: HttpClient) -> None:
    server.replies = [_reply(200, b"x" * 101)]
    with pytest.raises(TooLargeError, match="more than 100 bytes"):
        http.exchange(_get(server), limit=100)


def test_credentials_in_headers_stay_with_their_host(servers: tuple[Server, Server], http: HttpClient) -> None:
    here, elsewhere = servers
    here.replies = [_reply(307, Location="/there"), _reply(307, Location=f"{elsewhere.url}/x")]
    elsewhere.replies = [_reply(200, b"found")]
    answer = http.exchange(_get(here, Authorization="Basic secret", Accept="a/b"), limit=100)
    assert (answer.body, answer.url) == (b"found", f"{elsewhere.url}/x")
    assert [headers.get("authorization") for _, _, headers, _ in here.requests] == ["Basic secret"] * 2
    ((_, _, headers, _),) = elsewhere.requests
    assert "authorization" not in headers
    assert headers["accept"] == "a/b"


def test_credentials_do_not_come_back_with_a_redirect_home(servers: tuple[Server, Server], http: HttpClient) -> None:
    here, elsewhere = servers
    here.replies = [_reply(307, Location=f"{elsewhere.url}/x"), _reply(200)]
    elsewhere.replies = [_reply(307, Location=f"{here.url}/steered")]
    http.exchange(_get(here, Authorization="Basic secret"), limit=100)
    assert "authorization" not in here.requests[1][2]


@pytest.mark.parametrize(("status", "followed"), [(301, False), (302, False), (303, False), (307, True), (308, True)])
def test_a_body_is_sent_on_only_where_the_method_stays(
    server: Server, http: HttpClient, status: int, followed: bool
) -> None:
    server.replies = [_reply(status, Location="/there"), _reply(201)]
    answer = http.exchange(Request(method="PUT", url=f"{server.url}/x", body=Body.of(b"data")), limit=100)
    assert answer.status == (201 if followed else status)
    assert [(method, path, body) for method, path, _, body in server.requests][1:] == (
        [("PUT", "/there", b"data")] if followed else []
    )


def test_redirects_have_an_end(server: Server, http: HttpClient) -> None:
    server.replies = [_reply(307, Location="/again")]
    with pytest.raises(HttpError, match="redirects without end"):
        http.exchange(_get(server), limit=100)


def test_an_open_answer_is_read_as_it_arrives_and_may_break_off(server: Server, http: HttpClient) -> None:
    server.replies = [_cut]
    arrived: list[bytes] = []
    with http.open(_get(server)) as opened, pytest.raises(TransferError, match="without sending complete"):
        arrived.extend(opened.pieces)
    assert arrived == [b"only this"]


def test_addresses_in_messages_carry_no_secrets(server: Server, http: HttpClient) -> None:
    server.replies = [_cut]
    with pytest.raises(TransferError) as caught:
        http.exchange(_get(server, "/p?signature=secret"), limit=1000)
    assert "secret" not in caught.value.message


def test_nothing_is_asked_offline() -> None:
    client = HttpClient(HttpSettings(offline=True))
    with pytest.raises(OfflineError):
        client.exchange(Request(method="GET", url="https://index.example/"), limit=1)
    with pytest.raises(OfflineError), client.open(Request(method="GET", url="https://index.example/")):
        pass


@pytest.mark.parametrize("url", ["http://index.example:port/", "http://[::1/", "ftp://index.example/x", "http:///", ""])
def test_what_is_no_address_says_so(http: HttpClient, url: str) -> None:
    with pytest.raises(HttpError):
        http.exchange(Request(method="GET", url=url), limit=1, repeat=False)


@pytest.mark.parametrize(
    "place", ["http://[", "http://index.example:port/", "http://index.example:99999/", "file:///etc"]
)
def test_a_redirect_to_what_is_no_address_says_so(server: Server, http: HttpClient, place: str) -> None:
    server.replies = [_reply(307, Location=place)]
    with pytest.raises(HttpError):
        http.exchange(_get(server), limit=1, repeat=False)
