"""What a start script runs before the service, and how much the service depends on it."""

import re
from collections.abc import Iterable
from itertools import takewhile
from pathlib import PurePosixPath

from careen.dockerfile.command import Command
from careen.text.values import dataclass

START_PROGRAM = "start.py"
START_MARKS = ("--then", "--anyway")
"""Between the steps that careen's own start program takes; ``careen/plan/shipped/start.py`` says what they mean."""

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_IN_A_LOOP = re.compile(r"(?:\bwhile\s+!|\buntil)(?:\s+!)?\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierStep:
    """A command that a start script runs before the service.

    ``certain`` when it runs whatever comes, by itself and with words that are all known. ``required`` when the service
    does not start unless it went well. ``awaited`` when it is tried until it goes well, by a loop or by itself.
    ``assignments`` are the variables that it is given. ``place`` is the script and line, None where the command itself
    says it.
    """

    argv: tuple[str, ...]
    certain: bool = True
    required: bool = True
    awaited: bool = False
    assignments: tuple[tuple[str, str], ...] = ()
    place: tuple[PurePosixPath, int] | None = None


def earlier_step(text: str, command: Command, following: Command, *, careful: bool) -> EarlierStep:
    """``following`` is what the text has next: what stands between the two tells whether it depends on the first.

    ``careful`` when the script has said that it ends at the first failure.
    """
    front = text[: command.start].rstrip(" \t\\\n")
    between = text[command.end : following.start].lstrip(" \t\\\n")
    rescued = between.startswith("||")
    if rescued and following.name in {"true", ":", "echo"}:
        careful, rescued = False, False
    elif rescued and following.name == "exit":
        careful, rescued = True, False
    by_itself = not (command.conditional or command.background or command.piped or command.redirects)
    known = not command.unknown and not any("$" in value or "`" in value for _, value in command.assignments)
    depends = rescued or front.endswith(("||", "!", "|"))
    return EarlierStep(
        argv=command.argv,
        certain=by_itself and known and not depends,
        required=careful or between.startswith("&&"),
        awaited=_IN_A_LOOP.search(front) is not None or (by_itself and not depends and _waits(command)),
        assignments=command.assignments,
    )


def _waits(command: Command) -> bool:
    """Whether the program itself tries until it goes well."""
    name = PurePosixPath(command.argv[0]).name.removesuffix(".sh") if command.argv else ""
    return name.replace("_", "-") in {"wait-for-it", "wait-for"}


def stops_at_failure(argv: tuple[str, ...]) -> bool:
    """``set -e``, ``set -eu``, ``set -o errexit``."""
    return "errexit" in argv or any(word[:1] == "-" and word[:2] != "--" and "e" in word for word in argv[1:])


def is_own_start(argv: tuple[str, ...]) -> bool:
    """Whether careen's start program is what begins."""
    return (
        len(argv) > 2
        and PurePosixPath(argv[0]).name.startswith("python")
        and PurePosixPath(argv[1]).name == START_PROGRAM
        and any(mark in argv for mark in START_MARKS)
    )


def own_steps(words: Iterable[str]) -> tuple[tuple[EarlierStep, ...], tuple[str, ...]]:
    """The steps of careen's start program, and the command that it ends in."""
    found: list[EarlierStep] = []
    step: list[str] = []
    for word in words:
        if word not in START_MARKS:
            step.append(word)
            continue
        assigned = list(takewhile(_ASSIGNMENT.match, step))
        argv = tuple(step[len(assigned) :])
        found.append(
            EarlierStep(
                argv=argv,
                required=word == START_MARKS[0],
                awaited=argv[:1] == ("wait-for",),
                assignments=tuple((name, value) for name, _, value in (each.partition("=") for each in assigned)),
            )
        )
        step = []
    return tuple(found), tuple(step)
