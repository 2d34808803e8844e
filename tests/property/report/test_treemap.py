"""Whatever the weights: every byte has its area, and nothing lies outside or on top of another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careen.report.treemap import Rectangle, squarify

WEIGHTS = st.lists(st.integers(min_value=0, max_value=10**10).map(float), min_size=1, max_size=60)
AREA = Rectangle(10.0, 20.0, 800.0, 500.0)


@given(WEIGHTS)
def test_areas_are_in_proportion_to_weights(weights: list[float]) -> None:
    placed = squarify(sorted(weights, reverse=True), AREA)

    total = sum(weights)
    for weight, rectangle in zip(sorted(weights, reverse=True), placed, strict=True):
        expected = weight / total * AREA.area if total else 0.0
        assert rectangle.area == pytest.approx(expected, rel=1e-6, abs=1e-3)


@given(WEIGHTS)
def test_rectangles_stay_inside_and_apart(weights: list[float]) -> None:
    placed = squarify(sorted(weights, reverse=True), AREA)

    slack = 1e-3
    for rectangle in placed:
        assert rectangle.left >= AREA.left - slack
        assert rectangle.top >= AREA.top - slack
        assert rectangle.left + rectangle.width <= AREA.left + AREA.width + slack
        assert rectangle.top + rectangle.height <= AREA.top + AREA.height + slack
    for index, one in enumerate(placed):
        for other in placed[index + 1 :]:
            across = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
            down = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
            assert min(across, down) <= slack or one.area < slack or other.area < slack
