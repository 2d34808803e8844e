"""Versions and Pythons in poetry's words (poetry's documentation, "Dependency specification"; poetry-core).

^1.2.3    >=1.2.3,<2.0.0        ~1.2    >=1.2,<1.3        1.*    ==1.*        >=1,<2 || >=3
"""

import re
from collections.abc import Iterable, Sequence

_CLAUSE = re.compile(r"\s*(\^|~=|~|===|==|!=|<=|>=|<|>|=)?\s*([\w.*+!-]+)\s*,?")
_ANY = ((),)

Alternatives = tuple[tuple[str, ...], ...]
"""Any of these, each of which holds when all its specifiers (PEP 440) do."""


def alternatives(text: str) -> Alternatives:
    """What cannot be read allows everything."""
    found = []
    for part in re.split(r"\s*\|\|?\s*", text.strip()):
        clauses = _clauses(part.strip().strip("()"))
        if clauses is None:
            return _ANY
        found.append(clauses)
    return tuple(found)


def _clauses(text: str) -> tuple[str, ...] | None:
    if text in {"", "*"}:
        return ()
    found: list[str] = []
    position = 0
    while position < len(text):
        match = _CLAUSE.match(text, position)
        if match is None or match.end() == position:
            return None
        found += _specifiers(match[1] or "", match[2])
        position = match.end()
    return tuple(found)


def _specifiers(operator: str, version: str) -> Iterable[str]:
    if version == "*":
        return ()
    if operator in {"^", "~"}:
        return (f">={version}", f"<{_ceiling(version, caret=operator == '^')}")
    if operator in {"", "=", "=="}:
        return (f"=={version}",)
    if version.endswith(".*") and operator not in {"!=", "==="}:
        return (f"{operator}{version.removesuffix('.*')}",)
    return (f"{operator}{version}",)


def _ceiling(version: str, *, caret: bool) -> str:
    """The first version that a caret or a tilde keeps out."""
    numbers = [int(part) for part in re.findall(r"\d+", re.match(r"[\d.]*", version.partition("!")[2] or version)[0])]  # type: ignore[index]
    if not numbers:
        return version
    if caret:
        index = next((i for i, number in enumerate(numbers) if number), len(numbers) - 1)
    else:
        index = min(1, len(numbers) - 1)
    raised = [*numbers[:index], numbers[index] + 1]
    return ".".join(str(number) for number in (*raised, *([0] * max(0, 2 - len(raised)))))


def allows(allowed: Alternatives, version: str) -> bool:
    """Whether a version is one of those. A text that is no version is."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - only ambiguous names ask
    from packaging.version import InvalidVersion  # noqa: PLC0415

    try:
        return any(SpecifierSet(",".join(clauses)).contains(version, prereleases=True) for clauses in allowed)
    except (InvalidSpecifier, InvalidVersion):
        return True


def python_marker(text: str) -> str | None:
    """The environment marker for a constraint on Python; None when any will do."""
    options = alternatives(text)
    if any(not clauses for clauses in options):
        return None
    return _joined([_joined([_python_clause(clause) for clause in clauses], "and") for clauses in options], "or")


def _python_clause(clause: str) -> str:
    match = re.match(r"(===|~=|==|!=|<=|>=|<|>)(.*)", clause)
    operator, version = (match[1], match[2]) if match is not None else (">=", "0")
    exact = operator in {"==", "==="} and version.count(".") == 1 and not version.endswith("*")
    # `3.11` as a version of Python is any 3.11.
    name = "python_version" if exact else "python_full_version"
    return f"{name} {operator} '{version}'"


def _joined(parts: Sequence[str], word: str) -> str:
    return parts[0] if len(parts) == 1 else f" {word} ".join(f"({part})" for part in parts)


def both(first: str | None, second: str | None) -> str | None:
    """A marker that holds when both do."""
    if first is None or second is None or first == second:
        return first if second is None else second
    return f"({first}) and ({second})"


def either(markers: Iterable[str | None]) -> str | None:
    """A marker that holds when any does; None, for always, when one of them is."""
    found = list(dict.fromkeys(markers))
    if not found or None in found:
        return None
    return _joined([marker for marker in found if marker is not None], "or")
