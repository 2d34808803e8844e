"""The pieces of an expression: what each takes of a path, and how Python writes it."""

import re

from careen.text.values import dataclass


@dataclass(frozen=True, slots=True)
class Characters:
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


@dataclass(frozen=True, slots=True)
class Many:
    """Any number of characters, none included."""

    of: Characters

    @property
    def expression(self) -> str:
        return f"{self.of.expression}*"


@dataclass(frozen=True, slots=True)
class Folders:
    """``(.*/)?``: nothing, or anything up to a slash."""

    @property
    def expression(self) -> str:
        return "(?:.*/)?"


@dataclass(frozen=True, slots=True)
class Repeated:
    of: Characters
    least: int
    most: int | None

    @property
    def expression(self) -> str:
        return f"{self.of.expression}{{{self.least},{'' if self.most is None else self.most}}}"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place of no width: ``^``, ``$``, ``\\b`` or ``\\B``; ``expression`` is Python's spelling."""

    expression: str


Token = Characters | Many | Folders | Repeated | Anchor

ANY = Characters((("\n", "\n"),), negated=True)


def least(token: Token) -> int:
    """How many characters it takes."""
    match token:
        case Characters():
            return 1
        case Repeated():
            return token.least
        case _:
            return 0


def _class_escape(character: str) -> str:
    return re.escape(character) if character.isascii() and not character.isalnum() else character
