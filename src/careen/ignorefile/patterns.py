"""The language of .dockerignore, exactly as Moby reads it (moby/patternmatcher: ignorefile and patternmatcher).

    # a comment only at the very start of a line
    *
    !src/**
    **/__pycache__

The last pattern that matches a path, or one of its parents, decides.
"""

import posixpath
import re
from dataclasses import dataclass
from functools import cached_property

from careen.text.problems import SyntaxProblem
from careen.text.source import Source

_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class Pattern:
    """``text`` is as written; ``cleaned`` as Moby keeps it, without the ``!``. ``line`` starts at 1."""

    text: str
    cleaned: str
    negated: bool
    line: int

    @cached_property
    def expression(self) -> re.Pattern[str]:
        return re.compile(_regular_expression(self.cleaned), re.DOTALL)

    @cached_property
    def depth(self) -> int:
        return self.cleaned.count("/") + 1

    def matches(self, path: str) -> bool:
        return self.expression.fullmatch(path) is not None


@dataclass(frozen=True)
class IgnoreFile:
    source: Source | None
    patterns: tuple[Pattern, ...]

    @cached_property
    def has_exceptions(self) -> bool:
        return any(pattern.negated for pattern in self.patterns)

    def deciding(self, path: str) -> Pattern | None:
        """The pattern that decides about a path relative to the context: None when none matches it or a parent."""
        decided: Pattern | None = None
        excluded = False
        parents = _parents(path)
        for pattern in self.patterns:
            if pattern.negated != excluded:
                continue  # Moby skips a pattern that could only repeat what is decided
            if pattern.matches(path) or any(pattern.matches(parent) for parent in parents):
                decided = pattern
                excluded = not pattern.negated
        return decided

    def excludes(self, path: str) -> bool:
        decided = self.deciding(path)
        return decided is not None and not decided.negated

    def may_reach_below(self, folder: str) -> bool:
        """Whether an exception may bring back something below an excluded folder, so that it must be walked."""
        prefix = f"{folder}/"
        for pattern in self.patterns:
            if not pattern.negated:
                continue
            if pattern.cleaned.startswith(prefix) or any(char in pattern.cleaned for char in "*?[\\"):
                return True
        return False


def parse_ignorefile(source: Source) -> IgnoreFile:
    """Raises SyntaxProblem for what Moby refuses: a lone ``!`` and a malformed pattern."""
    patterns: list[Pattern] = []
    for number, raw in enumerate(source.text.removeprefix(_BYTE_ORDER_MARK).split("\n"), 1):
        if raw.startswith("#"):
            continue
        text = raw.strip()
        if not text:
            continue
        negated = text.startswith("!")
        body = text[1:].strip() if negated else text
        if not body:
            raise SyntaxProblem(source.path, number, 'illegal exclusion pattern: "!"')
        cleaned = posixpath.normpath(body.replace("//", "/"))
        if len(cleaned) > 1:
            cleaned = cleaned.lstrip("/")
        pattern = Pattern(text=text, cleaned=cleaned, negated=negated, line=number)
        try:
            _ = pattern.expression
        except (re.error, ValueError) as error:
            raise SyntaxProblem(source.path, number, f"syntax error in pattern: {text}") from error
        patterns.append(pattern)
    return IgnoreFile(source, tuple(patterns))


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts))]


def _regular_expression(pattern: str) -> str:
    """Moby's translation: ``**`` crosses folders, ``*`` and ``?`` do not, the rest as Go's filepath.Match."""
    result: list[str] = []
    index = 0
    while index < len(pattern):
        char = pattern[index]
        index += 1
        if char == "*":
            if pattern[index : index + 1] == "*":
                index += 1
                if pattern[index : index + 1] == "/":
                    index += 1
                if index >= len(pattern):
                    result.append(".*")
                else:
                    result.append("(?:.*/)?")
            else:
                result.append("[^/]*")
        elif char == "?":
            result.append("[^/]")
        elif char == "\\":
            if index == len(pattern):
                raise ValueError("a pattern that ends with its escape")
            result.append(re.escape(pattern[index]))
            index += 1
        elif char == "[":
            end = _class_end(pattern, index)
            body = pattern[index:end]
            negated = body.startswith("^")
            members = body[1:] if negated else body
            escaped = members.replace("[", "\\[").replace("&&", "&\\&").replace("~~", "~\\~").replace("||", "|\\|")
            result.append(f"[{'^' if negated else ''}{escaped}]")
            index = end + 1
        else:
            result.append(re.escape(char))
    return "".join(result)


def _class_end(pattern: str, start: int) -> int:
    index = start + 1 if pattern[start : start + 1] == "^" else start
    first = index
    while index < len(pattern):
        if pattern[index] == "\\":
            index += 1
        elif pattern[index] == "]" and index > first:
            return index
        index += 1
    raise ValueError("a character class without an end")
