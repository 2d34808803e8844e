"""The plan as a comment on a pull request: sizes first, what weighs most, what goes, and everything folded below."""

from collections.abc import Iterable, Iterator

from careen.plan.target import Certainty, DroppedDistribution, Plan, PlannedDistribution, ServicePlan
from careen.report.today import saved_words, today_words
from careen.text.units import format_bytes

_HEAVIEST = 10


def plan_markdown(plan: Plan) -> str:
    lines = [
        f"### careen: {plan.stack} on {plan.base.label}, Python {plan.base.runtime.version}, {plan.platform}",
        "",
        "| service | role | today | careened | saved | budget |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
        *(_row(service) for service in plan.services),
        f"| **on a host** | every layer once | | **{_size(plan.predicted_unique_bytes)}** | | |",
        "",
        *_heaviest(plan),
        *_gone(plan),
        *_today(plan),
        *(line for service in plan.services for line in _whole(service)),
        *_notes(plan.notes),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _weight(item: PlannedDistribution | DroppedDistribution) -> str:
    return f"~{_size(item.installed_bytes)}" if item.is_estimate else _size(item.installed_bytes)


def _size(count: int | None) -> str:
    return "?" if count is None else format_bytes(count)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _row(service: ServicePlan) -> str:
    careened = service.predicted_bytes
    over = " ❌" if careened is not None and careened > service.budget_bytes else ""
    return (
        f"| {_cell(service.name)} | {service.role.value} | {today_words(service)} | {_size(careened)}{over} "
        f"| {saved_words(service)} "
        f"| {format_bytes(service.budget_bytes)} |"
    )


def _heaviest(plan: Plan) -> Iterator[str]:
    found = {(item.name, item.version): item for service in plan.services for item in service.distributions}
    users: dict[tuple[str, str], list[str]] = {}
    for service in plan.services:
        for item in service.distributions:
            users.setdefault((item.name, item.version), []).append(service.name)
    ordered = sorted(found.values(), key=lambda item: (-(item.installed_bytes or 0), item.name))[:_HEAVIEST]
    if ordered:
        yield from (
            "**What weighs most**",
            "",
            "| distribution | bytes | services | why |",
            "| --- | ---: | --- | --- |",
        )
        for item in ordered:
            names = users[item.name, item.version]
            who = "all" if len(names) == len(plan.services) > 1 else ", ".join(names)
            why = item.reasons[0] if item.reasons else ""
            yield f"| {item.name} {item.version} | {_weight(item)} | {_cell(who)} | {_cell(why)} |"
        yield ""


def _gone(plan: Plan) -> Iterator[str]:
    gone = {(item.name, item.version): item for service in plan.services for item in service.dropped}
    ordered = sorted(gone.values(), key=lambda item: (-(item.installed_bytes or 0), item.name))[:_HEAVIEST]
    if ordered:
        yield from ("**What goes**", "", "| distribution | bytes | because |", "| --- | ---: | --- |")
        for item in ordered:
            yield f"| {item.name} {item.version} | {_weight(item)} | {_cell(item.reason)} |"
        yield ""


def _today(plan: Plan) -> Iterator[str]:
    seen: set[tuple[object, ...]] = set()
    for service in plan.services:
        if not service.current_contributions or service.current_contributions in seen:
            continue
        seen.add(service.current_contributions)
        yield from _folded(
            f"Today's image of {service.name}, line by line",
            [
                "| line | bytes | what |",
                "| ---: | ---: | --- |",
                *(
                    f"| {item.line} | {_size(item.bytes)} | {_cell(item.what)} |"
                    for item in service.current_contributions
                ),
            ],
        )


def _whole(service: ServicePlan) -> Iterator[str]:
    rows = [
        f"| {item.name} | {item.version} | {_weight(item)} "
        f"| {'possible: ' if item.certainty is Certainty.POSSIBLE else ''}{_cell('; '.join(item.reasons[:3]))} |"
        for item in service.distributions
    ]
    yield from _folded(
        f"{service.name}: {len(service.distributions)} distributions, {len(service.dropped)} left out",
        ["| distribution | version | bytes | why |", "| --- | --- | ---: | --- |", *rows],
    )


def _folded(summary: str, lines: Iterable[str]) -> Iterator[str]:
    yield from (f"<details><summary>{summary}</summary>", "", *lines, "", "</details>", "")


def _notes(notes: tuple[str, ...]) -> Iterator[str]:
    if notes:
        yield from _folded("Notes", [_item(note) for note in notes])


def _item(note: str) -> str:
    """Further lines of a note, such as entries of a file, stand below it as code."""
    first, _, code = note.partition("\n\n")
    indented = "\n".join(f"  {line}".rstrip() for line in code.splitlines())
    return f"- {first}" + (f"\n\n  ```toml\n{indented}\n  ```" if code else "")
