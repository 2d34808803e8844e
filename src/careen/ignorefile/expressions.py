"""Go's regular expressions (``regexp/syntax``), as far as a pattern of an ignore file can lead into them."""

import re

from careen.ignorefile.tokens import ANY, Anchor, Characters, Folders, Many, Repeated, Token

_MOST_REPETITIONS = 1000
_HIGHEST = chr(0x10FFFF)
_START, _END = Anchor(r"\A"), Anchor(r"\Z")
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
_ANCHORS = {"A": _START, "z": _END, "b": Anchor(r"\b"), "B": Anchor(r"\B")}
_REPEAT = re.compile(r"\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*)?)?\}")
_NAMED_CLASS = re.compile(r"\[:(\^?)([^:\]]*):\]")
_OCTAL = re.compile(r"0[0-7]{0,2}|[1-7][0-7]{1,2}")
_HEXADECIMAL = re.compile(r"x(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))")


Alternatives = list[list[Token]]


class MalformedPatternError(ValueError):
    """What Moby answers with ``syntax error in pattern``."""


def read_expression(expression: str) -> Alternatives:
    """Raises MalformedPatternError."""
    return _Reader(expression).alternatives()


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
                _append(tokens, Folders())
            elif self._take(".*"):
                _append(tokens, Many(ANY))
            elif self._take("|"):
                alternatives.append([])
            elif self._take("^"):
                tokens.append(_START)
            elif self._take("$"):
                tokens.append(_END)
            elif self._take("["):
                tokens.append(self._class())
            elif self._take("*"):
                _append(tokens, Many(_last_characters(tokens)))
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

    def _escaped(self) -> Characters | Anchor:
        letter = self._text[self._place : self._place + 1]
        anchor = _ANCHORS.get(letter)
        if anchor is not None:
            self._place += 1
            return anchor
        ranges = self._perl_class()
        return Characters(ranges) if ranges is not None else _single(self._escaped_character())

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

    def _class(self) -> Characters:
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
        return Characters(tuple(ranges), negated)

    def _class_character(self) -> str:
        if self._place >= len(self._text):
            raise MalformedPatternError("a class in brackets that never closes")
        if self._take("\\"):
            return self._escaped_character()
        self._place += 1
        return self._text[self._place - 1]


def _append(tokens: list[Token], token: Many | Folders) -> None:
    """``**/**/`` says no more than ``**/``."""
    if not tokens or tokens[-1] != token:
        tokens.append(token)


def _single(character: str) -> Characters:
    return Characters(((character, character),))


def _last_characters(tokens: list[Token]) -> Characters:
    if not tokens or not isinstance(tokens[-1], Characters):
        raise MalformedPatternError("a repetition of nothing")
    last = tokens.pop()
    assert isinstance(last, Characters)  # noqa: S101 - for the type checker; tested above
    return last


def _repeated(found: re.Match[str], of: Characters) -> Repeated:
    least = int(found[1])
    most = least if found[2] is None else int(found[3]) if found[3] else None
    if max(least, most or 0) > _MOST_REPETITIONS or (most is not None and most < least):
        raise MalformedPatternError(f"{found[0]} repeats too often")
    return Repeated(of, least, most)


def _complement(ranges: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    start = 0
    for low, high in sorted(ranges):
        if ord(low) > start:
            found.append((chr(start), chr(ord(low) - 1)))
        start = ord(high) + 1
    return (*found, (chr(start), _HIGHEST))
