from dataclasses import replace

import pytest

from careen.plan.target import Contribution, ServicePlan
from careen.report.today import saved_words, today_words
from fakes.stacks import service


def weighed(today: int | None, careened: int | None, *parts: int | None) -> ServicePlan:
    found = tuple(Contribution(what="a step", line=number, bytes=count) for number, count in enumerate(parts))
    return replace(
        service("api", ()),
        current_predicted_bytes=today,
        predicted_bytes=careened,
        current_contributions=found,
    )


@pytest.mark.parametrize(
    ("found", "today", "saved"),
    [
        (weighed(1_000_000_000, 100_000_000, 1_000_000_000), "1.00 GB", "90 %"),
        (weighed(1_000_000_000, 100_000_000, 1_000_000_000, None), "≥ 1.00 GB", "≥ 90 %"),
        (weighed(50_000_000, 100_000_000, 50_000_000, None), "≥ 50.0 MB", ""),
        (weighed(50_000_000, 100_000_000, 50_000_000), "50.0 MB", "-100 %"),
        (weighed(None, 100_000_000), "?", ""),
        (weighed(50_000_000, None, 50_000_000), "50.0 MB", ""),
    ],
)
def test_instructions_without_a_weight_make_a_lower_bound(found: ServicePlan, today: str, saved: str) -> None:
    assert (today_words(found), saved_words(found)) == (today, saved)
