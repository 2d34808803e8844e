"""Environment markers: parsed once, then asked (dependency specifiers, PEP 508; lock file markers, PEP 751).

marker = marker_and { "or" marker_and }
marker_and = atom { "and" atom }
atom = operand operator operand | "(" marker ")"
operand = variable | quoted string

Versions of plain numbers are compared here; anything richer is left to ``packaging``, whose import most runs are
then spared. ``extra`` names a set, as in uv's locks, where ``extra == 'a' and extra == 'b'`` can hold.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from careen.errors import CareenError
from careen.python.names import normal_name
from careen.text.values import dataclass

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"[^"]*"|'[^']*')|(?P<operator>===|~=|==|!=|<=|>=|<|>)|(?P<bracket>[()])|(?P<word>[A-Za-z_][\w.]*))"""
)
_VERSIONS = frozenset({"python_version", "python_full_version", "implementation_version", "platform_release"})
_SETS = frozenset({"extra", "extras", "dependency_groups"})
_VARIABLES = _VERSIONS | _SETS | {
    "implementation_name",
    "os_name",
    "platform_machine",
    "platform_python_implementation",
    "platform_system",
    "platform_version",
    "sys_platform",
}  # fmt: skip
_OLD_NAMES = {
    "os.name": "os_name",
    "sys.platform": "sys_platform",
    "platform.machine": "platform_machine",
    "platform.version": "platform_version",
    "platform.python_implementation": "platform_python_implementation",
    "python_implementation": "platform_python_implementation",
}
_PLAIN_VERSION = re.compile(r"\d+(?:\.\d+)*")
_DEEPEST = 100


class MarkerError(CareenError):
    """The text is not an environment marker."""


@dataclass(frozen=True, slots=True)
class Variable:
    name: str


@dataclass(frozen=True, slots=True)
class Comparison:
    left: Variable | str
    operator: str
    right: Variable | str


@dataclass(frozen=True, slots=True)
class Junction:
    """All of ``parts`` (``word`` is "and") or any of them ("or")."""

    word: str
    parts: tuple["Marker", ...]


Marker = Comparison | Junction


@dataclass(frozen=True, slots=True)
class Active:
    """What was asked for beside the plain dependencies: extras and groups, by the names that the lock's markers use."""

    extras: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


NOTHING_ACTIVE = Active()


@lru_cache(maxsize=8192)
def parse_marker(text: str) -> Marker:
    """Raises MarkerError."""
    return _Parser(text).whole()


def holds(marker: Marker, values: Mapping[str, str], active: Active = NOTHING_ACTIVE) -> bool:
    """``values`` gives every variable that is not a set."""
    if isinstance(marker, Junction):
        outcomes = (holds(part, values, active) for part in marker.parts)
        return all(outcomes) if marker.word == "and" else any(outcomes)
    return _compare(marker, values, active)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        position = 0
        stripped = len(text.rstrip())
        while position < stripped:
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._error(position)
            self._tokens.append((match.lastgroup or "", match[match.lastgroup or 0]))
            position = match.end()
        self._next = 0

    def _error(self, position: int) -> MarkerError:
        return MarkerError(f"not an environment marker: {self._text[max(0, position - 20) : position + 40]!r}")

    def whole(self) -> Marker:
        marker = self._junction("or", 0)
        if self._next != len(self._tokens):
            raise self._error(0)
        return marker

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("", "")

    def _junction(self, word: str, depth: int) -> Marker:
        if depth > _DEEPEST:
            raise self._error(0)
        parts = [self._below(word, depth)]
        while self._peek() == ("word", word):
            self._next += 1
            parts.append(self._below(word, depth))
        return parts[0] if len(parts) == 1 else Junction(word, tuple(parts))

    def _below(self, word: str, depth: int) -> Marker:
        return self._junction("and", depth) if word == "or" else self._atom(depth)

    def _atom(self, depth: int) -> Marker:
        if self._peek() == ("bracket", "("):
            self._next += 1
            inner = self._junction("or", depth + 1)
            if self._peek() != ("bracket", ")"):
                raise self._error(0)
            self._next += 1
            return inner
        left = self._operand()
        operator = self._operator()
        right = self._operand()
        if isinstance(left, str) and isinstance(right, str):
            raise self._error(0)
        return Comparison(left, operator, right)

    def _operand(self) -> Variable | str:
        kind, text = self._peek()
        self._next += 1
        if kind == "string":
            return text[1:-1]
        name = _OLD_NAMES.get(text, text)
        if kind == "word" and name in _VARIABLES:
            return Variable(name)
        raise self._error(0)

    def _operator(self) -> str:
        kind, text = self._peek()
        self._next += 1
        if kind == "operator" or (kind, text) == ("word", "in"):
            return text
        if (kind, text) == ("word", "not") and self._peek() == ("word", "in"):
            self._next += 1
            return "not in"
        raise self._error(0)


def _compare(marker: Comparison, values: Mapping[str, str], active: Active) -> bool:
    left, operator, right = marker.left, marker.operator, marker.right
    for side, other in ((left, right), (right, left)):
        if isinstance(side, Variable) and side.name in _SETS and isinstance(other, str):
            members = active.groups if side.name == "dependency_groups" else active.extras
            present = normal_name(other) in members or other in members
            return present if operator in {"==", "in"} else not present
    first = values.get(left.name, "") if isinstance(left, Variable) else left
    second = values.get(right.name, "") if isinstance(right, Variable) else right
    name = left.name if isinstance(left, Variable) else right.name if isinstance(right, Variable) else ""
    if operator == "in":
        return _is_listed(first, second, name)
    if operator == "not in":
        return not _is_listed(first, second, name)
    if name in _VERSIONS:
        outcome = _compare_versions(first, operator, second)
        if outcome is not None:
            return outcome
    return _compare_texts(first, operator, second)


def _is_listed(first: str, second: str, name: str) -> bool:
    """``python_version in "3.10, 3.11"`` asks for one of several, any other variable for a part of a text."""
    if name in {"python_version", "python_full_version"}:
        return first in re.split(r"[\s,|]+", second)
    return first in second


def _compare_texts(first: str, operator: str, second: str) -> bool:
    match operator:
        case "==" | "===":
            return first == second
        case "!=":
            return first != second
        case "<":
            return first < second
        case "<=":
            return first <= second
        case ">":
            return first > second
        case ">=":
            return first >= second
        case _:
            return False


def _compare_versions(first: str, operator: str, second: str) -> bool | None:
    """None when the two are not versions (PEP 440)."""
    wildcard = second.endswith(".*")
    plain = second.removesuffix(".*") if wildcard and operator in {"==", "!="} else second
    if not _PLAIN_VERSION.fullmatch(first) or not _PLAIN_VERSION.fullmatch(plain):
        return _compare_richer_versions(first, operator, second)
    mine, wanted = _numbers(first), _numbers(plain)
    if wildcard:
        padded = (*mine, *(0,) * (len(wanted) - len(mine)))
        return (padded[: len(wanted)] == wanted) == (operator == "==")
    if operator == "~=":
        if len(wanted) < 2:
            return None
        return _trimmed(mine) >= _trimmed(wanted) and (*mine, 0, 0)[: len(wanted) - 1] == wanted[:-1]
    if operator == "===":
        return first == second
    return _ordered(_trimmed(mine), operator, _trimmed(wanted))


def _ordered(mine: tuple[int, ...], operator: str, wanted: tuple[int, ...]) -> bool:
    match operator:
        case "==":
            return mine == wanted
        case "!=":
            return mine != wanted
        case "<":
            return mine < wanted
        case "<=":
            return mine <= wanted
        case ">":
            return mine > wanted
        case _:
            return mine >= wanted


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _trimmed(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """Zeros at the end do not count: 3.11 is 3.11.0."""
    end = len(numbers)
    while end > 1 and numbers[end - 1] == 0:
        end -= 1
    return numbers[:end]


def _compare_richer_versions(first: str, operator: str, second: str) -> bool | None:
    from packaging.specifiers import InvalidSpecifier, Specifier  # noqa: PLC0415 - pre-releases are rare in markers
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415

    try:
        version, specifier = Version(first), Specifier(f"{operator}{second}")
    except (InvalidVersion, InvalidSpecifier):
        return None
    return specifier.contains(version, prereleases=True)
