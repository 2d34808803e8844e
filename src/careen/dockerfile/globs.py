"""Patterns inside ``${name#pattern}`` and its kin: ``*``, ``?`` and escapes, as BuildKit's shell package reads them.

No pattern takes more than time in proportion to the value's length, whatever its stars.
"""

import re
from functools import partial

_LONGEST_SUBJECT = 1 << 14
"""In code points; a search that fails starts anew at every place."""
_GO_GROUP = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})", re.ASCII)
_STAR = "*"
_ANY = "?"


class BadSubstitutionError(ValueError):
    """A text that a build refuses; the message is BuildKit's."""


def trim_pattern(pattern: str, value: str, *, from_end: bool, greedy: bool) -> str:
    """``${value#pattern}``, and with ``from_end`` ``${value%pattern}``; ``greedy`` takes the longest match.

    Raises BadSubstitutionError for a bad escape, and for a value that is too long to search.
    """
    if from_end:
        pattern = _reversed(pattern)
    subject = _searchable(value)[::-1] if from_end else _searchable(value)
    match = _expression(pattern, greedy=greedy).match(subject)
    rest = subject if match is None else subject[match.end() :]
    return rest[::-1] if from_end else rest


def replace_pattern(pattern: str, value: str, replacement: str, *, everywhere: bool) -> str:
    """``${value/pattern/replacement}``. Raises as :func:`trim_pattern` does."""
    expression = _expression(pattern, greedy=True)
    subject = _searchable(value)
    if not everywhere:
        match = expression.search(subject)
        return value if match is None else subject[: match.start()] + replacement + subject[match.end() :]
    out: list[str] = []
    end = 0
    for match in expression.finditer(subject):
        if match.end() == match.start() == end and end > 0 and out[-1:] != [""]:
            continue  # Go passes over an empty match that touches the one before
        out += (
            subject[end : match.start()],
            _GO_GROUP.sub(partial(_go, match[0]), replacement),
        )
        end = match.end()
    out.append(subject[end:])
    return "".join(out)


def _go(whole: str, group: re.Match[str]) -> str:
    """The replacement is handed to Go's regexp, where ``$0`` is the match and every other group is empty."""
    if group[1]:
        return "$"
    return whole if (group[2] or group[3]) == "0" else ""


def _searchable(value: str) -> str:
    if len(value) > _LONGEST_SUBJECT:
        raise BadSubstitutionError("the value is too long for a pattern")
    return value


def _units(pattern: str) -> list[tuple[str, bool]]:
    """Characters with whether they are taken literally."""
    units: list[tuple[str, bool]] = []
    index = 0
    while index < len(pattern):
        char = pattern[index]
        index += 1
        if char != "\\":
            units.append((char, char not in {_STAR, _ANY}))
            continue
        following = pattern[index : index + 1]
        if following and following in "}/":
            continue  # the escape was for the substitution around
        index += 1
        if not following or following not in "*?\\":
            shown = following or "\ufffd"
            raise BadSubstitutionError(f"invalid pattern ({pattern}) in substitution: invalid escape '\\{shown}'")
        units.append((following, True))
    return units


def _reversed(pattern: str) -> str:
    """Backwards, each escape still in front of its character: ``a\\*c`` becomes ``c\\*a``."""
    parts: list[str] = []
    index = 0
    while index < len(pattern):
        step = 2 if pattern[index] == "\\" and index + 1 < len(pattern) else 1
        parts.append(pattern[index : index + step])
        index += step
    return "".join(reversed(parts))


def _expression(pattern: str, *, greedy: bool) -> re.Pattern[str]:
    """Atomic between stars: the earliest place of a part is as good as any later, so nothing is tried twice."""
    units = _units(pattern)
    stars = [index for index, unit in enumerate(units) if unit == (_STAR, False)]
    out: list[str] = []
    group_open = False
    for index, (char, literal) in enumerate(units):
        if literal:
            out.append(re.escape(char))
        elif char == _ANY:
            out.append(".")
        else:
            if group_open:
                out.append(")")
            group_open = index != stars[-1]
            out.append("(?>.*?" if group_open else ".*" if greedy else ".*?")
    return re.compile("".join(out))
