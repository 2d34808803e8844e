"""The one HTTP door: bounded, retried, redacted; credentials never follow a redirect to another host."""

import netrc
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from careen import __version__
from careen.blobs.digest import ByteSink
from careen.errors import CareenError

if TYPE_CHECKING:
    import httpx

_RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOST_REDIRECTS = 8


class HttpError(CareenError):
    """A request failed for good; the address in the message carries no credentials."""


class OfflineError(CareenError):
    """Something must be fetched and fetching was forbidden."""


class TooLargeError(HttpError):
    """The answer has more bytes than it may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Times in seconds; ``attempts`` counts the first one too."""

    offline: bool = False
    connect_timeout: float = 10
    read_timeout: float = 60
    attempts: int = 4
    backoff: float = 0.4


@dataclass(frozen=True, slots=True)
class TailAnswer:
    """The last bytes of a file and its whole size; ``data`` is all of it where the server knows no ranges."""

    data: bytes
    file_size: int


def redacted(url: str) -> str:
    """The address without user, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return urlunsplit((parts.scheme, f"{host}:{parts.port}" if parts.port else host, parts.path, "", ""))


class HttpClient:
    """Safe to use from several threads."""

    def __init__(self, settings: HttpSettings | None = None) -> None:
        self._settings = settings or HttpSettings()

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
        response = self._stream(
            url, {"Range": f"bytes={start}-{start + size - 1}"}, pieces.append, None, pieces.clear, exact=size
        )
        data = b"".join(pieces)
        if response != 206 or len(data) != size:
            raise HttpError(f"{redacted(url)}: the server does not answer ranges truthfully")
        return data

    def get_tail(self, url: str, size: int, *, limit: int) -> TailAnswer:
        """The last ``size`` bytes; all of the file, up to ``limit``, where the server ignores ranges."""
        pieces: list[bytes] = []
        total: list[int] = []

        def headers_seen(response: "httpx.Response") -> None:
            total.clear()
            content_range = response.headers.get("content-range", "")
            whole = content_range.rpartition("/")[2]
            if response.status_code == 206 and whole.isdigit():
                total.append(int(whole))

        self._stream(url, {"Range": f"bytes=-{size}"}, pieces.append, limit, pieces.clear, on_headers=headers_seen)
        data = b"".join(pieces)
        return TailAnswer(data, total[0] if total else len(data))

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
        problem = ""
        for attempt in range(self._settings.attempts):
            if attempt:
                time.sleep(self._settings.backoff * 2 ** (attempt - 1))
                restart()
            try:
                with self._open(url, headers) as response:
                    if response.status_code in _RETRIED_STATUSES:
                        problem = f"the server answered {response.status_code}"
                        continue
                    if response.status_code >= 400:
                        raise HttpError(
                            f"{redacted(url)}: the server answered {response.status_code}",
                            hints=_hints(response.status_code),
                        )
                    if on_headers is not None:
                        on_headers(response)
                    received = 0
                    most = exact if exact is not None else limit
                    for data in response.iter_raw():
                        received += len(data)
                        if most is not None and received > most:
                            raise TooLargeError(f"{redacted(url)}: more than {most} bytes")
                        write(data)
                    return response.status_code
            except (httpx.TransportError, httpx.DecodingError) as error:
                problem = str(error) or type(error).__name__
        raise HttpError(f"{redacted(url)}: {problem}", hints=("check the network, or use --offline",))

    def _open(self, url: str, headers: dict[str, str]) -> "_OpenResponse":
        return _OpenResponse(self._client, url, headers)


class _OpenResponse:
    """Follows redirects by hand, so that credentials stay with the host they are for."""

    def __init__(self, client: "httpx.Client", url: str, headers: dict[str, str]) -> None:
        self._client = client
        self._url = url
        self._headers = {"Accept-Encoding": "identity", **headers}
        self._response: httpx.Response | None = None

    def __enter__(self) -> "httpx.Response":
        url = self._url
        for _ in range(_MOST_REDIRECTS):
            parts = urlsplit(url)
            credentials = (parts.username, parts.password or "") if parts.username else _from_netrc(parts.hostname)
            bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
            request = self._client.build_request("GET", bare, headers=self._headers)
            auth = (credentials[0] or "", credentials[1]) if credentials else None
            response = self._client.send(request, stream=True, auth=auth)
            if not response.is_redirect:
                self._response = response
                return response
            url = str(response.url.join(response.headers["location"]))
            response.close()
            if urlsplit(url).scheme != parts.scheme and parts.scheme == "https":
                raise HttpError(f"{redacted(self._url)}: redirects to an unencrypted address")
        raise HttpError(f"{redacted(self._url)}: redirects without end")

    def __exit__(self, *_: object) -> None:
        if self._response is not None:
            self._response.close()


def _from_netrc(host: str | None) -> tuple[str, str] | None:
    if host is None:
        return None
    try:
        found = netrc.netrc().authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return None
    return (found[0], found[2] or "") if found else None


def _hints(status: int) -> tuple[str, ...]:
    if status in {401, 403}:
        return ("credentials come from the address or from ~/.netrc",)
    if status == 404:
        return ("the lock may be older than the index; lock again",)
    return ()
