"""Variables in compose files (compose specification, 12-interpolation), and ``.env`` files."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_REFERENCE = re.compile(r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_]\w*)|(?P<open>\{))")
_NAME = re.compile(r"[A-Za-z_]\w*")
_OPERATORS = (":-", ":?", ":+", "-", "?", "+")
_DEEPEST_NESTING = 16


@dataclass(frozen=True, slots=True)
class Interpolated:
    """``missing`` names variables without value or default; they become nothing, as compose does with a warning."""

    text: str
    missing: frozenset[str] = frozenset()


def interpolate(text: str, variables: Mapping[str, str], *, depth: int = 0) -> Interpolated:
    if "$" not in text:
        return Interpolated(text)
    result: list[str] = []
    missing: set[str] = set()
    position = 0
    while (match := _REFERENCE.search(text, position)) is not None:
        result.append(text[position : match.start()])
        position = match.end()
        if match["escaped"]:
            result.append("$")
        elif match["plain"]:
            result.append(_value(match["plain"], variables, missing))
        else:
            end = _closing_brace(text, position)
            if end is None:
                result.append(match[0])
                continue
            result.append(_braced(text[position:end], variables, missing, depth))
            position = end + 1
    result.append(text[position:])
    return Interpolated("".join(result), frozenset(missing))


def _value(name: str, variables: Mapping[str, str], missing: set[str]) -> str:
    value = variables.get(name)
    if value is None:
        missing.add(name)
        return ""
    return value


def _closing_brace(text: str, start: int) -> int | None:
    depth = 1
    for index in range(start, len(text)):
        if text[index] == "{":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    return None


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


def read_env_file(text: str) -> dict[str, str]:
    """``NAME=value`` lines; quotes removed, comments and everything else passed over."""
    values: dict[str, str] = {}
    for raw in text.removeprefix("\ufeff").splitlines():
        line = raw.strip().removeprefix("export ").lstrip()
        name, equals, value = line.partition("=")
        if not equals or not _NAME.fullmatch(name.strip()):
            continue
        value = value.strip()
        if len(value) > 1 and value[0] in "'\"" and value.endswith(value[0]):
            value = value[1:-1]
        else:
            value = re.split(r"\s+#", value, maxsplit=1)[0]
        values[name.strip()] = value
    return values
