"""A local repair of one finding in the user's own file, and how to find what a finding points at."""

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from careen.dockerfile.shell import Command
from careen.dockerfile.tree import Instruction
from careen.findings import Finding, FixKind, Topic
from careen.rewrite.patchset import Refusal
from careen.text.edits import Edit
from careen.text.source import Source, Span
from careen.text.values import dataclass
from careen.workspace.facts import ImageFacts, StackFacts
from careen.workspace.steps import CopyStep, RunStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """``finding`` is the one that it ends; None for a repair that no rule asks for.

    ``new_file`` is the text of a file that is not there yet, in place of ``edits``.
    """

    finding: Finding | None
    path: PurePosixPath
    line: int
    edits: tuple[Edit, ...] = ()
    new_file: str | None = None
    disposition: FixKind
    why: str


Outcome = Mend | Refusal
Mender = Callable[[Finding, StackFacts], Iterator[Outcome]]


@dataclass(frozen=True, slots=True)
class Topical:
    """A mender and the topic whose findings it takes."""

    topic: Topic
    mend: Mender


def run_at(facts: StackFacts, finding: Finding) -> tuple[ImageFacts, RunStep] | None:
    """The RUN that a finding points at, or into."""
    for image in facts.images:
        for run in image.runs:
            place = run.place
            if place.path == finding.place.path and place.line <= finding.place.line <= place.end_line:
                return image, run
    return None


def copy_at(facts: StackFacts, finding: Finding) -> tuple[ImageFacts, CopyStep] | None:
    for image in facts.images:
        for copy in image.copies:
            place = copy.place
            if place.path == finding.place.path and place.line <= finding.place.line <= place.end_line:
                return image, copy
    return None


def source_of(image: ImageFacts) -> Source:
    return image.source.dockerfile.source


def after_keyword(instruction: Instruction, text: str) -> Edit:
    """Puts a flag in front of an instruction's other flags and arguments."""
    place = instruction.span.start + len(instruction.written_keyword)
    return Edit(Span(place, place), f" {text}")


def lines_before(source: Source, instruction: Instruction, *lines: str) -> Edit:
    """New lines above an instruction, with the file's own line ends."""
    start = source.line_span(source.line_of(instruction.span.start)).start
    return Edit(Span(start, start), "".join(f"{line}{line_end(source)}" for line in lines))


def without(source: Source, instruction: Instruction) -> Edit:
    """The instruction and its lines go, and the blank line below when there is one above."""
    first, last = source.lines_of(instruction.span)
    if first > 1 and last < source.line_count and _is_blank(source, first - 1) and _is_blank(source, last + 1):
        last += 1
    start = source.line_span(first).start
    end = source.line_span(last + 1).start if last < source.line_count else len(source.text)
    return Edit(Span(start, end), "")


def _is_blank(source: Source, line: int) -> bool:
    return not source.slice(source.line_span(line)).strip()


def command_span(instruction: Instruction, command: Command) -> Span | None:
    """Where a command is written; None for one that stands in a here-document or a script."""
    length = len(instruction.line.text)
    if instruction.json_form or command.end <= command.start:
        return None
    if command.start < instruction.arguments_start or command.end > length:
        return None
    if instruction.heredocs:
        return None
    return instruction.line.source_span(command.start, command.end)


def line_end(source: Source) -> str:
    return "\r\n" if "\r\n" in source.text else "\n"


def refusal(finding: Finding, reason: str, hint: str) -> Refusal:
    return Refusal(path=finding.place.path, line=finding.place.line, reason=reason, hint=hint, stops=False)
