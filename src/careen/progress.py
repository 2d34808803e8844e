"""What long work says of itself while it goes on; who shows it, and how, is not its business."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """``done`` of ``total`` units of ``phase`` are finished; ``total`` is None while nobody knows.

    ``detail`` names what was finished last, for people.
    """

    phase: str
    done: int
    total: int | None
    detail: str = ""


Progress = Callable[[Step], None]


def unheard(_: Step) -> None:
    """For callers that show nothing."""
