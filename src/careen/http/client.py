"""The one HTTP door: bounded, retried, redacted; credentials never follow a redirect to another host."""

import netrc
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

from careen import __version__
from careen.blobs.digest import ByteSink
from careen.errors import CareenError
from careen.text.values import dataclass

if TYPE_CHECKING:
    import httpx

FindCredentials = Callable[[str], tuple[str, str] | None]
"""Name and password for an address; None to be nobody."""

PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Of servers that may answer otherwise a little later."""

_NO_RANGES = frozenset({400, 405, 416, 501})
_MOST_REDIRECTS = 8
_LONGEST_WAIT = 30.0
_SECRET_HEADERS = frozenset({"authorization", "cookie"})
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_PACKED_NAMES = (".gz", ".tgz")
"""Of files that some servers announce as encoded although that is what they are."""


class HttpError(CareenError):
    """A request failed for good; the address in the message carries no credentials."""


class TransferError(HttpError):
    """The connection failed or broke off; another attempt may succeed."""


class OfflineError(CareenError):
    """Something must be fetched and fetching was forbidden."""


class RangeRefusedError(HttpError):
    """The server has the file and gives no parts of it."""


class TooLargeError(HttpError):
    """The answer has more bytes than it may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Times in seconds; ``attempts`` counts the first one too.

    A body that arrives more slowly than ``slowest`` bytes a second, once ``patience`` is over, is given up.
    """

    offline: bool = False
    connect_timeout: float = 10
    read_timeout: float = 60
    attempts: int = 4
    backoff: float = 0.4
    patience: float = 60
    slowest: int = 10_000


@dataclass(frozen=True, slots=True)
class TailAnswer:
    """The last bytes of a file and its whole size; ``data`` is all of it where the server knows no ranges."""

    data: bytes
    file_size: int


def split_address(url: str) -> SplitResult:
    """Raises HttpError for what is no address, whoever made it up."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        shown = url.rpartition("@")[2].partition("?")[0]
        raise HttpError(f"not an address: {shown[:80]!r}") from error
    return parts


def joined(url: str, place: str) -> str:
    """Where a Location header leads from ``url``. Raises HttpError."""
    try:
        return urljoin(url, place)
    except ValueError as error:
        raise HttpError(f"{redacted(url)} leads to what is not an address") from error


def redacted(url: str) -> str:
    """The address without user, password, query and fragment."""
    try:
        parts = split_address(url)
    except HttpError:
        return "a malformed address"
    host = parts.hostname or ""
    return urlunsplit((parts.scheme, f"{host}:{parts.port}" if parts.port else host, parts.path, "", ""))


@dataclass(frozen=True, slots=True)
class Body:
    """``size`` bytes, which ``chunks`` gives from their beginning each time it is called."""

    size: int
    chunks: Callable[[], Iterable[bytes]]

    @classmethod
    def of(cls, data: bytes) -> "Body":
        return cls(len(data), lambda: (data,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``headers`` may carry credentials: they go to the host of ``url`` and to no other.

    With ``identify`` the client looks for some itself; a request that brings its own does without.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    identify: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``headers`` by lower-case name. ``url`` is where redirects led."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(frozen=True, slots=True)
class OpenAnswer:
    """An answer whose body is still to come, in pieces; reading them raises TransferError when it breaks off."""

    status: int
    headers: Mapping[str, str]
    url: str
    pieces: Iterator[bytes]


class HttpClient:
    """Safe to use from several threads."""

    def __init__(self, settings: HttpSettings | None = None, find_credentials: FindCredentials | None = None) -> None:
        """``find_credentials`` is asked about addresses that have none in themselves; netrc, when it is not given."""
        self._settings = settings or HttpSettings()
        self._find_credentials = find_credentials or _from_netrc

    @cached_property
    def _client(self) -> "httpx.Client":
        import httpx  # noqa: PLC0415 - 60 ms that offline runs do not pay

        timeout = httpx.Timeout(self._settings.read_timeout, connect=self._settings.connect_timeout)
        limits = httpx.Limits(max_connections=32, max_keepalive_connections=16)
        return httpx.Client(
            timeout=timeout, limits=limits, follow_redirects=False, headers={"User-Agent": f"careen/{__version__}"}
        )

    def get(self, url: str, *, limit: int) -> bytes:
        """The whole body. Raises TooLargeError above ``limit`` bytes, HttpError, OfflineError."""
        pieces: list[bytes] = []
        self._stream(url, {}, pieces.append, limit, pieces.clear)
        return b"".join(pieces)

    def download(self, url: str, sink: ByteSink, *, limit: int) -> None:
        """Writes the body to ``sink`` as it arrives. Not retried once bytes have been written; same errors as get."""
        written = 0

        def write(data: bytes) -> None:
            nonlocal written
            written += len(data)
            sink.write(data)

        def again() -> None:
            if written:
                raise HttpError(f"{redacted(url)}: the transfer broke off", hints=("try again",))

        self._stream(url, {}, write, limit, again)

    def get_range(self, url: str, start: int, size: int) -> bytes:
        """``size`` bytes from offset ``start``. Raises HttpError when the server answers with something else."""
        pieces: list[bytes] = []
        parts: list[_Part | None] = []

        def headers_seen(response: "httpx.Response") -> None:
            parts[:] = [_part(response)]

        asked = {"Range": f"bytes={start}-{start + size - 1}"}
        self._stream(url, asked, pieces.append, None, pieces.clear, exact=size, on_headers=headers_seen)
        data, [part] = b"".join(pieces), parts
        if part is None or part.start != start or len(data) != size:
            raise _untruthful(url)
        return data

    def get_tail(self, url: str, size: int, *, limit: int) -> TailAnswer:
        """The last ``size`` bytes; all of the file, up to ``limit``, where the server ignores ranges.

        Raises HttpError for a part that is not the one asked for.
        """
        pieces: list[bytes] = []
        parts: list[_Part | None] = []

        def headers_seen(response: "httpx.Response") -> None:
            parts[:] = [_part(response)]

        asked = {"Range": f"bytes=-{size}"}
        status = self._stream(url, asked, pieces.append, limit, pieces.clear, on_headers=headers_seen)
        data, [part] = b"".join(pieces), parts
        if status != 206:
            return TailAnswer(data, len(data))
        if part is None or part.start + len(data) != part.whole or len(data) != min(size, part.whole):
            raise _untruthful(url)
        return TailAnswer(data, part.whole)

    def exchange(self, request: Request, *, limit: int, repeat: bool = True) -> Answer:
        """Any status is an answer. ``limit`` bounds the body in bytes.

        With ``repeat``, failed connections and overloaded servers are tried again. Raises TransferError, HttpError,
        TooLargeError, OfflineError.
        """
        attempts = self._settings.attempts if repeat else 1
        for attempt in range(attempts):
            last, wait = attempt == attempts - 1, self._settings.backoff * 2**attempt
            try:
                with self._response(request) as response:
                    if response.status_code not in PASSING_STATUSES or last:
                        body = b"".join(_within(response.iter_raw(), limit, request.url))
                        return Answer(
                            status=response.status_code,
                            headers=_lower_case(response),
                            body=body,
                            url=str(response.url),
                        )
                    wait = _wait(response, wait)
            except TransferError:
                if last:
                    raise
            time.sleep(wait)
        raise HttpError(f"{redacted(request.url)}: no attempt was allowed")

    @contextmanager
    def open(self, request: Request) -> Iterator[OpenAnswer]:
        """One attempt, whose body is read while it arrives. Raises TransferError, HttpError, OfflineError."""
        with self._response(request) as response:
            yield OpenAnswer(response.status_code, _lower_case(response), str(response.url), self._pieces(response))

    def rest(self, failures: int) -> None:
        """For callers that try again by themselves: waits as long as the client would."""
        time.sleep(self._settings.backoff * 2 ** (failures - 1))

    @contextmanager
    def _response(self, request: Request) -> "Iterator[httpx.Response]":
        if self._settings.offline:
            raise OfflineError(f"{redacted(request.url)} cannot be asked", hints=("run without --offline",))
        with _failures_of(request.url), _OpenResponse(self._client, request, self._find_credentials) as response:
            yield response

    @staticmethod
    def _pieces(response: "httpx.Response") -> Iterator[bytes]:
        with _failures_of(str(response.url)):
            yield from response.iter_raw()

    def close(self) -> None:
        if "_client" in self.__dict__:
            self._client.close()

    def _stream(  # noqa: PLR0913 - the one place where every kind of request meets
        self,
        url: str,
        headers: dict[str, str],
        write: Callable[[bytes], object],
        limit: int | None,
        restart: Callable[[], object],
        *,
        exact: int | None = None,
        on_headers: "Callable[[httpx.Response], None] | None" = None,
    ) -> int:
        import httpx  # noqa: PLC0415

        if self._settings.offline:
            raise OfflineError(f"{redacted(url)} has not been fetched before", hints=("run once without --offline",))
        problem, kind = "", HttpError
        for attempt in range(self._settings.attempts):
            if attempt:
                time.sleep(self._settings.backoff * 2 ** (attempt - 1))
                restart()
            try:
                with self._open(url, headers) as response:
                    if response.status_code in PASSING_STATUSES:
                        problem, kind = f"the server answered {response.status_code}", HttpError
                        continue
                    if response.status_code >= 400:
                        refused = "Range" in headers and response.status_code in _NO_RANGES
                        raise (RangeRefusedError if refused else HttpError)(
                            f"{redacted(url)}: the server answered {response.status_code}",
                            hints=_hints(response.status_code),
                        )
                    if on_headers is not None:
                        on_headers(response)
                    received, begun = 0, time.monotonic()
                    most = exact if exact is not None else limit
                    for data in _body(response, url, in_part="Range" in headers):
                        received += len(data)
                        if most is not None and received > most:
                            raise TooLargeError(f"{redacted(url)}: more than {most} bytes")
                        self._insist_on_speed(url, received, time.monotonic() - begun)
                        write(data)
                    return response.status_code
            except (httpx.TransportError, httpx.DecodingError) as error:
                problem, kind = str(error) or type(error).__name__, TransferError
        raise kind(f"{redacted(url)}: {problem}", hints=("check the network, or use --offline",))

    def _insist_on_speed(self, url: str, received: int, seconds: float) -> None:
        """Raises TransferError for a server that answers so slowly that nobody would wait for the rest."""
        late = seconds - self._settings.patience
        if late > 0 and received < late * self._settings.slowest:
            raise TransferError(
                f"{redacted(url)}: only {received} bytes in {seconds:.0f} seconds",
                hints=("use another index or mirror",),
            )

    def _open(self, url: str, headers: dict[str, str]) -> "_OpenResponse":
        request = Request(method="GET", url=url, headers=headers, identify=True)
        return _OpenResponse(self._client, request, self._find_credentials)


@dataclass(frozen=True, slots=True)
class _Part:
    """By the server's word: where a part begins in the file, and the file's whole size."""

    start: int
    whole: int


def _part(response: "httpx.Response") -> _Part | None:
    """None for an answer that is no part, or does not say of what (RFC 9110, section 14.4)."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    if response.status_code != 206 or match is None:
        return None
    return _Part(int(match[1]), int(match[3]))


def _untruthful(url: str) -> HttpError:
    return HttpError(
        f"{redacted(url)}: the server does not answer ranges truthfully",
        hints=("tell the owner of the index; what is asked for by range cannot be had from it",),
    )


def _body(response: "httpx.Response", url: str, *, in_part: bool) -> Iterator[bytes]:
    """The file's own bytes, of a server too that encodes them unasked. Raises RangeRefusedError for encoded parts."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding in {"", "identity"} or urlsplit(url).path.endswith(_PACKED_NAMES):
        return response.iter_raw()
    if in_part and response.status_code == 206:
        raise RangeRefusedError(f"{redacted(url)}: the server encodes parts ({coding})")
    return response.iter_bytes()


@contextmanager
def _failures_of(url: str) -> Iterator[None]:
    """httpx's errors as careen's."""
    import httpx  # noqa: PLC0415

    try:
        yield
    except (httpx.TransportError, httpx.DecodingError) as error:
        reason = str(error) or type(error).__name__
        raise TransferError(f"{redacted(url)}: {reason}", hints=("check the network",)) from error
    except httpx.InvalidURL as error:
        raise HttpError(f"{redacted(url)}: not an address") from error


def _lower_case(response: "httpx.Response") -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _within(pieces: Iterable[bytes], limit: int, url: str) -> Iterator[bytes]:
    received = 0
    for data in pieces:
        received += len(data)
        if received > limit:
            raise TooLargeError(f"{redacted(url)}: more than {limit} bytes")
        yield data


class _OpenResponse:
    """Follows redirects by hand, so that credentials stay with the host they are for."""

    def __init__(self, client: "httpx.Client", request: Request, find_credentials: FindCredentials) -> None:
        self._client = client
        self._request = request
        self._find_credentials = find_credentials
        self._response: httpx.Response | None = None

    def __enter__(self) -> "httpx.Response":
        request, url = self._request, self._request.url
        headers = {"Accept-Encoding": "identity", **request.headers}
        for _ in range(_MOST_REDIRECTS):
            parts = split_address(url)
            bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
            credentials = self._credentials(parts, bare) if request.identify else None
            content = None if request.body is None else request.body.chunks()
            if request.body is not None:
                headers["Content-Length"] = str(request.body.size)
            built = self._client.build_request(request.method, bare, headers=headers, content=content)
            response = self._client.send(built, stream=True, auth=credentials)
            if not response.has_redirect_location or not _may_follow(request.method, response.status_code):
                self._response = response
                return response
            response.close()
            url = joined(str(response.url), response.headers["location"])
            if split_address(url).scheme != parts.scheme and parts.scheme == "https":
                raise HttpError(f"{redacted(request.url)}: redirects to an unencrypted address")
            if urlsplit(url)[:2] != urlsplit(bare)[:2]:
                headers = {name: value for name, value in headers.items() if name.lower() not in _SECRET_HEADERS}
        raise HttpError(f"{redacted(request.url)}: redirects without end")

    def __exit__(self, *_: object) -> None:
        if self._response is not None:
            self._response.close()

    def _credentials(self, parts: SplitResult, bare: str) -> tuple[str, str] | None:
        if parts.username and parts.password is not None:
            return unquote(parts.username), unquote(parts.password)
        found = self._find_credentials(bare)
        return found if found is not None or not parts.username else (unquote(parts.username), "")


def _may_follow(method: str, status: int) -> bool:
    """303 and its elders turn other requests into GETs, which is not what was asked."""
    return method in ("GET", "HEAD") or status in (307, 308)


def _wait(response: "httpx.Response", backoff: float) -> float:
    """Seconds until the next attempt; what the server asks for, within bounds."""
    asked = response.headers.get("retry-after", "")
    return min(float(asked), _LONGEST_WAIT) if asked.isdigit() and len(asked) < 6 else backoff


def _from_netrc(url: str) -> tuple[str, str] | None:
    host = split_address(url).hostname
    if host is None:
        return None
    try:
        found = netrc.netrc().authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return None
    return (found[0], found[2] or "") if found else None


def _hints(status: int) -> tuple[str, ...]:
    if status in {401, 403}:
        return (
            "credentials come from UV_INDEX_<NAME>_USERNAME and UV_INDEX_<NAME>_PASSWORD, or from the index's address",
            "else from ~/.netrc, or from the keyring when uv is told to ask it",
        )
    if status == 404:
        return ("the lock may be older than the index; lock again",)
    return ()
