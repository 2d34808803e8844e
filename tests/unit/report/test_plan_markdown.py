from dataclasses import replace
from pathlib import Path

from careen.plan.target import Contribution, DroppedDistribution
from careen.report.plan_markdown import plan_markdown
from fakes.stacks import write_stack


def test_sizes_come_first_and_every_distribution_with_its_reason_is_folded_below(tmp_path: Path) -> None:
    plan = write_stack(tmp_path).plan
    first = replace(
        plan.services[0],
        predicted_bytes=75_000_000,
        current_predicted_bytes=1_500_000_000,
        budget_bytes=50_000_000,
        dropped=(
            DroppedDistribution(
                name=plan.services[0].distributions[0].name, version="9", installed_bytes=7_000_000, reason="a | b"
            ),
        ),
        current_contributions=(Contribution(what="base python:3.11", line=1, bytes=1_000_000_000),),
    )

    text = plan_markdown(replace(plan, services=(first, *plan.services[1:]), notes=("mind this",)))

    assert f"| {first.name} | {first.role.value} | 1.50 GB | 75.0 MB ❌ | 95 % | 50.0 MB |" in text
    assert "| 1 | 1.00 GB | base python:3.11 |" in text
    assert "7.00 MB | a \\| b |" in text
    assert f"<summary>{first.name}: {len(first.distributions)} distributions, 1 left out</summary>" in text
    assert "- mind this" in text
    assert text.count("<details>") == text.count("</details>")
