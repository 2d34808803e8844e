"""Sizes for people: layers with their instructions, what weighs, what is wasted and by whom."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from careen.report.size_words import (
    difference_headline,
    headline,
    instruction,
    optional,
    percent,
    shortened,
    signed,
    versions,
    what_is_wasted,
    who_is_to_blame,
)
from careen.size.difference import SizeDifference
from careen.size.model import ImageSize
from careen.text.units import format_bytes

_MOST = 15
_MOST_WASTE = 8
_WIDE = 60
_SMALLEST_SHARE = 1000
"""Waste of less than this part of an image is summed up."""

_Item = TypeVar("_Item")


def show_size(console: Console, image: ImageSize) -> None:
    console.print(f"[bold]{escape(image.name)}[/]  {headline(image)}")
    _layers(console, image)
    _listed(
        console,
        "Packages",
        ("package", "by", ">bytes", ">share", ">bytecode", ">layers"),
        image.packages,
        lambda item: (
            str(item.package),
            item.package.ecosystem,
            format_bytes(item.bytes),
            percent(item.bytes, image.bytes),
            optional(item.bytecode_bytes or None),
            ", ".join(map(str, item.layers)),
        ),
    )
    _listed(
        console,
        "Everything else",
        ("what", ">bytes", ">share", ">files"),
        image.rest,
        lambda item: (
            item.cause.value,
            format_bytes(item.bytes),
            percent(item.bytes, image.bytes),
            str(item.files),
        ),
    )
    _listed(
        console,
        "Inside of packages",
        ("what", ">bytes", ">share", ">files"),
        image.inside,
        lambda item: (
            item.cause.value,
            format_bytes(item.bytes),
            percent(item.bytes, image.bytes),
            str(item.files),
        ),
    )
    _waste(console, image)
    _notes(console, image.notes)


def show_difference(console: Console, difference: SizeDifference) -> None:
    before, after = difference.before, difference.after
    console.print(f"[bold]{escape(before.name)}[/] to [bold]{escape(after.name)}[/]  {difference_headline(difference)}")
    console.print(
        f"wasted {format_bytes(before.wasted_bytes)} to {format_bytes(after.wasted_bytes)}, "
        f"layers {len(before.layers)} to {len(after.layers)}"
    )
    _listed(
        console,
        "What changed",
        ("what", "kind", ">before", ">after", ">change", "version"),
        difference.changes,
        lambda change: (
            change.name,
            change.kind,
            optional(change.before),
            optional(change.after),
            signed(change.grown),
            versions(change),
        ),
    )
    _notes(console, (*before.notes, *after.notes))


def _layers(console: Console, image: ImageSize) -> None:
    console.print()
    console.print("[bold]Layers[/], bottom to top")
    table = _table(">", ">bytes", ">pulled", ">hidden", "instruction, and what it brings")
    for layer in image.layers:
        contents = ", ".join(f"{share.label} {format_bytes(share.bytes)}" for share in layer.shares[:3])
        more = len(layer.shares) - 3
        what = escape(shortened(instruction(image, layer.number), _WIDE))
        if contents:
            what += f"\n[dim]{escape(contents)}{f' and {more} more' if more > 0 else ''}[/]"
        table.add_row(
            str(layer.number),
            format_bytes(layer.bytes),
            optional(layer.compressed_bytes),
            optional(layer.hidden_bytes or None),
            what,
        )
    console.print(table)


def _waste(console: Console, image: ImageSize) -> None:
    if not image.waste:
        return
    console.print()
    console.print("[bold]Waste[/], and whose")
    table = _table(">bytes", "what", "whose")
    shown = [item for item in image.waste[:_MOST_WASTE] if item.bytes * _SMALLEST_SHARE >= image.bytes]
    for item in shown:
        table.add_row(
            format_bytes(item.bytes),
            f"[red]{item.kind.value}[/]\n[dim]{escape(what_is_wasted(item))}[/]",
            escape(shortened(who_is_to_blame(item, image), 2 * _WIDE)),
        )
    rest = image.waste[len(shown) :]
    if rest:
        table.add_row(format_bytes(sum(item.bytes for item in rest)), f"{len(rest)} smaller", "")
    console.print(table)


def _listed(
    console: Console,
    title: str,
    columns: tuple[str, ...],
    items: Sequence[_Item],
    row: Callable[[_Item], tuple[str, ...]],
) -> None:
    if not items:
        return
    console.print()
    console.print(f"[bold]{title}[/]")
    table = _table(*columns)
    for item in items[:_MOST]:
        table.add_row(*map(escape, row(item)))
    console.print(table)
    if len(items) > _MOST:
        console.print(f"[dim]and {len(items) - _MOST} more[/]")


def _notes(console: Console, notes: Sequence[str]) -> None:
    if notes:
        console.print()
    for note in dict.fromkeys(notes):
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
