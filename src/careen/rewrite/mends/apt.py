"""Package lists that stay in a layer, and packages that apt only recommends."""

import re
from collections.abc import Iterator

from careen.dockerfile.actions import CleanUp, Install
from careen.findings import FixKind
from careen.rewrite.mends.mend import Mend, command_span, source_of
from careen.text.edits import Edit
from careen.text.source import Source, Span
from careen.workspace.facts import ImageFacts, StackFacts
from careen.workspace.steps import RunStep

_LISTS = "/var/lib/apt/lists"


def mends(facts: StackFacts) -> Iterator[Mend]:
    for image in facts.images:
        for run in image.runs:
            installs = [install for install in run.installs() if install.manager == "apt"]
            if run.in_image and installs and not run.scripts:
                yield from _lists(image, run)
                for install in installs:
                    yield from _recommends(image, run, install)


def _lists(image: ImageFacts, run: RunStep) -> Iterator[Mend]:
    gone = any(_LISTS in path for action in run.actions if isinstance(action, CleanUp) for path in action.paths)
    cached = any((mount.target or "").startswith("/var/lib/apt") for mount in run.mounts)
    plain = not run.instruction.heredocs and not run.instruction.json_form
    source = source_of(image)
    # A command that nobody could read may be the one that removes them.
    if gone or cached or not plain or f"rm -rf {_LISTS}" in source.slice(run.instruction.span):
        return
    end = run.instruction.span.start + len(source.slice(run.instruction.span).rstrip())
    yield _mend(source, run, Edit(Span(end, end), f" && rm -rf {_LISTS}/*"), FixKind.SAFE, "apt's lists stay out")


def _recommends(image: ImageFacts, run: RunStep, install: Install) -> Iterator[Mend]:
    if {"--no-install-recommends", "-o"} & install.options:
        return
    source = source_of(image)
    span = command_span(run.instruction, install.command)
    match = re.search(r"\binstall\b", source.slice(span)) if span is not None else None
    if span is None or match is None:
        return
    place = span.start + match.end()
    why = "only what is named and what it needs; what is merely recommended stays out"
    yield _mend(source, run, Edit(Span(place, place), " --no-install-recommends"), FixKind.REVIEW, why)


def _mend(source: Source, run: RunStep, edit: Edit, disposition: FixKind, why: str) -> Mend:
    return Mend(finding=None, path=source.path, line=run.place.line, edits=(edit,), disposition=disposition, why=why)
