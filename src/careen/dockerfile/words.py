"""Variables in instructions, expanded as BuildKit's shell package does (frontend/dockerfile/shell/lex.go).

Unlike a build, careen does not know every build argument; what was expanded without being known is told.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#]")
_OPERATORS = (":-", ":+", ":?", "-", "+", "?", "##", "#", "%%", "%", "//", "/")
_DEEPEST_NESTING = 20


@dataclass(frozen=True, slots=True)
class Expanded:
    """``unknown`` holds the variables that had neither value nor default; they expand to nothing, as in a build."""

    text: str
    unknown: frozenset[str] = frozenset()

    @property
    def known(self) -> str | None:
        """The text, or None when something in it is not known."""
        return None if self.unknown else self.text


def expand(text: str, variables: Mapping[str, str], *, escape: str = "\\") -> Expanded:
    """Quotes are removed, escapes taken, ``$name`` and ``${name...}`` replaced."""
    if "$" not in text and '"' not in text and "'" not in text and escape not in text:
        return Expanded(text)
    lexer = _Lexer(text, variables, escape)
    return Expanded(lexer.run(), frozenset(lexer.unknown))


class _Lexer:
    def __init__(self, text: str, variables: Mapping[str, str], escape: str, depth: int = 0) -> None:
        self._text = text
        self._variables = variables
        self._escape = escape
        self._depth = depth
        self._at = 0
        self.unknown: set[str] = set()

    def run(self) -> str:
        result: list[str] = []
        quote = ""
        while self._at < len(self._text):
            char = self._text[self._at]
            self._at += 1
            if quote == "'":
                if char == "'":
                    quote = ""
                else:
                    result.append(char)
            elif char == quote:
                quote = ""
            elif char in "'\"" and not quote:
                quote = char
            elif char == self._escape:
                following = self._text[self._at : self._at + 1]
                if quote and following not in {'"', "$", self._escape}:
                    result.append(char)
                else:
                    result.append(following)
                    self._at += 1
            elif char == "$":
                result.append(self._variable())
            else:
                result.append(char)
        return "".join(result)

    def _variable(self) -> str:
        if self._text[self._at : self._at + 1] == "{":
            return self._braced()
        match = _NAME.match(self._text, self._at)
        if match is None:
            return "$"
        self._at = match.end()
        return self._value(match[0])

    def _braced(self) -> str:
        start = self._at
        match = _NAME.match(self._text, start + 1)
        end = self._closing_brace(start + 1)
        if match is None or end is None:
            # BuildKit refuses a bad substitution; the reading goes on with the text as it stands.
            return "$"
        self._at = end + 1
        body = self._text[match.end() : end]
        if not body:
            return self._value(match[0])
        for operator in _OPERATORS:
            if body.startswith(operator):
                return self._modified(match[0], operator, body[len(operator) :])
        return self._value(match[0])

    def _closing_brace(self, start: int) -> int | None:
        depth = 1
        index = start
        while index < len(self._text):
            char = self._text[index]
            if char == self._escape:
                index += 1
            elif char == "{":
                depth += 1
            elif char == "}":
                depth -= 1
                if depth == 0:
                    return index
            index += 1
        return None

    def _value(self, name: str) -> str:
        value = self._variables.get(name)
        if value is None:
            self.unknown.add(name)
            return ""
        return value

    def _modified(self, name: str, operator: str, word: str) -> str:
        value = self._variables.get(name)
        if operator in {":-", "-"}:
            use_word = not value if operator == ":-" else value is None
            return self._nested(word) if use_word else value or ""
        if operator in {":+", "+"}:
            use_word = bool(value) if operator == ":+" else value is not None
            return self._nested(word) if use_word else ""
        if value is None:
            self.unknown.add(name)
            return ""
        if operator in {":?", "?"}:
            return value
        if operator in {"/", "//"}:
            pattern, _, replacement = word.partition("/")
            compiled = _wildcard(self._nested(pattern), greedy=True)
            return compiled.sub(
                self._nested(replacement).replace("\\", "\\\\"), value, count=0 if operator == "//" else 1
            )
        return _strip(value, operator, self._nested(word))

    def _nested(self, word: str) -> str:
        if self._depth >= _DEEPEST_NESTING:
            return word
        inner = _Lexer(word, self._variables, self._escape, self._depth + 1)
        result = inner.run()
        self.unknown |= inner.unknown
        return result


def _wildcard(pattern: str, *, greedy: bool) -> re.Pattern[str]:
    star = ".*" if greedy else ".*?"
    parts = [star if char == "*" else "." if char == "?" else re.escape(char) for char in pattern]
    return re.compile("".join(parts), re.DOTALL)


def _strip(value: str, operator: str, pattern: str) -> str:
    """``#`` and ``##`` from the front, ``%`` and ``%%`` from the end; doubled means the longest match."""
    lengths = range(len(value) + 1)
    compiled = _wildcard(pattern, greedy=True)
    if operator in {"#", "##"}:
        found = [length for length in lengths if compiled.fullmatch(value[:length])]
        return value[(max(found) if operator == "##" else min(found)) :] if found else value
    found = [length for length in lengths if compiled.fullmatch(value[length:])]
    return value[: (min(found) if operator == "%%" else max(found))] if found else value
