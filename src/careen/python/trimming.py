"""How much of a distribution is left out of an image."""

from enum import Enum

VERSION = 4
"""Raised when a policy cuts something else, so that what was trimmed or weighed before is not believed."""


class TrimmingPolicy(Enum):
    """NONE keeps everything; LEAN cuts what SAFE does, and symbols from the native code that stays; TRACED what LEAN
    does, and whatever no traced service touched nor can import.
    """

    SAFE = "safe"
    LEAN = "lean"
    TRACED = "traced"
    NONE = "none"

    @property
    def strips(self) -> bool:
        return self in {TrimmingPolicy.LEAN, TrimmingPolicy.TRACED}
