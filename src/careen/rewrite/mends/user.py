"""A user for the service, made if the image has none, right before the command that it runs."""

import re
from collections.abc import Iterator
from itertools import pairwise

from careen.dockerfile.actions import ChangeOwner, CreateUser
from careen.dockerfile.tree import Instruction
from careen.findings import Finding, FixKind, Topic
from careen.plan.entry_points import UnknownEntryPointError, interpret
from careen.rewrite.mends.mend import (
    Mend,
    Outcome,
    Topical,
    command_span,
    line_end,
    lines_before,
    refusal,
    source_of,
)
from careen.text.edits import Edit
from careen.text.source import Source, Span
from careen.workspace.facts import ImageFacts, StackFacts
from careen.workspace.known_bases import BaseKind
from careen.workspace.steps import RunStep

USER_ID = 10001
_WITH_USERADD = frozenset({BaseKind.FULL, BaseKind.SLIM, BaseKind.OPERATING_SYSTEM, BaseKind.INSTALLER})
_LAST_WORDS = frozenset({"CMD", "ENTRYPOINT", "HEALTHCHECK", "EXPOSE", "STOPSIGNAL"})


def mend(finding: Finding, facts: StackFacts) -> Iterator[Outcome]:
    image = next((each for each in facts.images if source_of(each).path == finding.place.path), None)
    if image is None:
        yield refusal(finding, "compose names the user", "take `user:` out of the compose file")
        return
    if _binds_low_port(facts, image):
        yield refusal(finding, "the service listens on a port that only root may take", "take a port above 1023")
        return
    source = source_of(image)
    name, making = _account(image)
    if image.user is not None and image.user.stage == image.source.shipped.index:
        instruction = image.user.instruction
        span = instruction.line.source_span(instruction.arguments_start, len(instruction.line.text.rstrip()))
        edits = (Edit(span, name), *_made(image, making, instruction))
    else:
        edits = (*_made(image, making, _closing(image)), before_the_end(image, f"USER {name}"))
    yield Mend(
        finding=finding,
        path=source.path,
        line=source.line_of(edits[0].span.start),
        edits=edits,
        disposition=FixKind.REVIEW,
        why="the service cannot write where it does not own; give it what it writes by COPY --chown or a volume",
    )


def _account(image: ImageFacts) -> tuple[str, str | Edit | None]:
    """The user to be, by a number if that can be said, and the command or the edit that makes it."""
    for run in image.runs:
        for action in run.actions:
            if run.in_image and isinstance(action, CreateUser) and action.name and "$" not in action.name:
                return _numbered(image, run, action)
    kind = image.known_base.kind if image.known_base is not None else None
    if kind in _WITH_USERADD:
        return str(USER_ID), f"useradd --uid {USER_ID} --no-create-home --shell /usr/sbin/nologin service"
    if kind is BaseKind.ALPINE:
        return str(USER_ID), f"adduser -D -H -u {USER_ID} service"
    return f"{USER_ID}:{USER_ID}", None


def _numbered(image: ImageFacts, run: RunStep, action: CreateUser) -> tuple[str, Edit | None]:
    """The user that the image has, by its number: one that only has a name gets the number."""
    words = action.command.argv
    for option, value in pairwise(words):
        if option in {"-u", "--uid", "--uidnumber"} and value.isdecimal():
            return value, None
    joined = (word.partition("=")[2] for word in words if word.startswith("--uid="))
    number = next((value for value in joined if value.isdecimal()), None)
    if number is not None:
        return number, None
    span = command_span(run.instruction, action.command)
    written = source_of(image).slice(span) if span is not None else ""
    program = re.match(r"(?:sudo +)?(?:useradd|adduser)(?= )", written)
    moved = any(isinstance(each, ChangeOwner) for each in run.actions)  # with the step, by another repair
    if moved or span is None or program is None or any(word.startswith(("-u", "--uid")) for word in words):
        return action.name, None
    place = span.start + program.end()
    option = "--uid" if program[0].endswith("useradd") else "-u" if _is_busybox(image) else "--uid"
    return str(USER_ID), Edit(Span(place, place), f" {option} {USER_ID}")


def _is_busybox(image: ImageFacts) -> bool:
    return image.known_base is not None and image.known_base.kind is BaseKind.ALPINE


def _made(image: ImageFacts, making: str | Edit | None, end: Instruction | None) -> list[Edit]:
    """The account is made where no other RUN is beside it, so that no layer is begun for nothing; else within the
    last one, if that is plain. ``end`` is the instruction above which it is needed, None for the end of the stage.
    """
    if not isinstance(making, str):
        return [making] if making is not None else []
    source, found = source_of(image), image.source.shipped.instructions
    above = found[: found.index(end)] if end is not None else found
    for before, after in reversed(list(pairwise([*above, None]))):
        if before is None or before.keyword == "USER":
            break
        if "RUN" not in {before.keyword, after.keyword if after is not None else ""}:
            return [_below(source, before, f"RUN {making}")]
    last = above[-1]
    if not last.json_form and not last.heredocs and "#" not in source.slice(last.span):
        place = last.span.start + len(source.slice(last.span).rstrip())
        return [Edit(Span(place, place), f" \\{line_end(source)}    && {making}")]
    return [_below(source, last, f"RUN {making}")]


def _below(source: Source, instruction: Instruction, line: str) -> Edit:
    place = source.line_span(source.lines_of(instruction.span)[1]).end
    return Edit(Span(place, place), f"{line_end(source)}{line}")


def _closing(image: ImageFacts) -> Instruction | None:
    """The first of the instructions that close the shipped stage."""
    closing: Instruction | None = None
    for instruction in reversed(image.source.shipped.instructions):
        if instruction.keyword not in _LAST_WORDS:
            break
        closing = instruction
    return closing


def before_the_end(image: ImageFacts, *lines: str) -> Edit:
    """Above the instructions that close the shipped stage; nothing below them needs root."""
    source = source_of(image)
    closing = _closing(image)
    if closing is not None:
        return lines_before(source, closing, *lines)
    end = image.source.shipped.instructions[-1].span.end
    place = source.line_span(source.line_of(max(0, end - 1))).end
    newline = "\r\n" if "\r\n" in source.text else "\n"
    return Edit(Span(place, place), "".join(f"{newline}{line}" for line in lines))


def _binds_low_port(facts: StackFacts, image: ImageFacts) -> bool:
    for service in facts.built:
        if service.image is not image or service.launch is None:
            continue
        try:
            ports = interpret(service.launch.argv, {}).ports
        except UnknownEntryPointError:
            continue
        if any(port < 1024 for port in ports):
            return True
    return False


MENDER = Topical(Topic.RUNS_AS_ROOT, mend)
