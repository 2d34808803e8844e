"""The verb ``context``: what each build context sends, and what it would send with a few patterns more."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from careen.errors import CareenError
from careen.ignorefile.context import ContextMeasure, measure
from careen.ignorefile.patterns import parse_ignorefile
from careen.ignorefile.proposal import proposed_patterns
from careen.ignorefile.review import PatternFault
from careen.rules.ballast import BALLAST
from careen.text.source import Source
from careen.text.values import dataclass
from careen.workspace.discover import discover_all
from careen.workspace.facts import ContextFacts, Memory, derive
from careen.workspace.model import Unreadable


class NoContextError(CareenError):
    """No service of the folder is built from it."""


@dataclass(frozen=True, kw_only=True)
class ContextReport:
    """``before`` is what the set-up sends as it is, ``after`` with ``proposed`` patterns added to the ignore file.

    A builder asks only for what some instruction takes, besides the Dockerfile and the ignore file; ``let_through`` is
    what it could have besides.
    """

    path: PurePosixPath
    services: tuple[str, ...]
    ignore_path: PurePosixPath
    has_ignore: bool
    let_through: ContextMeasure
    before: ContextMeasure
    proposed: tuple[str, ...]
    after: ContextMeasure
    faults: tuple[PatternFault, ...]


@dataclass(frozen=True, slots=True)
class Contexts:
    """``unreadable`` are the files that could not be read, and so may hide a context."""

    reports: tuple[ContextReport, ...]
    unreadable: tuple[Unreadable, ...]


def contexts(root: Path, compose_files: Iterable[PurePosixPath] = ()) -> Contexts:
    """One for each context and ignore file, by path. Raises NoContextError, and what reading the stack raises."""
    memory = Memory()
    workspaces = discover_all(root, compose_files=tuple(compose_files))
    stacks = [derive(workspace, memory) for workspace in workspaces]
    found: dict[tuple[PurePosixPath, PurePosixPath], list[ContextFacts]] = {}
    for facts in stacks:
        for context in facts.contexts:
            found.setdefault((context.path, context.ignore_path), []).append(context)
    unreadable = tuple(sorted({item for workspace in workspaces for item in workspace.unreadable}))
    if not found and not unreadable:
        raise NoContextError(
            f"{root} has no service that is built from a folder",
            hints=("give careen the folder that holds the compose file or the Dockerfile",),
        )
    return Contexts(tuple(_report(found[key]) for key in sorted(found)), unreadable)


def _report(alike: Sequence[ContextFacts]) -> ContextReport:
    """``alike`` are one context with one ignore file, as several stacks have it."""
    context = alike[0]
    source = context.images[0].source
    ignore = source.ignore
    images = [image for each in alike for image in each.images]
    always = {
        str(path.relative_to(context.path))
        for path in (context.ignore_path, *(image.source.dockerfile_path for image in images))
        if path.is_relative_to(context.path)
    }
    asked = {file.path for each in alike for file in each.sent} | always
    let_through = context.measure
    before = _only(let_through, asked)
    wanted = [path for each in alike for path in each.taken if path]
    proposed = proposed_patterns(before.sent, BALLAST, wanted=wanted)
    text = ignore.source.text if ignore is not None and ignore.source is not None else ""
    separator = "" if not text or text.endswith("\n") else "\n"
    extended = parse_ignorefile(Source(context.ignore_path, f"{text}{separator}" + "\n".join(proposed) + "\n"))
    after = _only(measure(context.workspace.files.root / context.path, extended, always=frozenset(always)), asked)
    return ContextReport(
        path=context.path,
        services=tuple(sorted({name for image in images for name in image.services})),
        ignore_path=context.ignore_path,
        has_ignore=context.has_ignore,
        let_through=let_through,
        before=before,
        proposed=proposed,
        after=after,
        faults=context.ignore_faults,
    )


def _only(measured: ContextMeasure, asked: Collection[str]) -> ContextMeasure:
    return replace(measured, sent=tuple(file for file in measured.sent if file.path in asked))
