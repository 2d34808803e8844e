"""Patterns as matchers, with the comparisons Moby makes (``moby/patternmatcher``, ``Pattern.compile``).

Moby compares a pattern as a whole, as a prefix, as a suffix, or as a regular expression of Go. Into that expression
some characters travel unescaped and keep their meaning there: ``a|b*`` is an alternation, ``a{2}*`` a repetition,
``\\d`` a digit, and a class may match ``/``. They are odd, but they are what decides which files are sent.

Go matches in linear time and Python does not, so that a hostile pattern could keep a scan busy for hours: patterns with
many wildcards are matched by sets of positions instead of by :mod:`re`.
"""

import re
from collections.abc import Callable
from enum import Enum, auto

from careen.text.values import dataclass

Matcher = Callable[[str], bool]

_SAFE_WILDCARDS = 3
"""With three wildcards the worst path of a file system costs :mod:`re` milliseconds; with six, hours."""

_MOST_REPETITIONS = 1000
_HIGHEST = chr(0x10FFFF)
_ESCAPED_BY_MOBY = frozenset(".+()$")
"""``|{}`` are on its list as well, but its bitmap has room for the lower half of ASCII only."""


class MalformedPatternError(ValueError):
    """What Moby answers with ``syntax error in pattern``."""


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


@dataclass(frozen=True, slots=True)
class _Characters:
    """One character that is in one of the ranges, or in none of them."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False

    def __contains__(self, character: object) -> bool:
        return any(low <= str(character) <= high for low, high in self.ranges) is not self.negated

    @property
    def expression(self) -> str:
        if len(self.ranges) == 1 and self.ranges[0][0] == self.ranges[0][1] and not self.negated:
            return re.escape(self.ranges[0][0])
        inside = "".join(f"{_class_escape(low)}-{_class_escape(high)}" for low, high in self.ranges)
        return f"[{'^' if self.negated else ''}{inside}]"

    def advance(self, text: str, places: set[int]) -> set[int]:
        return {place + 1 for place in places if place < len(text) and text[place] in self}


@dataclass(frozen=True, slots=True)
class _Many:
    """Any number of characters, none included."""

    of: _Characters

    @property
    def expression(self) -> str:
        return f"{self.of.expression}*"

    def advance(self, text: str, places: set[int]) -> set[int]:
        found: set[int] = set()
        reachable = False
        for place in range(min(places), len(text) + 1):
            reachable = reachable or place in places
            if reachable:
                found.add(place)
                reachable = place < len(text) and text[place] in self.of
        return found


@dataclass(frozen=True, slots=True)
class _Folders:
    """``(.*/)?``: nothing, or anything up to a slash."""

    @property
    def expression(self) -> str:
        return "(?:.*/)?"

    def advance(self, text: str, places: set[int]) -> set[int]:
        anywhere = _Many(_ANY).advance(text, places)
        return places | {place + 1 for place in anywhere if place < len(text) and text[place] == "/"}


@dataclass(frozen=True, slots=True)
class _Repeated:
    of: _Characters
    least: int
    most: int | None

    @property
    def expression(self) -> str:
        return f"{self.of.expression}{{{self.least},{'' if self.most is None else self.most}}}"

    def advance(self, text: str, places: set[int]) -> set[int]:
        for _ in range(self.least):
            places = self.of.advance(text, places)
        if self.most is None:
            return _Many(self.of).advance(text, places) if places else places
        found = set(places)
        for _ in range(self.most - self.least):
            places = self.of.advance(text, places)
            found |= places
        return found


@dataclass(frozen=True, slots=True)
class _Anchor:
    """A place of no width: ``^``, ``$``, ``\\b`` or ``\\B``; ``expression`` is Python's spelling."""

    expression: str

    def advance(self, text: str, places: set[int]) -> set[int]:
        anchor = re.compile(self.expression, re.ASCII)
        return {place for place in places if anchor.match(text, place)}


_Token = _Characters | _Many | _Folders | _Repeated | _Anchor

_ANY = _Characters((("\n", "\n"),), negated=True)
_START, _END = _Anchor(r"\A"), _Anchor(r"\Z")
_DIGIT = (("0", "9"),)
_SPACE = (("\t", "\n"), ("\f", "\r"), (" ", " "))
_WORD = (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))
_PERL_CLASSES = {"d": _DIGIT, "s": _SPACE, "w": _WORD}
_NAMED_CLASSES: dict[str, tuple[tuple[str, str], ...]] = {
    "alnum": (("0", "9"), ("A", "Z"), ("a", "z")),
    "alpha": (("A", "Z"), ("a", "z")),
    "ascii": (("\0", "\x7f"),),
    "blank": (("\t", "\t"), (" ", " ")),
    "cntrl": (("\0", "\x1f"), ("\x7f", "\x7f")),
    "digit": _DIGIT,
    "graph": (("!", "~"),),
    "lower": (("a", "z"),),
    "print": ((" ", "~"),),
    "punct": (("!", "/"), (":", "@"), ("[", "`"), ("{", "~")),
    "space": (("\t", "\r"), (" ", " ")),
    "upper": (("A", "Z"),),
    "word": _WORD,
    "xdigit": (("0", "9"), ("A", "F"), ("a", "f")),
}
_CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ANCHORS = {"A": _START, "z": _END, "b": _Anchor(r"\b"), "B": _Anchor(r"\B")}
_REPEAT = re.compile(r"\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*)?)?\}")
_NAMED_CLASS = re.compile(r"\[:(\^?)([^:\]]*):\]")
_OCTAL = re.compile(r"0[0-7]{0,2}|[1-7][0-7]{1,2}")
_HEXADECIMAL = re.compile(r"x(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))")


def expression_matcher(expression: str) -> Matcher:
    alternatives = _Reader(expression).alternatives()
    wildcards = sum(isinstance(token, _Many | _Folders | _Repeated) for tokens in alternatives for token in tokens)
    return in_python(alternatives) if wildcards <= _SAFE_WILDCARDS else by_places(alternatives)


Alternatives = list[list[_Token]]


def read_expression(expression: str) -> Alternatives:
    """Raises MalformedPatternError."""
    return _Reader(expression).alternatives()


def in_python(alternatives: Alternatives) -> Matcher:
    written = "|".join("".join(token.expression for token in tokens) for tokens in alternatives)
    search = re.compile(written, re.ASCII).search
    return lambda path: search(path) is not None


def by_places(alternatives: Alternatives) -> Matcher:
    """In time proportional to the length of the path times that of the pattern, and no more than its square: what
    needs more characters than a path has is not tried.
    """
    told_apart = dict.fromkeys(tuple(tokens) for tokens in alternatives)
    by_need = sorted(((sum(map(_least, tokens)), tokens) for tokens in told_apart), key=lambda each: each[0])

    def matches(path: str) -> bool:
        for least, tokens in by_need:
            if least > len(path):
                return False
            places = set(range(len(path) + 1))
            for token in tokens:
                places = token.advance(path, places)
                if not places:
                    break
            if places:
                return True
        return False

    return matches


class _Reader:
    """Reads the part of Go's expressions (``regexp/syntax``) into which a pattern can lead."""

    def __init__(self, expression: str) -> None:
        self._text = expression
        self._place = 0

    def alternatives(self) -> Alternatives:
        alternatives: Alternatives = [[]]
        while self._place < len(self._text):
            tokens = alternatives[-1]
            character = self._text[self._place]
            if self._take("(.*/)?"):
                _append(tokens, _Folders())
            elif self._take(".*"):
                _append(tokens, _Many(_ANY))
            elif self._take("|"):
                alternatives.append([])
            elif self._take("^"):
                tokens.append(_START)
            elif self._take("$"):
                tokens.append(_END)
            elif self._take("["):
                tokens.append(self._class())
            elif self._take("*"):
                _append(tokens, _Many(_last_characters(tokens)))
            elif character == "{" and (repeat := _REPEAT.match(self._text, self._place)) is not None:
                self._place = repeat.end()
                tokens.append(_repeated(repeat, _last_characters(tokens)))
            elif self._take("\\"):
                tokens.append(self._escaped())
            else:
                self._place += 1
                tokens.append(_single(character))
        return alternatives

    def _take(self, text: str) -> bool:
        if not self._text.startswith(text, self._place):
            return False
        self._place += len(text)
        return True

    def _escaped(self) -> _Characters | _Anchor:
        letter = self._text[self._place : self._place + 1]
        anchor = _ANCHORS.get(letter)
        if anchor is not None:
            self._place += 1
            return anchor
        ranges = self._perl_class()
        return _Characters(ranges) if ranges is not None else _single(self._escaped_character())

    def _perl_class(self) -> tuple[tuple[str, str], ...] | None:
        letter = self._text[self._place : self._place + 1]
        ranges = _PERL_CLASSES.get(letter.lower()) if letter else None
        if ranges is None:
            return None
        self._place += 1
        return ranges if letter.islower() else _complement(ranges)

    def _escaped_character(self) -> str:
        letter = self._text[self._place : self._place + 1]
        for form, base in ((_OCTAL, 8), (_HEXADECIMAL, 16)):
            number = form.match(self._text, self._place)
            if number is not None:
                self._place = number.end()
                digits = number[0] if base == 8 else number[1] or number[2]
                value = int(digits, base)
                if value > ord(_HIGHEST):
                    break
                return chr(value)
        self._place += 1
        if letter in _CONTROLS:
            return _CONTROLS[letter]
        if not letter or letter.isalnum() or not letter.isascii():
            raise MalformedPatternError(f"\\{letter} means nothing")
        return letter

    def _class(self) -> _Characters:
        negated = self._take("^")
        ranges: list[tuple[str, str]] = []
        first = True
        while first or not self._take("]"):
            first = False
            named = _NAMED_CLASS.match(self._text, self._place)
            if named is not None:
                self._place = named.end()
                known = _NAMED_CLASSES.get(named[2])
                if known is None:
                    raise MalformedPatternError(f"{named[0]} is no class")
                ranges += _complement(known) if named[1] else known
                continue
            if self._text.startswith("\\", self._place):
                self._place += 1
                perl = self._perl_class()
                if perl is not None:
                    ranges += perl
                    continue
                self._place -= 1
            low = high = self._class_character()
            if self._text.startswith("-", self._place) and not self._text.startswith("-]", self._place):
                self._place += 1
                high = self._class_character()
            if high < low:
                raise MalformedPatternError(f"the range {low}-{high} runs backwards")
            ranges.append((low, high))
        return _Characters(tuple(ranges), negated)

    def _class_character(self) -> str:
        if self._place >= len(self._text):
            raise MalformedPatternError("a class in brackets that never closes")
        if self._take("\\"):
            return self._escaped_character()
        self._place += 1
        return self._text[self._place - 1]


def _append(tokens: list[_Token], token: _Many | _Folders) -> None:
    """``**/**/`` says no more than ``**/``."""
    if not tokens or tokens[-1] != token:
        tokens.append(token)


def _least(token: _Token) -> int:
    """How many characters it takes."""
    match token:
        case _Characters():
            return 1
        case _Repeated():
            return token.least
        case _:
            return 0


def _single(character: str) -> _Characters:
    return _Characters(((character, character),))


def _last_characters(tokens: list[_Token]) -> _Characters:
    if not tokens or not isinstance(tokens[-1], _Characters):
        raise MalformedPatternError("a repetition of nothing")
    last = tokens.pop()
    assert isinstance(last, _Characters)  # noqa: S101 - for the type checker; tested above
    return last


def _repeated(found: re.Match[str], of: _Characters) -> _Repeated:
    least = int(found[1])
    most = least if found[2] is None else int(found[3]) if found[3] else None
    if max(least, most or 0) > _MOST_REPETITIONS or (most is not None and most < least):
        raise MalformedPatternError(f"{found[0]} repeats too often")
    return _Repeated(of, least, most)


def _complement(ranges: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    start = 0
    for low, high in sorted(ranges):
        if ord(low) > start:
            found.append((chr(start), chr(ord(low) - 1)))
        start = ord(high) + 1
    return (*found, (chr(start), _HIGHEST))


def _class_escape(character: str) -> str:
    return re.escape(character) if character.isascii() and not character.isalnum() else character
