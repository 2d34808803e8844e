"""HEALTHCHECK in exec form, asked by the image's own Python, for images that serve one port."""

import json
from collections.abc import Iterator
from pathlib import PurePosixPath

from careen.findings import Finding, FixKind, Topic
from careen.plan.entry_points import UnknownEntryPointError, interpret
from careen.plan.roles import Role
from careen.plan.source_hints import read_hints
from careen.rewrite.mends.mend import Mend, Outcome, Topical, refusal, source_of
from careen.rewrite.mends.user import before_the_end
from careen.workspace.facts import ImageFacts, StackFacts

_TIMES = "--interval=10s --timeout=3s --start-period=20s --retries=3"
_DEPTH = 8


def mend(finding: Finding, facts: StackFacts) -> Iterator[Outcome]:
    image = next((each for each in facts.images if source_of(each).path == finding.place.path), None)
    if image is None or image.health is not None:
        return
    port = _port(facts, image)
    if port is None:
        yield refusal(
            finding,
            "one check cannot tell of services that do different things",
            "give each service a check of its own: in compose, or by recasting the stack, which careen fix does",
        )
        return
    check = _check(port, _path(facts, image))
    yield Mend(
        finding=finding,
        path=source_of(image).path,
        line=image.base_place.line,
        edits=(before_the_end(image, f"HEALTHCHECK {_TIMES} CMD {json.dumps(['python', '-c', check])}"),),
        disposition=FixKind.REVIEW,
        why=f"a hung service is found out by asking port {port}",
    )


def _port(facts: StackFacts, image: ImageFacts) -> int | None:
    """The port that every service of the image serves; None when one serves none, or another."""
    ports: set[int | None] = set()
    for service in facts.built:
        if service.image is not image:
            continue
        try:
            entry = interpret(service.launch.argv, {}) if service.launch is not None else None
        except UnknownEntryPointError:
            entry = None
        serves = entry is not None and entry.role in {Role.WEB, Role.FLOWER} and entry.ports
        ports.add(entry.ports[0] if entry is not None and serves else None)
    return next(iter(ports)) if len(ports) == 1 else None


def _path(facts: StackFacts, image: ImageFacts) -> str | None:
    """A route that looks like a health check, from the sources of the context."""
    files = facts.workspace.files
    texts = {
        _module_name(path.relative_to(image.source.context)): text
        for path in files.walk(image.source.context, depth=_DEPTH)
        if path.suffix == ".py" and "test" not in PurePosixPath(path).name and (text := files.text_or_none(path))
    }
    found = read_hints(texts).health_paths
    return found[0] if found else None


def _module_name(path: PurePosixPath) -> str:
    parts = path.with_suffix("").parts
    parts = parts[1:] if parts[0] in {"src", "lib", "python"} else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _check(port: int, path: str | None) -> str:
    if path is None:
        return f"import socket; socket.create_connection(('127.0.0.1', {port}), 2).close()"
    return f"import urllib.request as r; r.urlopen('http://127.0.0.1:{port}{path}', timeout=2).close()"


MENDER = Topical(Topic.MISSING_HEALTHCHECK, mend)
