"""The verb ``context``: what each build context sends, and what it would send with a few patterns more."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from careen.errors import CareenError
from careen.ignorefile.context import ContextMeasure, measure
from careen.ignorefile.patterns import parse_ignorefile
from careen.ignorefile.proposal import proposed_patterns
from careen.ignorefile.review import PatternFault, review
from careen.rules.ballast import BALLAST
from careen.text.source import Source
from careen.workspace.discover import discover_all
from careen.workspace.facts import ContextFacts, derive


class NoContextError(CareenError):
    """No service of the folder is built from it."""


@dataclass(frozen=True, kw_only=True)
class ContextReport:
    """``before`` is what the set-up sends as it is, ``after`` with ``proposed`` patterns added to the ignore file."""

    path: PurePosixPath
    services: tuple[str, ...]
    ignore_path: PurePosixPath
    has_ignore: bool
    before: ContextMeasure
    proposed: tuple[str, ...]
    after: ContextMeasure
    faults: tuple[PatternFault, ...]


def contexts(root: Path, compose_files: Iterable[PurePosixPath] = ()) -> tuple[ContextReport, ...]:
    """One for each context, by path. Raises NoContextError, and what reading the stack raises."""
    stacks = [derive(workspace) for workspace in discover_all(root, compose_files=tuple(compose_files))]
    found = {context.path: context for facts in reversed(stacks) for context in facts.contexts}
    if not found:
        raise NoContextError(
            f"{root} has no service that is built from a folder",
            hints=("give careen the folder that holds the compose file or the Dockerfile",),
        )
    return tuple(_report(found[path]) for path in sorted(found))


def _report(context: ContextFacts) -> ContextReport:
    source = context.images[0].source
    ignore = source.ignore
    before = context.measure
    wanted = [path for path in context.taken if path]
    proposed = proposed_patterns(before.sent, BALLAST, wanted=wanted)
    text = ignore.source.text if ignore is not None and ignore.source is not None else ""
    separator = "" if not text or text.endswith("\n") else "\n"
    extended = parse_ignorefile(Source(context.ignore_path, f"{text}{separator}" + "\n".join(proposed) + "\n"))
    always = {
        str(path.relative_to(context.path))
        for path in (context.ignore_path, source.dockerfile_path)
        if path.is_relative_to(context.path)
    }
    after = measure(context.workspace.files.root / context.path, extended, always=frozenset(always))
    return ContextReport(
        path=context.path,
        services=tuple(sorted({name for image in context.images for name in image.services})),
        ignore_path=context.ignore_path,
        has_ignore=context.has_ignore,
        before=before,
        proposed=proposed,
        after=after,
        faults=review(ignore, before) if ignore is not None else (),
    )
