"""A Dockerfile as a lossless tree: instructions over the text they were read from.

The source is kept whole, every node knows its span, and nothing is ever re-spelled: rendering a tree is
giving back its source.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import field

from careen.text.source import Source, Span
from careen.text.values import dataclass

_LEADING_TABS = re.compile(r"^\t+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """An instruction's text with continuations joined and comments inside left out.

    ``pieces`` are (offset in ``text``, offset in the source), ascending: where each physical line's part begins.
    """

    text: str
    pieces: tuple[tuple[int, int], ...]

    def source_offset(self, offset: int) -> int:
        index = max(0, bisect_right(self.pieces, offset, key=lambda piece: piece[0]) - 1)
        logical, physical = self.pieces[index]
        return physical + offset - logical

    def source_span(self, start: int, end: int) -> Span:
        if end <= start:
            place = self.source_offset(start)
            return Span(place, place)
        return Span(self.source_offset(start), self.source_offset(end - 1) + 1)


@dataclass(frozen=True, slots=True)
class Directive:
    """A parser directive in front of the file: ``# escape=``, ``# syntax=``, ``# check=``."""

    name: str
    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Flag:
    """``--from=builder``; ``value`` is None for a flag without ``=``."""

    name: str
    value: str | None

    @property
    def text(self) -> str:
        return f"--{self.name}" if self.value is None else f"--{self.name}={self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heredoc:
    """A here-document: ``expand`` is False when its name is quoted, ``chomp`` True for ``<<-``.

    ``descriptor`` is the file descriptor in front (``3<<EOF``), 0 when there is none.
    """

    name: str
    content: str
    expand: bool
    chomp: bool
    descriptor: int
    span: Span

    @property
    def text(self) -> str:
        """The content as the build sees it."""
        return _LEADING_TABS.sub("", self.content) if self.chomp else self.content


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """``keyword`` is upper case; ``arguments`` are the values of BuildKit's nodes, in order.

    In shell form RUN, CMD and ENTRYPOINT have one argument, the whole line. ``line`` is the logical line that
    ``arguments_start`` points into. ``onbuild`` is the instruction that ONBUILD holds.
    """

    keyword: str
    written_keyword: str
    span: Span
    line: LogicalLine
    arguments_start: int
    flags: tuple[Flag, ...]
    arguments: tuple[str, ...]
    json_form: bool
    heredocs: tuple[Heredoc, ...] = ()
    onbuild: "Instruction | None" = None

    @property
    def value(self) -> str:
        """Everything behind the flags, as one line."""
        return self.line.text[self.arguments_start :].strip()

    def flag(self, name: str) -> str | None:
        """The last value of a flag; None when it is absent or has none."""
        values = [flag.value for flag in self.flags if flag.name == name]
        return values[-1] if values else None

    def flag_values(self, name: str) -> tuple[str, ...]:
        return tuple(flag.value for flag in self.flags if flag.name == name and flag.value is not None)


@dataclass(frozen=True, slots=True)
class Comment:
    text: str
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    source: Source
    escape: str
    directives: tuple[Directive, ...]
    instructions: tuple[Instruction, ...]
    comments: tuple[Comment, ...] = field(default=())

    def lines_of(self, instruction: Instruction) -> tuple[int, int]:
        return self.source.lines_of(instruction.span)

    def of(self, *keywords: str) -> Iterator[Instruction]:
        return (instruction for instruction in self.instructions if instruction.keyword in keywords)


def render(dockerfile: Dockerfile) -> str:
    return dockerfile.source.text
