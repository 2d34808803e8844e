"""The one HTTP door: bounded, retried, redacted; credentials never follow a redirect to another host."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from careen import __version__
from careen.blobs.digest import ByteSink
from careen.http.addresses import redacted
from careen.http.credentials import FindCredentials, from_netrc, hints_about
from careen.http.failures import HttpError, OfflineError, RangeRefusedError, TooLargeError, TransferError
from careen.http.messages import Answer, OpenAnswer, Request
from careen.http.patience import PASSING_STATUSES, HttpSettings, wait_asked_for
from careen.http.ranges import REFUSED_RANGES, Part, TailAnswer, own_bytes, part_of, untruthful
from careen.http.redirects import OpenResponse, failures_of

if TYPE_CHECKING:
    import httpx


class HttpClient:
    """Safe to use from several threads."""

    def __init__(self, settings: HttpSettings | None = None, find_credentials: FindCredentials | None = None) -> None:
        """``find_credentials`` is asked about addresses that have none in themselves; netrc, when it is not given."""
        self._settings = settings or HttpSettings()
        self._find_credentials = find_credentials or from_netrc

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
        parts: list[Part | None] = []

        def headers_seen(response: "httpx.Response") -> None:
            parts[:] = [part_of(response)]

        asked = {"Range": f"bytes={start}-{start + size - 1}"}
        self._stream(url, asked, pieces.append, None, pieces.clear, exact=size, on_headers=headers_seen)
        data, [part] = b"".join(pieces), parts
        if part is None or part.start != start or len(data) != size:
            raise untruthful(url)
        return data

    def get_tail(self, url: str, size: int, *, limit: int) -> TailAnswer:
        """The last ``size`` bytes; all of the file, up to ``limit``, where the server ignores ranges.

        Raises HttpError for a part that is not the one asked for.
        """
        pieces: list[bytes] = []
        parts: list[Part | None] = []

        def headers_seen(response: "httpx.Response") -> None:
            parts[:] = [part_of(response)]

        asked = {"Range": f"bytes=-{size}"}
        status = self._stream(url, asked, pieces.append, limit, pieces.clear, on_headers=headers_seen)
        data, [part] = b"".join(pieces), parts
        if status != 206:
            return TailAnswer(data, len(data))
        if part is None or part.start + len(data) != part.whole or len(data) != min(size, part.whole):
            raise untruthful(url)
        return TailAnswer(data, part.whole)

    def exchange(self, request: Request, *, limit: int, repeat: bool = True) -> Answer:
        """Any status is an answer. ``limit`` bounds the body in bytes.

        With ``repeat``, failed connections and overloaded servers are tried again. Raises TransferError, HttpError,
        TooLargeError, OfflineError.
        """
        attempts = self._settings.attempts if repeat else 1
        for attempt in range(attempts):
            last, wait = attempt == attempts - 1, self._settings.pause(attempt + 1)
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
                    wait = wait_asked_for(response, wait)
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
        time.sleep(self._settings.pause(failures))

    @contextmanager
    def _response(self, request: Request) -> "Iterator[httpx.Response]":
        if self._settings.offline:
            raise OfflineError(f"{redacted(request.url)} cannot be asked", hints=("run without --offline",))
        with failures_of(request.url), OpenResponse(self._client, request, self._find_credentials) as response:
            yield response

    @staticmethod
    def _pieces(response: "httpx.Response") -> Iterator[bytes]:
        with failures_of(str(response.url)):
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
                time.sleep(self._settings.pause(attempt))
                restart()
            try:
                with self._open(url, headers) as response:
                    if response.status_code in PASSING_STATUSES:
                        problem, kind = f"the server answered {response.status_code}", HttpError
                        continue
                    if response.status_code >= 400:
                        refused = "Range" in headers and response.status_code in REFUSED_RANGES
                        raise (RangeRefusedError if refused else HttpError)(
                            f"{redacted(url)}: the server answered {response.status_code}",
                            hints=hints_about(response.status_code),
                        )
                    if on_headers is not None:
                        on_headers(response)
                    received, begun = 0, time.monotonic()
                    most = exact if exact is not None else limit
                    for data in own_bytes(response, url, in_part="Range" in headers):
                        received += len(data)
                        if most is not None and received > most:
                            raise TooLargeError(f"{redacted(url)}: more than {most} bytes")
                        self._settings.insist_on_speed(url, received, time.monotonic() - begun)
                        write(data)
                    return response.status_code
            except (httpx.TransportError, httpx.DecodingError) as error:
                problem, kind = str(error) or type(error).__name__, TransferError
        raise kind(f"{redacted(url)}: {problem}", hints=("check the network, or use --offline",))

    def _open(self, url: str, headers: dict[str, str]) -> "OpenResponse":
        request = Request(method="GET", url=url, headers=headers, identify=True)
        return OpenResponse(self._client, request, self._find_credentials)


def _lower_case(response: "httpx.Response") -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _within(pieces: Iterable[bytes], limit: int, url: str) -> Iterator[bytes]:
    received = 0
    for data in pieces:
        received += len(data)
        if received > limit:
            raise TooLargeError(f"{redacted(url)}: more than {limit} bytes")
        yield data
