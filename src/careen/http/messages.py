"""Requests and answers, whatever carries them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field

from careen.text.values import dataclass


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
