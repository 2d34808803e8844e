"""Variables and words in instructions, read as BuildKit's shell package does (frontend/dockerfile/shell/lex.go).

Unlike a build, careen does not know every build argument; what was expanded without being known is told. Hostile
text stays harmless: nesting, the length of results and the values that patterns run over are limited.
"""

import re
from collections.abc import Mapping

from careen.dockerfile.characters import SPACES
from careen.dockerfile.globs import BadSubstitutionError, replace_pattern, trim_pattern
from careen.text.values import dataclass

_PLAIN = {
    "": re.compile(r"[^$<'\"\\`" + SPACES + "]+"),
    "}": re.compile(r"[^$<'\"\\`}" + SPACES + "]+"),
    "/": re.compile(r"[^$<'\"\\`/" + SPACES + "]+"),
}
_SPACE_RUN = re.compile(f"[{SPACES}]+")
_ORDINARY = re.compile(r"[^$'\"\ufeff]*")
_NAME = re.compile(r"[0-9]+|[@*#?\-$!]|[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL = frozenset("@*#?-$!")
_DEEPEST_NESTING = 50
LONGEST_VALUE = 1 << 17
"""In code points: ``ENV A=$A$A`` doubles with every line. No program can be started with a longer one."""


@dataclass(frozen=True, slots=True)
class Expanded:
    """``unknown`` holds the variables that had neither value nor default; they expand to nothing, as in a build.

    ``problem`` says why a build would refuse the text; ``text`` is then what was written.
    """

    text: str
    unknown: frozenset[str] = frozenset()
    problem: str | None = None

    @property
    def known(self) -> str | None:
        """The text, or None when something in it is not known."""
        return None if self.unknown or self.problem else self.text


def expand(text: str, variables: Mapping[str, str], *, escape: str = "\\") -> Expanded:
    """Quotes are removed, escapes taken, ``$name`` and ``${name...}`` replaced."""
    if _ORDINARY.fullmatch(text) and escape not in text:
        return Expanded(text)
    lexer = WordLexer(text, variables, escape=escape)
    try:
        result, _ = lexer.read()
    except BadSubstitutionError as error:
        return Expanded(text, frozenset(lexer.unknown), str(error))
    return Expanded(result, frozenset(lexer.unknown))


def expand_known(text: str, variables: Mapping[str, str], *, escape: str = "\\") -> str | None:
    """The expanded text, or None when a value in it is not known or a build would refuse it."""
    return expand(text, variables, escape=escape).known


def split_words(text: str, variables: Mapping[str, str] | None = None, *, escape: str = "\\") -> tuple[str, ...]:
    """Words after expansion: a variable outside quotes may become several of them.

    Raises BadSubstitutionError for what a build refuses.
    """
    return tuple(WordLexer(text, variables or {}, escape=escape).read()[1])


class WordLexer:
    """One reading of one text. ``raw_quotes`` and ``raw_escapes`` keep what they name in the words;
    ``keep_unset`` leaves variables without a value as they are written."""

    def __init__(
        self,
        text: str,
        variables: Mapping[str, str],
        *,
        escape: str = "\\",
        raw_quotes: bool = False,
        raw_escapes: bool = False,
        keep_unset: bool = False,
    ) -> None:
        self._text = text.removeprefix("\ufeff")  # Go's scanner drops one in front
        self._variables = variables
        self._escape = escape
        self._raw_quotes = raw_quotes
        self._raw_escapes = raw_escapes
        self._keep_unset = keep_unset
        self._at = 0
        self._depth = 0
        self._pending: list[str] = []
        self.unknown: dict[str, None] = {}

    def read(self) -> tuple[str, list[str]]:
        """The whole text as one, and split into words. Raises BadSubstitutionError."""
        return self._read_until("", raw_escapes=self._raw_escapes)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._text[self._at : self._at + 1]
        self._at += 1
        return char

    def _read_until(self, stop: str, *, raw_escapes: bool) -> tuple[str, list[str]]:
        self._depth += 1
        if self._depth > _DEEPEST_NESTING:
            raise BadSubstitutionError("substitutions nested too deeply")
        result: list[str] = []
        # One buffer for every level, as BuildKit has it: a nested word forgets what stood in front of it.
        self._pending.clear()
        words = _Words(self._pending)
        length = 0
        text, end = self._text, len(self._text)
        outer_raw_escapes, self._raw_escapes = self._raw_escapes, raw_escapes
        while self._at < end:
            char = text[self._at]
            if char == stop:
                self._at += 1
                self._depth -= 1
                self._raw_escapes = outer_raw_escapes
                return "".join(result), words.finish()
            if char == "$":
                piece = self._dollar()
                words.split(piece)
            elif char == "'":
                piece = self._single_quoted()
                words.add(piece)
            elif char == '"':
                piece = self._double_quoted()
                words.add(piece)
            elif char == "<":
                piece = self._angle()
                words.add(piece)
            elif char == self._escape:
                piece = self._escaped()
                words.add(piece)
            elif plain := _PLAIN[stop].match(text, self._at):
                piece = plain[0]
                self._at = plain.end()
                words.add(piece)
            else:
                piece = char
                self._at += 1
                words.split(piece)
            result.append(piece)
            length += len(piece)
            if length > LONGEST_VALUE:
                raise BadSubstitutionError("the expanded text is too long")
        if stop:
            raise BadSubstitutionError(f"unexpected end of statement while looking for matching {stop}")
        return "".join(result), words.finish()

    def _escaped(self) -> str:
        kept = self._next() if self._raw_escapes else ""
        if not self._raw_escapes:
            self._at += 1
        return kept + self._next()

    def _single_quoted(self) -> str:
        end = self._text.find("'", self._at + 1)
        if end == -1:
            self._at = len(self._text)
            raise BadSubstitutionError("unexpected end of statement while looking for matching single-quote")
        start, self._at = self._at, end + 1
        return self._text[start : end + 1] if self._raw_quotes else self._text[start + 1 : end]

    def _double_quoted(self) -> str:
        result = [self._next()] if self._raw_quotes else [self._next()][1:]
        while True:
            char = self._peek()
            if not char:
                raise BadSubstitutionError("unexpected end of statement while looking for matching double-quote")
            if char == '"':
                self._at += 1
                if self._raw_quotes:
                    result.append(char)
                return "".join(result)
            if char == "$":
                result.append(self._dollar())
                continue
            self._at += 1
            if char == self._escape:
                if self._raw_escapes:
                    result.append(char)
                following = self._peek()
                if not following:
                    continue  # an escape at the end is passed over; the missing quote is told
                if following in {'"', "$", self._escape}:
                    char = self._next()
            result.append(char)

    def _angle(self) -> str:
        start = self._at
        self._at += 1
        if self._peek() != "<":
            return "<"
        self._at += 1
        while self._peek() in {"\t", "\r", " "}:
            self._at += 1
        return self._text[start : self._at]

    def _dollar(self) -> str:
        self._at += 1
        if self._peek() != "{":
            name = self._name()
            if not name:
                return "$"
            value = self._value(name)
            if value is None:
                self.unknown[name] = None
                return f"${name}" if self._keep_unset else ""
            return value
        self._at += 1
        following = self._peek()
        if not following:
            raise BadSubstitutionError("syntax error: missing '}'")
        if following in "{}:":
            raise BadSubstitutionError("syntax error: bad substitution")
        name = self._name()
        operator = self._next()
        if operator == "}":
            value = self._value(name)
            if value is None:
                self.unknown[name] = None
                return f"${{{name}}}" if self._keep_unset else ""
            return value
        if operator == "/":
            return self._replaced(name)
        return self._modified(name, operator)

    def _name(self) -> str:
        match = _NAME.match(self._text, self._at)
        start = self._at
        end = start if match is None else match.end()
        is_number = self._text[start : start + 1].isdecimal()
        if match is None or match[0] not in _SPECIAL:
            # Letters and digits of every alphabet go on; a number has only digits in it.
            while (char := self._text[end : end + 1]) and (
                char.isdecimal() or (not is_number and (char.isalpha() or char == "_"))
            ):
                end += 1
        self._at = end
        return self._text[start:end]

    def _value(self, name: str) -> str | None:
        return self._variables.get(name)

    def _word(self, stop: str, missing: str, *, raw_escapes: bool) -> str:
        try:
            return self._read_until(stop, raw_escapes=raw_escapes)[0]
        except BadSubstitutionError as error:
            if self._at >= len(self._text):
                raise BadSubstitutionError(missing) from error
            raise

    def _modified(self, name: str, operator: str) -> str:
        shown = operator
        null_is_unset = operator == ":"
        if null_is_unset:
            operator = self._next()
            shown += operator or "\ufffd"
        elif operator not in {"+", "-", "?", "#", "%"}:
            raise BadSubstitutionError(f"unsupported modifier ({operator or chr(0xFFFD)}) in substitution")
        is_pattern = operator in {"#", "%"}
        if null_is_unset and is_pattern:
            raise BadSubstitutionError(f"unsupported modifier ({shown}) in substitution")
        known_before = len(self.unknown)
        word = self._word("}", "syntax error: missing '}'", raw_escapes=is_pattern)
        value = self._value(name)
        if value is None and self._keep_unset:
            return f"${{{name}{shown}{word}}}"
        empty = value is None or (null_is_unset and not value)
        if operator in {"-", "+"}:
            if empty == (operator == "+"):
                while len(self.unknown) > known_before:
                    self.unknown.popitem()  # the word is not used, so it need not be known
            if operator == "-":
                return word if empty else value or ""
            return "" if empty else word
        if operator == "?":
            if empty:
                if value is None:
                    self.unknown[name] = None
                state = "unset" if value is None else "empty"
                raise BadSubstitutionError(f"{name}: {word or f'is not allowed to be {state}'}")
            return value or ""
        if not is_pattern:
            raise BadSubstitutionError(f"unsupported modifier ({shown}) in substitution")
        greedy = word.startswith(operator)
        pattern = word[1:] if greedy else word
        if value is None:
            self.unknown[name] = None
        return trim_pattern(pattern, value or "", from_end=operator == "%", greedy=greedy)

    def _replaced(self, name: str) -> str:
        everywhere = self._peek() == "/"
        if everywhere:
            self._at += 1
        pattern = self._word("/", "syntax error: missing '/' in ${}", raw_escapes=True)
        replacement = self._word("}", "syntax error: missing '}'", raw_escapes=True)
        value = self._value(name)
        if value is None:
            if self._keep_unset:
                return f"${{{name}/{pattern}/{replacement}}}"
            self.unknown[name] = None
            value = ""
        return replace_pattern(pattern, value, replacement, everywhere=everywhere)


class _Words:
    """Collects words the way the lexer feeds them: whole pieces, or text that white space may split."""

    def __init__(self, pieces: list[str]) -> None:
        self._words: list[str] = []
        self._pieces = pieces
        self._inside = False

    def add(self, piece: str) -> None:
        self._pieces.append(piece)
        self._inside = True

    def split(self, text: str) -> None:
        first, *others = _SPACE_RUN.split(text)
        if first:
            self.add(first)
        for part in others:
            if self._inside and (word := "".join(self._pieces)):
                self._words.append(word)
                self._pieces.clear()
                self._inside = False
            if part:
                self.add(part)

    def finish(self) -> list[str]:
        if word := "".join(self._pieces):
            self._words.append(word)
            self._pieces.clear()
        return self._words
