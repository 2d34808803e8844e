"""How a registry asks who is there: the WWW-Authenticate header (RFC 9110 §11.6.1, distribution's token spec)::

Bearer realm="https://auth.example/token",service="index.example",scope="repository:app:pull"
"""

import re
from collections.abc import Mapping

from careen.text.values import dataclass

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the RFC's word
_PARAMETER = re.compile(rf"({_TOKEN})\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|({_TOKEN}))")
_SCHEME = re.compile(rf"({_TOKEN})(?:\s+|$|(?=,))")
_SEPARATORS = re.compile(r"[\s,]*")
_LONGEST = 8192


@dataclass(frozen=True, slots=True)
class Challenge:
    """``scheme`` and the names of ``parameters`` are in small letters."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """In their order; what follows something malformed is left out. Raises nothing."""
    header = header[:_LONGEST]
    found: list[Challenge] = []
    at = _end(header, 0)
    while at < len(header):
        scheme = _SCHEME.match(header, at)
        if scheme is None:
            break
        at = scheme.end()
        parameters: dict[str, str] = {}
        while (parameter := _PARAMETER.match(header, _end(header, at))) is not None:
            name, quoted, bare = parameter.groups()
            parameters.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if bare is None else bare)
            at = parameter.end()
        found.append(Challenge(scheme[1].lower(), parameters))
        at = _end(header, at)
    return tuple(found)


def _end(header: str, at: int) -> int:
    match = _SEPARATORS.match(header, at)
    return match.end() if match else at
