"""What a plan takes from the project's Python sources, so that a module may change and its plan stay.

Planning goes by few things that a module says: what it imports and the strings that may name something, as
:mod:`careen.python.modules` reads them, line numbers included, since a plan gives them as reasons; whether it writes
anywhere; what it hints at together with others (routes that tell health, time limits); what it starts, which decides on
bytecode; and its size. All of it is asked of the changed module again. While the answers are the same, the plan is,
but for sizes, of which every number of a plan is a sum.

A source that somebody has read in another way (:meth:`careen.workspace.files.ProjectFiles.read`) is not among these:
then its text must be what it was.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TypedDict

from careen.blobs.digest import Digest
from careen.build.bytecode import project_reader, service_starts
from careen.errors import CareenError
from careen.plan.source_hints import SourceHints, read_hints
from careen.plan.target import Plan, ServicePlan
from careen.python.contents import likely_bytecode
from careen.python.modules import ModuleReading, read_module
from careen.python.writes import may_write
from careen.text.source import Source
from careen.text.values import dataclass
from careen.workspace.files import MAXIMUM_TEXT_BYTES


@dataclass(frozen=True, slots=True)
class TakenBy:
    """By one service: ``modules`` are files by their dotted names, relative to the project's folder; ``counted`` has,
    for each contribution to today's image, how often it counts which sources, by their paths below the root.
    """

    name: str
    modules: Mapping[str, PurePosixPath]
    serves: bool
    hints: SourceHints
    counted: tuple[Mapping[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    folder: PurePosixPath
    services: tuple[TakenBy, ...]
    readings: Mapping[tuple[PurePosixPath, str], ModuleReading | None]


class TakenDocument(TypedDict):
    """As it is kept beside a plan. ``sources`` are files that may change: each with its digest, its size, whether it
    may write, and what was read in it, by the names that it is a module by.
    """

    sources: dict[str, tuple[str, int, bool, list[tuple[str, str]]]]
    starts: str
    services: list[tuple[str, dict[str, str], bool, str, tuple[Mapping[str, int], ...]]]


def taken_document(taken: Taken, plan: Plan, root: Path, sources: Mapping[PurePosixPath, Digest]) -> TakenDocument:
    """``sources`` are the files that were read in no other way, with their digests."""
    readings: dict[str, list[tuple[str, str]]] = {}
    for (path, name), reading in taken.readings.items():
        readings.setdefault(str(taken.folder / path), []).append((name, _sum(reading)))
    kept: dict[str, tuple[str, int, bool, list[tuple[str, str]]]] = {}
    for path, digest in sources.items():
        text = _text(root, path)
        if text is not None and Digest.of(text.encode()) == digest and str(path) in readings:
            kept[str(path)] = (digest.hex, len(text.encode()), may_write(text), readings[str(path)])
    return {
        "sources": kept,
        "starts": _starts(plan, root),
        "services": [
            (
                service.name,
                {name: str(taken.folder / path) for name, path in service.modules.items()},
                service.serves,
                _sum(service.hints),
                service.counted,
            )
            for service in taken.services
        ],
    }


def still_holds(document: TakenDocument, plan: Plan, root: Path) -> Plan | None:
    """The plan with the sizes that its sources have now; None where they say something else than they did."""
    services = document["services"]
    changed: dict[str, tuple[int, int]] = {}
    for name, (digest, size, wrote, readings) in document["sources"].items():
        text = _text(root, PurePosixPath(name))
        if text is None:
            return None
        data = text.encode()
        if Digest.of(data).hex == digest:
            continue
        if wrote or may_write(text) or not _reads_alike(text, PurePosixPath(name), readings):
            return None
        changed[name] = (size, len(data))
    if not changed:
        return plan
    for _, modules, serves, hints, _ in services:
        if not changed.keys().isdisjoint(modules.values()) and _hints(root, modules, serves=serves) != hints:
            return None
    if _starts(plan, root) != document["starts"]:
        return None
    counted = {str(name): times for name, _, _, _, times in services}
    resized = (_resized(service, counted[service.name], changed, plan) for service in plan.services)
    return replace(plan, services=tuple(resized))


def _resized(
    service: ServicePlan, counted: Collection[Mapping[str, int]], changed: Mapping[str, tuple[int, int]], plan: Plan
) -> ServicePlan:
    files = []
    own = bytecode = 0
    for file in service.application:
        sizes = changed.get(str(plan.root / file.source))
        if sizes is not None:
            before, after = sizes
            own += after - before
            if file.destination.suffix == ".py":
                minor = plan.base.runtime.version.minor
                bytecode += likely_bytecode([after], minor) - likely_bytecode([before], minor)
            file = replace(file, bytes=after)  # noqa: PLW2901 - the same file as it is now
        files.append(file)
    today = [
        sum(times * (changed[path][1] - changed[path][0]) for path, times in item.items() if path in changed)
        for item in counted
    ]
    weighed = service.predicted_bytecode_bytes is not None
    return replace(
        service,
        application=tuple(files),
        predicted_bytes=_more(service.predicted_bytes, own + (bytecode if weighed else 0)),
        predicted_bytecode_bytes=_more(service.predicted_bytecode_bytes, bytecode),
        current_predicted_bytes=_more(service.current_predicted_bytes, sum(today)),
        current_contributions=tuple(
            replace(item, bytes=_more(item.bytes, more))
            for item, more in zip(service.current_contributions, today, strict=True)
        ),
    )


def _more(size: int | None, more: int) -> int | None:
    return None if size is None else size + more


def _reads_alike(text: str, path: PurePosixPath, readings: list[tuple[str, str]]) -> bool:
    is_package = path.name == "__init__.py"
    return all(_sum(read_module(text, name, is_package=is_package)) == known for name, known in readings)


def _hints(root: Path, modules: Mapping[str, str], *, serves: bool) -> str:
    return _sum(read_hints(dict(_texts(root, modules)), serves=serves))


def _texts(root: Path, modules: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, path in modules.items():
        text = _text(root, PurePosixPath(path))
        if text is not None:
            yield name, text


def _starts(plan: Plan, root: Path) -> str:
    found = service_starts(plan.services, project_reader(root / plan.root))
    return _sum((found.imports, found.texts, sorted(found.words)))


def _text(root: Path, path: PurePosixPath) -> str | None:
    """None for what planning could not read either; whether it is a regular file is asked before."""
    try:
        with (root / path).open("rb") as stream:
            data = stream.read(MAXIMUM_TEXT_BYTES + 1)
        return Source.decode(path, data).text if len(data) <= MAXIMUM_TEXT_BYTES else None
    except (OSError, CareenError):
        return None


def _sum(value: object) -> str:
    """Values that are equal look alike."""
    return Digest.of(repr(value).encode("utf-8", "surrogatepass")).hex
