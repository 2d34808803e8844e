"""``COPY --chown`` in place of a recursive ``chown`` afterwards, which stores every file a second time."""

from collections.abc import Iterator, Sequence

from careen.dockerfile.actions import ChangeOwner, CreateUser, action_of
from careen.dockerfile.shell import Command
from careen.findings import Finding, FixKind, Topic
from careen.rewrite.mends.mend import (
    Mend,
    Outcome,
    Topical,
    after_keyword,
    command_span,
    lines_before,
    refusal,
    run_at,
    source_of,
    without,
)
from careen.text.edits import Edit
from careen.text.source import Source, Span
from careen.workspace.facts import ImageFacts, StackFacts
from careen.workspace.steps import CopyStep, RunStep

_HINT = "give the files their owner where they are copied: COPY --chown"


def mend(finding: Finding, facts: StackFacts) -> Iterator[Outcome]:
    found = run_at(facts, finding)
    if found is None:
        return
    image, run = found
    chown = next((action for action in run.actions if isinstance(action, ChangeOwner) and action.recursive), None)
    owner = _owner(chown) if chown is not None else None
    if chown is None or chown.program != "chown" or owner is None or run.scripts:
        yield refusal(finding, "only a plain chown -R can be moved into COPY", _HINT)
        return
    copies = _covered(image, run, chown)
    outcome = _edits(image, run, chown, copies, owner)
    if outcome is None or not copies:
        yield refusal(finding, f"the step at line {run.place.line} does more than change owners", _HINT)
        return
    installed = any(
        install.whole_project and other.in_image and image.precedes(other, run)
        for other in image.runs
        for install in other.installs()
    )
    yield Mend(
        finding=finding,
        path=source_of(image).path,
        line=run.place.line,
        edits=outcome,
        disposition=FixKind.REVIEW if installed else FixKind.SAFE,
        why="files have their owner from the start"
        + ("; what was installed stays root's, which a service need not write" if installed else ""),
    )


def _owner(chown: ChangeOwner) -> str | None:
    words = [word for word in chown.command.argv[1:] if not word.startswith("-")]
    return words[0] if words and "$" not in words[0] else None


def _covered(image: ImageFacts, run: RunStep, chown: ChangeOwner) -> list[CopyStep]:
    folders = [run.working_directory / path for path in chown.paths]
    return [
        copy
        for copy in image.copies
        if copy.in_image
        and image.precedes(copy, run)
        and copy.owner is None
        and any(
            copy.target.is_relative_to(folder) or (copy.takes_whole_context and folder.is_relative_to(copy.target))
            for folder in folders
        )
    ]


def _edits(
    image: ImageFacts, run: RunStep, chown: ChangeOwner, copies: Sequence[CopyStep], owner: str
) -> tuple[Edit, ...] | None:
    source = source_of(image)
    edits = [after_keyword(copy.instruction, f"--chown={owner}") for copy in copies]
    staying = [command for command in run.commands if command is not chown.command]
    makers = [command for command in staying if _makes_user(command)]
    late = bool(makers) and not owner.partition(":")[0].isdigit()
    if late:
        # Whoever owns files from the start has to exist before them.
        texts = [_written(source, run, command) for command in makers]
        if not copies or any(text is None for text in texts):
            return None
        first = min(copies, key=lambda copy: copy.order)
        edits.append(lines_before(source, first.instruction, f"RUN {' && '.join(text or '' for text in texts)}"))
        staying = [command for command in staying if command not in makers]
    if not staying:
        return (*edits, without(source, run.instruction))
    if late:
        return None
    removal = _cut(source, run, chown.command)
    return None if removal is None else (*edits, removal)


def _makes_user(command: Command) -> bool:
    return isinstance(action_of(command), CreateUser) or command.name in {"groupadd", "addgroup"}


def _written(source: Source, run: RunStep, command: Command) -> str | None:
    span = command_span(run.instruction, command)
    return None if span is None else " ".join(source.slice(span).replace("\\\n", " ").split())


def _cut(source: Source, run: RunStep, command: Command) -> Edit | None:
    """One command of a chain, with the ``&&`` that joins it."""
    span = command_span(run.instruction, command)
    if span is None:
        return None
    before = source.text[: span.start].rstrip(" \t\r\n\\")
    if before.endswith("&&"):
        return Edit(Span(len(before) - 2 - _spaces_before(before[:-2]), span.end), "")
    after = source.text[span.end :]
    rest = after.lstrip(" \t\r\n\\")
    if rest.startswith("&&"):
        end = span.end + len(after) - len(rest) + 2
        return Edit(Span(span.start, end + len(rest[2:]) - len(rest[2:].lstrip(" \t\r\n\\"))), "")
    return None


def _spaces_before(text: str) -> int:
    return len(text) - len(text.rstrip(" \t\r\n\\"))


MENDER = Topical(Topic.DUPLICATED_LAYER, mend)
