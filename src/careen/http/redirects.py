"""An answer at the end of its redirects, and httpx's errors as careen's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from careen.http.addresses import joined, redacted, split_address
from careen.http.credentials import FindCredentials, credentials_in
from careen.http.failures import HttpError, TransferError
from careen.http.messages import Request

if TYPE_CHECKING:
    import httpx

_MOST_REDIRECTS = 8
_SECRET_HEADERS = frozenset({"authorization", "cookie"})


class OpenResponse:
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
            credentials = credentials_in(parts, bare, self._find_credentials) if request.identify else None
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


def _may_follow(method: str, status: int) -> bool:
    """303 and its elders turn other requests into GETs, which is not what was asked."""
    return method in ("GET", "HEAD") or status in (307, 308)


@contextmanager
def failures_of(url: str) -> Iterator[None]:
    """httpx's errors as careen's."""
    import httpx  # noqa: PLC0415

    try:
        yield
    except (httpx.TransportError, httpx.DecodingError) as error:
        reason = str(error) or type(error).__name__
        raise TransferError(f"{redacted(url)}: {reason}", hints=("check the network",)) from error
    except httpx.InvalidURL as error:
        raise HttpError(f"{redacted(url)}: not an address") from error
