"""Debian version numbers and their order (deb-version(7))."""

import re
from functools import total_ordering

from careen.errors import CareenError

_VERSION = re.compile(r"(?:([0-9]+):)?([0-9A-Za-z.+:~-]+?)(?:-([0-9A-Za-z.+~]+))?")
_PARTS = re.compile(r"([^0-9]*)([0-9]*)")

_Part = tuple[tuple[int, ...], int, str]
_END: _Part = ((0,), 0, "")


class InvalidVersionError(CareenError):
    """Not ``[epoch:]upstream[-revision]``."""


@total_ordering
class DebianVersion:
    """Compares as dpkg does; keeps its text, so equal versions may print differently (``1.0``, ``1.00``)."""

    __slots__ = ("_key", "text")

    def __init__(self, text: str) -> None:
        """Raises InvalidVersionError."""
        match = _VERSION.fullmatch(text)
        if match is None:
            raise InvalidVersionError(f"not a Debian version: {text[:80]!r}")
        epoch, upstream, revision = match.groups()
        self.text = text
        self._key = (_number(epoch or ""), _order(upstream), _order(revision or ""))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DebianVersion) and self._key == other._key

    def __lt__(self, other: "DebianVersion") -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"DebianVersion({self.text!r})"


def satisfies(version: DebianVersion, relation: str, wanted: DebianVersion) -> bool:
    """A relation of Debian policy, section 7.1: ``<<``, ``<=``, ``=``, ``>=`` or ``>>``. Raises InvalidVersionError."""
    match relation:
        case "<<":
            return version < wanted
        case "<=":
            return version <= wanted
        case "=":
            return version == wanted
        case ">=":
            return version >= wanted
        case ">>":
            return version > wanted
        case _:
            raise InvalidVersionError(f"not a relation between versions: {relation[:20]!r}")


def _order(text: str) -> tuple[_Part, ...]:
    """Text and digits in turn, and one part for the end: it sorts after a tilde and before all else."""
    parts = [((*map(_weight, words), 0), *_number(digits)) for words, digits in _PARTS.findall(text)]
    while parts and parts[-1] == _END:  # so that no digits and the digit 0 are one
        parts.pop()
    return (*parts, _END)


def _weight(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256


def _number(digits: str) -> tuple[int, str]:
    """Orders like the integer, without the cost of making one of a very long text."""
    significant = digits.lstrip("0")
    return len(significant), significant
