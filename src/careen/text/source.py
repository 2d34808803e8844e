"""A text file as it was read, and places inside it.

Offsets count code points of :attr:`Source.text` from 0; lines and columns are for people and start
at 1. Nothing outside this module does line arithmetic.
"""

from bisect import bisect_right
from functools import cached_property
from pathlib import PurePosixPath

from careen.text.problems import SyntaxProblem
from careen.text.values import dataclass


class UndecodableError(SyntaxProblem):
    """The file is not UTF-8 text."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range of offsets, ``start`` included and ``end`` not."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"not a span: {self.start}..{self.end}")

    def overlaps(self, other: "Span") -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place as an editor shows it; both numbers start at 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Source:
    """A text and the name it is known by, a path relative to the folder that was asked about.

    A byte order mark and every kind of line ending stay in ``text``, so that rendering is lossless.
    """

    path: PurePosixPath
    text: str

    @classmethod
    def decode(cls, path: PurePosixPath, data: bytes) -> "Source":
        """Raises UndecodableError, naming the line, when ``data`` is not UTF-8."""
        try:
            return cls(path, data.decode("utf-8"))
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            reason = f"not UTF-8 text (byte 0x{data[error.start]:02x})"
            raise UndecodableError(path, line, reason, hints=("save the file as UTF-8",)) from error

    @cached_property
    def _line_starts(self) -> tuple[int, ...]:
        starts = [0]
        position = self.text.find("\n")
        while position != -1:
            starts.append(position + 1)
            position = self.text.find("\n", position + 1)
        return tuple(starts)

    def position(self, offset: int) -> Position:
        index = bisect_right(self._line_starts, offset) - 1
        return Position(index + 1, offset - self._line_starts[index] + 1)

    def line_of(self, offset: int) -> int:
        return self.position(offset).line

    def lines_of(self, span: Span) -> tuple[int, int]:
        """First and last line that ``span`` touches; an empty span touches the line it stands in."""
        return self.line_of(span.start), self.line_of(max(span.start, span.end - 1))

    @property
    def line_count(self) -> int:
        return len(self._line_starts)

    def line_span(self, line: int) -> Span:
        """The span of line number ``line`` without its line ending."""
        start = self._line_starts[line - 1]
        end = self._line_starts[line] if line < len(self._line_starts) else len(self.text)
        return Span(start, start + len(self.text[start:end].rstrip("\r\n")))

    def slice(self, span: Span) -> str:
        return self.text[span.start : span.end]
