"""A user for the service, made if the image has none, right before the command that it runs."""

from collections.abc import Iterator

from careen.dockerfile.actions import CreateUser
from careen.dockerfile.tree import Instruction
from careen.findings import Finding, FixKind, Topic
from careen.plan.entry_points import UnknownEntryPointError, interpret
from careen.rewrite.mends.mend import Mend, Outcome, Topical, lines_before, refusal, source_of
from careen.text.edits import Edit
from careen.text.source import Span
from careen.workspace.facts import ImageFacts, StackFacts
from careen.workspace.known_bases import BaseKind

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
    name, made = _account(image)
    if image.user is not None and image.user.stage == image.source.shipped.index:
        instruction = image.user.instruction
        span = instruction.line.source_span(instruction.arguments_start, len(instruction.line.text.rstrip()))
        edits = (Edit(span, name), *([lines_before(source, instruction, *made)] if made else []))
    else:
        edits = (before_the_end(image, *made, f"USER {name}"),)
    yield Mend(
        finding=finding,
        path=source.path,
        line=source.line_of(edits[0].span.start),
        edits=edits,
        disposition=FixKind.REVIEW,
        why="the service cannot write where it does not own; give it what it writes by COPY --chown or a volume",
    )


def _account(image: ImageFacts) -> tuple[str, tuple[str, ...]]:
    """The user to be, and the instructions that make it."""
    for run in image.runs:
        for action in run.actions:
            if run.in_image and isinstance(action, CreateUser) and action.name and "$" not in action.name:
                return action.name, ()
    kind = image.known_base.kind if image.known_base is not None else None
    if kind in _WITH_USERADD:
        return str(USER_ID), (f"RUN useradd --uid {USER_ID} --no-create-home --shell /usr/sbin/nologin service",)
    if kind is BaseKind.ALPINE:
        return str(USER_ID), (f"RUN adduser -D -H -u {USER_ID} service",)
    return f"{USER_ID}:{USER_ID}", ()


def before_the_end(image: ImageFacts, *lines: str) -> Edit:
    """Above the instructions that close the shipped stage; nothing below them needs root."""
    source = source_of(image)
    closing: Instruction | None = None
    for instruction in reversed(image.source.shipped.instructions):
        if instruction.keyword not in _LAST_WORDS:
            break
        closing = instruction
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
