"""Variables in compose files (compose specification, 12-interpolation)."""

import re
from collections.abc import Mapping

from careen.text.values import dataclass

_REFERENCE = re.compile(r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_][A-Za-z0-9_]*)|(?P<open>\{))")
_BRACE = re.compile(r"[{}]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATORS = (":-", ":?", ":+", "-", "?", "+")
_DEEPEST_NESTING = 16
_LONGEST_RESULT = 1 << 20


@dataclass(frozen=True, slots=True)
class Interpolated:
    """``missing`` names variables without value or default; they become nothing, as compose does with a warning."""

    text: str
    missing: frozenset[str] = frozenset()


def interpolate(text: str, variables: Mapping[str, str], *, depth: int = 0) -> Interpolated:
    """What is no reference stays as it is written; so does what follows once the text has grown beyond all measure."""
    if "$" not in text:
        return Interpolated(text)
    result: list[str] = []
    missing: set[str] = set()
    braces = _closing_braces(text)
    position = length = 0
    while length < _LONGEST_RESULT and (match := _REFERENCE.search(text, position)) is not None:
        value = "$"
        end: int | None = match.end()
        if match["plain"]:
            value = _value(match["plain"], variables, missing)
        elif match["open"]:
            end = braces.get(match.end() - 1)
            if end is None:
                value, end = match[0], match.end()
            else:
                value = _braced(text[match.end() : end], variables, missing, depth)
                end += 1
        result += (text[position : match.start()], value)
        length += match.start() - position + len(value)
        position = end or match.end()
    result.append(text[position:])
    return Interpolated("".join(result), frozenset(missing))


def _value(name: str, variables: Mapping[str, str], missing: set[str]) -> str:
    value = variables.get(name)
    if value is None:
        missing.add(name)
        return ""
    return value


def _closing_braces(text: str) -> dict[int, int]:
    """Where each opening brace is closed; one pass over the text, however many stay open."""
    pairs: dict[int, int] = {}
    waiting: list[int] = []
    for match in _BRACE.finditer(text):
        if match[0] == "{":
            waiting.append(match.start())
        elif waiting:
            pairs[waiting.pop()] = match.start()
    return pairs


def _braced(body: str, variables: Mapping[str, str], missing: set[str], depth: int) -> str:
    match = _NAME.match(body)
    if match is None or depth > _DEEPEST_NESTING:
        return f"${{{body}}}"
    name, rest = match[0], body[match.end() :]
    if not rest:
        return _value(name, variables, missing)
    operator = next((candidate for candidate in _OPERATORS if rest.startswith(candidate)), None)
    if operator is None:
        return f"${{{body}}}"
    word = rest[len(operator) :]
    value = variables.get(name)
    present = value is not None and (bool(value) or not operator.startswith(":"))
    if operator.endswith("?"):
        if not present:
            missing.add(name)
        return value or ""
    use_word = present if operator.endswith("+") else not present
    if not use_word:
        return "" if operator.endswith("+") else value or ""
    inner = interpolate(word, variables, depth=depth + 1)
    missing |= inner.missing
    return inner.text
