"""Plans that were made before, given again in a moment while nothing that they rest on has changed.

Under what was asked (and the careen, the Python and the configuration of apt and indexes that were to answer) lies the
plan with its grounds: the listing of the project's folder, the digest of every file that was read, or what was taken
from a Python source (:mod:`careen.app.source_facts`), the values of variables that these ask for, the signed state of
every Debian suite. All of it is looked at again before the plan is
believed. A plan in which something did not answer is not kept, since another time it might, and one that holds what
an index had newest is believed for a day.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from careen import __version__
from careen.app.answers import Answers
from careen.app.indexes import index_settings
from careen.app.plan_request import PlanRequest
from careen.app.session import Session, Surroundings
from careen.blobs.digest import Digest
from careen.plan.record import RecordError, plan_of_record, plan_record
from careen.plan.target import Plan
from careen.workspace.fingerprint import fingerprint

if TYPE_CHECKING:
    from careen.app.planning import Planned
    from careen.app.source_facts import TakenDocument

_KIND = "plans"
_SUITES = "debian/suites"
_FRESH_FOR = timedelta(days=1)
_CLOCKS_DIFFER_NS = 50_000_000
"""A file system's clock ticks more slowly than the machine's."""

_LARGEST = 64 << 20


def plan_of(session: Session, request: PlanRequest) -> Plan:
    """The plan as :func:`careen.app.planning.plan_stack` makes it, or has made it from the very same.

    Raises what that does.
    """
    return known_plan(session, request) or planned_now(session, request).plan


def known_plan(session: Session, request: PlanRequest) -> Plan | None:
    """The plan that was made from the very same before, if it was."""
    surroundings = session.surroundings
    known = Answers(session.store / "answers").get(_KIND, _question(surroundings, request))
    return _recall(known, surroundings, request.root)


def planned_now(session: Session, request: PlanRequest) -> "Planned":
    """Plans, and keeps the plan for another time. Raises what :func:`careen.app.planning.plan_stack` raises."""
    from careen.app.planning import plan_stack  # noqa: PLC0415 - half a second that remembering spares

    surroundings = session.surroundings
    started = int(surroundings.now().timestamp() * 1e9)
    planned = plan_stack(session, request)
    grounds = _grounds(surroundings, request.root, planned, started) if planned.lasting else None
    if grounds is not None:
        if planned.dated:
            grounds["until"] = (surroundings.now() + _FRESH_FOR).timestamp()
        grounds["variables"] = {name: _value(surroundings, name) for name in sorted(session.variables_asked)}
        question = _question(surroundings, request)
        Answers(session.store / "answers").keep(_KIND, question, {**grounds, "plan": plan_record(planned.plan)})
    return planned


def _question(surroundings: Surroundings, request: PlanRequest) -> list[object]:
    return [
        __version__,
        _own_code(),
        sys.version,
        str(request.root.resolve()),
        [str(path) for path in request.compose_files],
        str(request.platform),
        request.fetch_wheels,
        request.source_date_epoch,
        sorted(request.without),
        request.base,
        request.pinned,
        None if request.lock_text is None else Digest.of(request.lock_text.encode("utf-8", "surrogatepass")).hex,
        sorted(_apt_files(surroundings.apt)),
        index_settings(surroundings.environment).hex,
    ]


def _value(surroundings: Surroundings, name: str) -> str | None:
    """Of a variable that may hold a password: its digest."""
    value = surroundings.environment.get(name)
    return None if value is None else Digest.of(value.encode("utf-8", "surrogateescape")).hex


def _own_code() -> str:
    """Careen itself: a version that is being worked on changes without a new number."""
    rows: list[str] = []
    waiting = [str(Path(__file__).parents[1])]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    state = entry.stat()
                    rows.append(f"{entry.path}\0{state.st_size}\0{state.st_mtime_ns}")
                elif "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
                    waiting.append(entry.path)
    rows.sort()
    return Digest.of("\n".join(rows).encode("utf-8", "surrogateescape")).hex


def _apt_files(folder: Path) -> Iterator[list[str]]:
    """What :func:`careen.debian.sources.read_configuration` reads."""
    for pattern in ("apt.conf", "apt.conf.d/*", "sources.list", "sources.list.d/*"):
        for path in folder.glob(pattern):
            yield [str(path.relative_to(folder)), _digest(path) or ""]


def _digest(path: Path) -> str | None:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return None
        return Digest.of(path.read_bytes()).hex
    except OSError:
        return None


def _grounds(surroundings: Surroundings, root: Path, planned: "Planned", started_ns: int) -> dict[str, object] | None:
    """None when the project changed while it was planned, or lies partly outside the folder."""
    passed_over = _passed_over(planned)
    if passed_over is None:
        return None
    taken = _taken(root, planned)
    loose = taken["sources"] if taken is not None else {}
    state = fingerprint(root, passed_over=passed_over, unsized=loose)
    if state.changed_ns > started_ns - _CLOCKS_DIFFER_NS:
        return None
    read = planned.facts.workspace.files
    files = {str(path): digest.hex for path, digest in (*read.sources.items(), *read.seen.items())}
    files = {path: digest for path, digest in files.items() if path not in loose}
    for service in planned.plan.services:  # whose sources tell what bytecode weighs
        for file in service.application:
            path = planned.plan.root / file.source
            if path.suffix == ".py" and str(path) not in files and str(path) not in loose:
                files[str(path)] = _digest(root / path) or ""
    grounds: dict[str, object] = {"tree": state.digest.hex, "passed_over": passed_over, "files": files}
    return {**grounds, "suites": dict(_suites(surroundings)), "taken": taken}


def _taken(root: Path, planned: "Planned") -> "TakenDocument | None":
    """What the plan takes of which sources; these may change as long as it stays the same."""
    from careen.app.source_facts import taken_document  # noqa: PLC0415 - as above

    if planned.taken is None:
        return None
    return taken_document(planned.taken, planned.plan, root, planned.facts.workspace.files.sources)


def _passed_over(planned: "Planned") -> list[str] | None:
    """Folders that neither reading nor measuring looked into: every context that holds them excludes them."""
    from careen.workspace.files import SKIPPED_FOLDERS  # noqa: PLC0415 - this is asked for after planning

    contexts: list[tuple[str, frozenset[str]]] = []
    for context in planned.facts.contexts:
        if context.path.is_absolute() or ".." in context.path.parts:
            return None
        prefix = "" if str(context.path) == "." else f"{context.path}/"
        contexts.append((prefix, frozenset(prefix + folder for folder in context.measure.excluded_folders)))
    candidates = {folder for _, excluded in contexts for folder in excluded}
    return sorted(
        folder
        for folder in candidates
        if folder.rpartition("/")[2] in SKIPPED_FOLDERS
        and all(folder in excluded for prefix, excluded in contexts if folder.startswith(prefix))
    )


def _suites(surroundings: Surroundings) -> Iterator[tuple[str, str]]:
    for path in (surroundings.cache / _SUITES).glob("*/InRelease"):
        digest = _digest(path)
        if digest is not None:
            yield path.parent.name, digest


def _recall(document: object, surroundings: Surroundings, root: Path) -> Plan | None:
    match document:
        case {
            "tree": str(tree),
            "passed_over": list(passed),
            "files": dict(files),
            "suites": dict(suites),
            "variables": dict(variables),
            "taken": taken,
            "plan": p,
        }:
            until = document.get("until") if isinstance(document, dict) else None
            if isinstance(until, float) and surroundings.now().timestamp() > until and not surroundings.offline:
                return None
            if not _suites_hold(suites, surroundings):
                return None
            if any(_value(surroundings, str(name)) != digest for name, digest in variables.items()):
                return None
            loose = taken["sources"] if isinstance(taken, dict) else {}
            if fingerprint(root, passed_over=[str(folder) for folder in passed], unsized=loose).digest.hex != tree:
                return None
            if any((_digest(root / str(path)) or "") != digest for path, digest in files.items()):
                return None
            try:
                plan = plan_of_record(p)
            except RecordError:
                return None
            if all(_digest(root / path) == kept[0] for path, kept in loose.items()):
                return plan
            from careen.app.source_facts import still_holds  # noqa: PLC0415 - only for a project that changed

            return still_holds(taken, plan, root)
        case _:
            return None


def _suites_hold(suites: Mapping[str, object], surroundings: Surroundings) -> bool:
    """Whether the mirror would answer as it did: the signed state is the same, and not due to be asked for again."""
    if dict(_suites(surroundings)) != suites:
        return False
    if surroundings.offline:
        return True
    oldest = surroundings.now().timestamp() - _FRESH_FOR.total_seconds()
    return all((surroundings.cache / _SUITES / name / "InRelease").stat().st_mtime > oldest for name in suites)
