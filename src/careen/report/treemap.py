"""Treemaps, squarified: rectangles whose areas are weights and whose sides are nearly equal.

Bruls, Huizing, van Wijk: "Squarified Treemaps" (Data Visualization 2000).
"""

from collections.abc import Sequence

from careen.text.values import dataclass


@dataclass(frozen=True, slots=True)
class Rectangle:
    """``left`` and ``top`` of its corner, and its sides, in the units of the area that was filled."""

    left: float
    top: float
    width: float
    height: float

    @property
    def area(self) -> float:
        return self.width * self.height

    def inset(self, *, margin: float, head: float = 0.0) -> "Rectangle":
        """The room that is left inside a frame of ``margin`` with ``head`` more at the top; never negative."""
        return Rectangle(
            self.left + margin,
            self.top + margin + head,
            max(0.0, self.width - 2 * margin),
            max(0.0, self.height - 2 * margin - head),
        )


def squarify(weights: Sequence[float], area: Rectangle) -> tuple[Rectangle, ...]:
    """A rectangle for each weight, in the order given; best when heavier ones come first.

    Weights must not be negative. One that is zero gets an empty rectangle.
    """
    total = sum(weights)
    if total <= 0 or area.area <= 0:
        return tuple(Rectangle(area.left, area.top, 0.0, 0.0) for _ in weights)
    scale = area.area / total
    sizes = [weight * scale for weight in weights]
    placed: list[Rectangle] = []
    free = area
    index = 0
    while index < len(sizes):
        side = min(free.width, free.height)
        count = _row_length(sizes[index:], side)
        row, free = _place(sizes[index : index + count], free)
        placed += row
        index += count
    return tuple(placed)


def _row_length(sizes: Sequence[float], side: float) -> int:
    """How many of the next sizes make the row whose worst rectangle is nearest to a square."""
    best = float("inf")
    for count in range(1, len(sizes) + 1):
        worst = _worst(sizes[:count], side)
        if worst > best:
            return count - 1
        best = worst
    return len(sizes)


def _worst(row: Sequence[float], side: float) -> float:
    total, smallest = sum(row), min(row)
    if smallest <= 0 or side <= 0:
        return float("inf")
    return max(side * side * max(row) / total**2, total**2 / (side * side * smallest))


def _place(row: Sequence[float], free: Rectangle) -> tuple[list[Rectangle], Rectangle]:
    total = sum(row)
    placed: list[Rectangle] = []
    if free.width >= free.height:
        width = min(free.width, total / free.height) if free.height else 0.0
        top = free.top
        for size in row:
            height = size / width if width else 0.0
            placed.append(Rectangle(free.left, top, width, height))
            top += height
        return placed, Rectangle(free.left + width, free.top, max(0.0, free.width - width), free.height)
    height = min(free.height, total / free.width) if free.width else 0.0
    left = free.left
    for size in row:
        width = size / height if height else 0.0
        placed.append(Rectangle(left, free.top, width, height))
        left += width
    return placed, Rectangle(free.left, free.top + height, free.width, max(0.0, free.height - height))
