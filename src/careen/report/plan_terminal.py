"""The plan for people: a row a service, what weighs most and why, what goes and why, who shares what."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from careen.plan.target import Certainty, DroppedDistribution, Plan, PlannedDistribution, ServicePlan
from careen.report.today import saved_words, today_words
from careen.text.units import counted, format_bytes

_HEAVIEST = 10
_BAR_CELLS = 24
_SMALL_BAR_CELLS = 10
_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(share: float, cells: int = _BAR_CELLS) -> str:
    """A bar of ``share`` (0 to 1) of ``cells``, in eighths of a cell."""
    eighths = max(1, round(max(0.0, min(1.0, share)) * cells * 8)) if share > 0 else 0
    full, rest = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")


def size(count: int | None, *, is_estimate: bool = False) -> str:
    if count is None:
        return "?"
    return f"~{format_bytes(count)}" if is_estimate else format_bytes(count)


def _weight(item: PlannedDistribution | DroppedDistribution) -> str:
    return size(item.installed_bytes, is_estimate=item.is_estimate)


def show_plan(console: Console, plan: Plan) -> None:
    console.print(
        f"[bold]{escape(plan.stack)}[/]: {counted(len(plan.services), 'service')}, "
        f"Python {plan.base.runtime.version} on {plan.base.label}, {plan.platform}"
    )
    console.print()
    console.print(_services(plan))
    _today(console, plan)
    _heaviest(console, plan)
    _gone(console, plan)
    _layers(console, plan)
    show_notes(console, plan.notes)


def show_service(console: Console, service: ServicePlan) -> None:
    """Every distribution of one service with all its reasons, and everything that goes."""
    console.print(f"[bold]{escape(service.name)}[/] ({service.role}): {escape(' '.join(service.entry_point))}")
    console.print()
    table = _table("distribution", "version", ">bytes", "why")
    for item in sorted(service.distributions, key=lambda item: -(item.installed_bytes or 0)):
        reasons = "\n".join(item.reasons)
        mark = "possible: " if item.certainty is Certainty.POSSIBLE else ""
        table.add_row(item.name, item.version, _weight(item), escape(mark + reasons))
    console.print(table)
    if service.dropped:
        console.print()
        table = _table("left out", "version", ">bytes", "because")
        for gone in sorted(service.dropped, key=lambda item: -(item.installed_bytes or 0)):
            table.add_row(gone.name, gone.version, _weight(gone), escape(gone.reason))
        console.print(table)


def show_notes(console: Console, notes: Sequence[str]) -> None:
    if notes:
        console.print()
        for note in notes:
            console.print(f"[yellow]note[/]: {escape(note)}")


def _table(*columns: str) -> Table:
    """Columns by name; one that starts with ``>`` is aligned right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        if column.startswith(">"):
            table.add_column(column[1:], justify="right", no_wrap=True)
        else:
            table.add_column(column)
    return table


def _services(plan: Plan) -> Table:
    table = _table("service", "role", ">today", ">careened", ">saved", "")
    largest = max((service.predicted_bytes or 0 for service in plan.services), default=0)
    for service in plan.services:
        careened = service.predicted_bytes
        over = careened is not None and careened > service.budget_bytes
        drawn = Text(bar((careened or 0) / largest if largest else 0), style="red" if over else "green")
        if over:
            drawn.append(f" over its budget of {format_bytes(service.budget_bytes)}", style="red")
        table.add_row(
            escape(service.name), service.role.value, today_words(service), size(careened), saved_words(service), drawn
        )
    table.add_row("[bold]on a host[/]", "", "", f"[bold]{size(plan.predicted_unique_bytes)}[/]", "", "every layer once")
    return table


def _today(console: Console, plan: Plan) -> None:
    groups: dict[tuple[tuple[str, int, int | None], ...], list[str]] = {}
    for service in plan.services:
        key = tuple((item.what, item.line, item.bytes) for item in service.current_contributions)
        if key:
            groups.setdefault(key, []).append(service.name)
    for contributions, names in groups.items():
        console.print()
        console.print(f"[bold]Today's image[/] of {escape(', '.join(names))}, line by line")
        table = _table(">line", ">bytes", "", "what")
        largest = max((count or 0 for _, _, count in contributions), default=0)
        for what, line, count in contributions:
            share = (count or 0) / largest if largest else 0
            table.add_row(str(line), size(count), Text(bar(share, _SMALL_BAR_CELLS), style="red"), escape(what))
        known = sum(count for _, _, count in contributions if count is not None)
        open_ends = any(count is None for _, _, count in contributions)
        table.add_row("", f"[bold]{size(known)}[/]", "", "and what is not known" if open_ends else "together")
        console.print(table)


def _heaviest(console: Console, plan: Plan) -> None:
    owners: dict[tuple[str, str], tuple[PlannedDistribution, list[str]]] = {}
    for service in plan.services:
        for item in service.distributions:
            owners.setdefault((item.name, item.version), (item, []))[1].append(service.name)
    ordered = sorted(owners.values(), key=lambda pair: -(pair[0].installed_bytes or 0))[:_HEAVIEST]
    if not ordered:
        return
    console.print()
    console.print("[bold]What weighs most[/], and why it stays")
    table = _table("distribution", ">bytes", "services", "why")
    for item, names in ordered:
        who = _who(names, plan)
        table.add_row(f"{item.name} {item.version}", _weight(item), escape(who), escape(item.reasons[0]))
    console.print(table)


def _gone(console: Console, plan: Plan) -> None:
    gone: dict[tuple[str, str], tuple[DroppedDistribution, list[str]]] = {}
    for service in plan.services:
        for item in service.dropped:
            gone.setdefault((item.name, item.version), (item, []))[1].append(service.name)
    ordered = sorted(gone.values(), key=lambda pair: -(pair[0].installed_bytes or 0))[:_HEAVIEST]
    if not ordered:
        return
    console.print()
    console.print("[bold]What goes[/], heaviest first")
    table = _table("distribution", ">bytes", "from", "because")
    for item, names in ordered:
        everywhere = len(names) == len(plan.services)
        because = item.reason
        if "imports" in item.reason and len(names) > 1:
            because = "no service imports it" if everywhere else "nothing that they run imports it"
        table.add_row(f"{item.name} {item.version}", _weight(item), escape(_who(names, plan)), escape(because))
    console.print(table)


def _layers(console: Console, plan: Plan) -> None:
    console.print()
    console.print("[bold]Layers[/], shared by whoever needs exactly the same")
    table = _table(">bytes", "services", "what")
    table.add_row(size(plan.base.bytes), "all", f"{plan.base.label} with Python {plan.base.runtime.version}")
    for system in plan.system_layers:
        weight = sum(package.installed_bytes for package in system.packages)
        names = (package.name for package in system.packages)
        table.add_row(f"≤ {size(weight)}", escape(", ".join(system.services)), f"Debian: {_short(names)}")
    for layer in plan.distribution_layers:
        weight = sum(item.installed_bytes or 0 for item in layer.distributions)
        by_weight = sorted(layer.distributions, key=lambda item: -(item.installed_bytes or 0))
        what = _short(item.name for item in by_weight)
        table.add_row(size(weight), escape(_who(layer.services, plan)), what)
    console.print(table)


def _who(names: Sequence[str], plan: Plan) -> str:
    """Services by name; all of them, or all but one, in so many words."""
    everyone = [service.name for service in plan.services]
    others = [name for name in everyone if name not in names]
    if not others and len(everyone) > 1:
        return "all"
    return f"all but {others[0]}" if len(others) == 1 and len(everyone) > 2 else ", ".join(names)


def _short(names: Iterable[str], most: int = 5) -> str:
    listed = list(names)
    more = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {more} more" if more > 0 else "")
