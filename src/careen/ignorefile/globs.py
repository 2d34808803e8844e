"""Patterns as the comparisons that Moby makes (``moby/patternmatcher``, ``Pattern.compile``).

Moby compares a pattern as a whole, as a prefix, as a suffix, or as a regular expression of Go. Into that expression
some characters travel unescaped and keep their meaning there: ``a|b*`` is an alternation, ``a{2}*`` a repetition,
``\\d`` a digit, and a class may match ``/``. They are odd, but they are what decides which files are sent.
"""

from enum import Enum, auto

from careen.ignorefile.expressions import MalformedPatternError
from careen.ignorefile.matching import Matcher, expression_matcher
from careen.text.values import dataclass

_ESCAPED_BY_MOBY = frozenset(".+()$")
"""``|{}`` are on its list as well, but its bitmap has room for the lower half of ASCII only."""


class Comparison(Enum):
    EXACT = auto()
    PREFIX = auto()
    SUFFIX = auto()
    EXPRESSION = auto()


@dataclass(frozen=True, slots=True)
class Glob:
    """``operand`` is the text to compare with, or the regular expression in Go's spelling."""

    comparison: Comparison
    operand: str

    def matcher(self) -> Matcher:
        """Raises MalformedPatternError when Go could not compile the expression."""
        operand = self.operand
        match self.comparison:
            case Comparison.EXACT:
                return operand.__eq__
            case Comparison.PREFIX:
                return lambda path: path.startswith(operand)
            case Comparison.SUFFIX:
                return lambda path: path.endswith(operand) or (operand.startswith("/") and path == operand[1:])
            case Comparison.EXPRESSION:
                return expression_matcher(operand)


def check_pattern(pattern: str) -> None:
    """Raises MalformedPatternError where Go's ``filepath.Match`` reports ``ErrBadPattern``."""
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "\\":
            if position == len(pattern):
                raise MalformedPatternError("a backslash at the end escapes nothing")
            position += 1
        elif character == "[":
            position = _check_class(pattern, position)


def _check_class(pattern: str, position: int) -> int:
    if pattern[position : position + 1] == "^":
        position += 1
    ranges = 0
    while ranges == 0 or pattern[position : position + 1] != "]":
        position = _check_class_character(pattern, position)
        if pattern[position] == "-":
            position = _check_class_character(pattern, position + 1)
        ranges += 1
    return position + 1


def _check_class_character(pattern: str, position: int) -> int:
    if pattern[position : position + 1] in {"", "-", "]"}:
        raise MalformedPatternError("a class in brackets that is empty, open or has a bare hyphen")
    if pattern[position] == "\\":
        position += 1
    if position + 1 >= len(pattern):
        raise MalformedPatternError("a class in brackets that never closes")
    return position + 1


def translate(pattern: str) -> Glob:
    """How Moby compares ``pattern``, which is cleaned and has no ``!``."""
    expression: list[str] = ["^"]
    comparison = Comparison.EXACT
    position = 0
    while position < len(pattern):
        start = position
        character = pattern[position]
        position += 1
        if pattern.startswith("**", start):
            position += 1
            if pattern[position : position + 1] == "/":
                position += 1
            if position < len(pattern):
                expression.append("(.*/)?")
                comparison = Comparison.EXPRESSION
            elif comparison is Comparison.EXACT:
                comparison = Comparison.PREFIX
            else:
                expression.append(".*")
                comparison = Comparison.EXPRESSION
            if start == 0:
                comparison = Comparison.SUFFIX
        elif character in "*?":
            expression.append("[^/]*" if character == "*" else "[^/]")
            comparison = Comparison.EXPRESSION
        elif character in _ESCAPED_BY_MOBY:
            expression.append("\\" + character)
        elif character == "\\":
            expression.append("\\" + pattern[position : position + 1])
            position += 1
            comparison = Comparison.EXPRESSION
        else:
            expression.append(character)
            if character in "[]":
                comparison = Comparison.EXPRESSION
    match comparison:
        case Comparison.EXACT:
            return Glob(comparison, pattern)
        case Comparison.PREFIX:
            return Glob(comparison, pattern[:-2])
        case Comparison.SUFFIX:
            return Glob(comparison, pattern[2:])
        case Comparison.EXPRESSION:
            return Glob(comparison, "".join(expression) + "$")
