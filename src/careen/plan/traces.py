"""``careen.trace/1``: the files of each service's image that a whole proof touched.

{"schema": "careen.trace/1", "services": {"api": ["/app/shelf/api.py", "/usr/lib/python3.11/abc.py"]}}

Paths are absolute, sorted, and those of the image: files that were opened, run, or only asked about (stat, access,
readlink), folders that were listed, the links on the way to them and what these lead to. That a folder was listed says
nothing of the files in it.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from careen.errors import CareenError
from careen.text.values import dataclass

SCHEMA = "careen.trace/1"
_MOST_PATHS = 2_000_000


class TraceFormatError(CareenError):
    """The bytes are no record of files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTrace:
    """What one service touched of its image."""

    service: str
    paths: frozenset[PurePosixPath]


def render_traces(traces: Iterable[ServiceTrace]) -> bytes:
    """The same traces give the same bytes."""
    services = {trace.service: sorted(map(str, trace.paths)) for trace in traces}
    return json.dumps({"schema": SCHEMA, "services": services}, indent=1, sort_keys=True).encode() + b"\n"


def parse_traces(data: bytes) -> tuple[ServiceTrace, ...]:
    """Sorted by service. Raises TraceFormatError."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise TraceFormatError("it is no JSON") from error
    if not isinstance(document, Mapping) or document.get("schema") != SCHEMA:
        raise TraceFormatError(f"it is no {SCHEMA}", hints=("careen prove --trace FILE writes one",))
    services = document.get("services")
    if not isinstance(services, Mapping):
        raise TraceFormatError("its services are no object")
    return tuple(ServiceTrace(service=name, paths=frozenset(_paths(name, services[name]))) for name in sorted(services))


def _paths(service: str, value: object) -> Iterable[PurePosixPath]:
    if not isinstance(value, list) or len(value) > _MOST_PATHS:
        raise TraceFormatError(f"services.{service} is no list of paths")
    for text in value:
        path = PurePosixPath(text) if isinstance(text, str) else PurePosixPath()
        if not path.is_absolute() or ".." in path.parts or "\0" in str(path):
            raise TraceFormatError(f"services.{service} holds {text!r:.120}, which is no absolute path")
        yield path
