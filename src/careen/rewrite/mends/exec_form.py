"""The service as PID 1: exec form, or ``exec`` in front of the command that a shell has to start."""

import json
import re
from collections.abc import Iterator, Sequence

from careen.compose.model import Command as ComposeCommand
from careen.dockerfile.shell import Command, commands_of, commands_of_run, shell_text
from careen.dockerfile.tree import Instruction
from careen.findings import Finding, FixKind, Topic
from careen.rewrite.mends.mend import Mend, Outcome, Topical, refusal, source_of
from careen.text.edits import Edit
from careen.text.source import Source, Span
from careen.workspace.facts import ImageFacts, ServiceFacts, StackFacts
from careen.workspace.files import UnreadableFileError
from careen.workspace.launch import Launch

_HINT = "put exec in front of the last command"


def mend(finding: Finding, facts: StackFacts) -> Iterator[Outcome]:
    service = next((each for each in facts.services if each.name == finding.service), None)
    launch = service.launch if service is not None else None
    if service is None or launch is None:
        return
    edit, source = _repaired(facts, service, launch)
    if edit is None or source is None:
        yield refusal(finding, "the command that is to be PID 1 could not be told apart", _HINT)
        return
    yield Mend(
        finding=finding,
        path=source.path,
        line=source.line_of(edit.span.start),
        edits=(edit,),
        disposition=FixKind.SAFE,
        why=f"SIGTERM reaches {launch.argv[0].rpartition('/')[2]}",
    )


def _repaired(facts: StackFacts, service: ServiceFacts, launch: Launch) -> tuple[Edit | None, Source | None]:
    if launch.script is not None:
        try:
            source = facts.workspace.files.read(launch.script)
        except UnreadableFileError:
            return None, None
        edit = _exec_in_script(source, launch)
        if edit is not None or launch.from_compose:
            return edit, source
    compose = service.service.compose
    if launch.from_compose:
        command = (compose.command or compose.entrypoint) if compose is not None else None
        if command is None or not _stands_alone(launch, service.image):
            return None, None
        return _in_compose(facts, command, launch)
    image = service.image
    value = (image.command or image.entrypoint) if image is not None else None
    if image is None or value is None:
        return None, None
    source = source_of(image)
    if value.instruction.json_form:
        return _in_json_form(value.instruction, launch), source
    return _in_dockerfile(value.instruction, image, launch), source


def _stands_alone(launch: Launch, image: ImageFacts | None) -> bool:
    """Whether the command is all there is: nothing before it, nothing that a shell fills in, in its own folder."""
    here = launch.working_directory is None or (
        image is not None and launch.working_directory == image.working_directory
    )
    filled = launch.unknown or any("$" in word for word in launch.argv)
    return not launch.prelude and not filled and here and not launch.init_in_front


def _in_dockerfile(instruction: Instruction, image: ImageFacts, launch: Launch) -> Edit | None:
    if _stands_alone(launch, image):
        span = instruction.line.source_span(instruction.arguments_start, len(instruction.line.text.rstrip()))
        return Edit(span, _exec_form(launch.argv))
    main = _last(commands_of_run(instruction, {}), launch.argv)
    if main is None or main.start < instruction.arguments_start:
        return None
    place = instruction.line.source_offset(main.start)
    return Edit(Span(place, place), "exec ")


def _in_json_form(instruction: Instruction, launch: Launch) -> Edit | None:
    """``["sh", "-c", "gunicorn ..."]``: exec in front of what the shell starts."""
    text = shell_text(instruction.arguments)
    main = _last(commands_of(text), launch.argv) if text is not None else None
    if text is None or main is None or instruction.arguments[-1] != text:
        return None
    words = (*instruction.arguments[:-1], f"{text[: main.start]}exec {text[main.start :]}")
    span = instruction.line.source_span(instruction.arguments_start, len(instruction.line.text.rstrip()))
    return Edit(span, _exec_form(words))


def _in_compose(facts: StackFacts, command: ComposeCommand, launch: Launch) -> tuple[Edit | None, Source | None]:
    for document in facts.workspace.compose.documents if facts.workspace.compose is not None else ():
        if document.source.path != command.place.path:
            continue
        written = document.source.slice(command.place.span)
        key, colon, _ = written.partition(":")
        if not colon or key.strip() not in {"command", "entrypoint"}:
            return None, None
        start = command.place.span.start + len(key) + 1
        return Edit(Span(start, command.place.span.end), f" {_exec_form(launch.argv)}"), document.source
    return None, None


def _exec_in_script(source: Source, launch: Launch) -> Edit | None:
    main = _last(commands_of(source.text), launch.argv)
    written = source.text[main.start : main.end] if main is not None else ""
    if main is None or written.startswith("time ") or _LOOP_ENDS.search(source.text, main.end):
        return None
    functions = _FUNCTION.findall(source.text)
    if functions and (main.argv[0] in functions or main.argv[0].startswith("$")):
        return None
    return Edit(Span(main.start, main.start), "exec env " if _ASSIGNMENT.match(written) else "exec ")


def _last(commands: Sequence[Command], argv: Sequence[str]) -> Command | None:
    """The command that is started in the end, if it is in plain sight: of the same words, and nothing behind it."""
    command = next((each for each in reversed(commands) if each.name not in _BEHIND_IT), None)
    if command is None or command.execs or command.background or command.piped:
        return None
    return command if any(_same(command.argv[skip:], argv) for skip in range(4)) else None


_LOOP_ENDS = re.compile(r"(?m)(?:^|;)[ \t]*done\b")
"""Behind a command that is started again and again."""
_ASSIGNMENT = re.compile(r"\w+=")
_FUNCTION = re.compile(r"(?m)^[ \t]*(?:function[ \t]+)?([\w:.-]+)[ \t]*\(\)")
"""What exec does not find: it starts programs."""
_BEHIND_IT = frozenset({"exit", "echo", "wait", "true", ":"})


def _same(written: Sequence[str], argv: Sequence[str]) -> bool:
    """A word with a variable stands for whatever it is, and one with all arguments for as many as there are."""
    for index, word in enumerate(written):
        if word in {"$@", "$*", "${@}"}:
            return index > 0
        if index >= len(argv) or (word != argv[index] and "$" not in word):
            return False
    return bool(written) and len(written) == len(argv)


def _exec_form(argv: Sequence[str]) -> str:
    return json.dumps(list(argv), ensure_ascii=False)


MENDER = Topical(Topic.BAD_SIGNAL_HANDLING, mend)
