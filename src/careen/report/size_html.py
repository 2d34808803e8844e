"""Sizes as a page that stands alone: each layer with what it is made of, drawn by weight; before and after."""

from collections.abc import Iterable

from careen.report.html_page import Bar, Cell, Frame, before_and_after, key, nested_treemap, page, section, table
from careen.report.size_words import (
    count,
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
from careen.size.model import LEFTOVERS, Cause, Ecosystem, ImageSize, Share, SizedLayer
from careen.text.units import format_bytes

_MOST_CELLS = 60
_MOST_ROWS = 60
_OTHER = "base"
_WASTED = "bad"
_OF_SYSTEM = frozenset({Cause.SYSTEM, Cause.PACKAGE_RECORDS, Cause.INTERPRETER})
_COLOURS = (
    ("system", "system packages and files"),
    ("shared", "Python packages"),
    ("app", "application and data"),
    (_WASTED, "replaced, deleted or left over"),
    (_OTHER, "many small ones"),
)


def render_size(image: ImageSize) -> str:
    return page(
        f"What {image.name} weighs",
        headline(image),
        [section("Layers and what they hold", _map(image), key(_COLOURS)), *_tables(image)],
    )


def render_difference(difference: SizeDifference) -> str:
    before, after = difference.before, difference.after
    bars = [
        Bar("everything", before.bytes, after.bytes),
        Bar("visible", before.visible_bytes, after.visible_bytes),
        Bar("wasted", before.wasted_bytes, after.wasted_bytes),
    ]
    if before.compressed_bytes is not None and after.compressed_bytes is not None:
        bars.append(Bar("to pull", before.compressed_bytes, after.compressed_bytes))
    rows = [
        (
            change.name,
            change.kind,
            optional(change.before),
            optional(change.after),
            signed(change.grown),
            versions(change),
        )
        for change in difference.changes[: 2 * _MOST_ROWS]
    ]
    return page(
        f"{before.name} and {after.name}",
        difference_headline(difference),
        [
            section("Before and after", before_and_after(bars)),
            section("What changed", table(("what", "kind", " before", " after", " change", "version"), rows)),
            section(f"Before: {before.name}", f"<p>{headline(before)}</p>", _map(before), key(_COLOURS)),
            section(f"After: {after.name}", f"<p>{headline(after)}</p>", _map(after), key(_COLOURS)),
            *_notes((*before.notes, *after.notes)),
        ],
    )


def _map(image: ImageSize) -> str:
    frames = []
    for layer in image.layers:
        words = shortened(instruction(image, layer.number), 90)
        hidden = f"{format_bytes(layer.hidden_bytes)} no longer visible" if layer.hidden_bytes else ""
        frames.append(Frame(f"{layer.number}  {words}", tuple(_cells(layer)), hidden))
    return nested_treemap(frames)


def _cells(layer: SizedLayer) -> Iterable[Cell]:
    """What is hidden is drawn apart from what its package still shows."""
    shown = layer.shares[:_MOST_CELLS]
    for share in shown:
        yield Cell(share.label, share.bytes - share.hidden_bytes, _colour(share), count(share.files, "file"))
        yield Cell(share.label, share.hidden_bytes, _WASTED, "replaced or deleted by a higher layer")
    rest = layer.shares[_MOST_CELLS:]
    yield Cell(f"{len(rest)} more", sum(share.bytes for share in rest), _OTHER)


def _colour(share: Share) -> str:
    if share.package is not None:
        python = share.package.ecosystem in (Ecosystem.PYTHON.value, Ecosystem.CONDA.value)
        return "shared" if python else "system"
    if share.cause in LEFTOVERS:
        return _WASTED
    return "system" if share.cause in _OF_SYSTEM else "app"


def _tables(image: ImageSize) -> Iterable[str]:
    layers = [
        (
            str(layer.number),
            format_bytes(layer.bytes),
            optional(layer.compressed_bytes),
            optional(layer.hidden_bytes or None),
            instruction(image, layer.number),
        )
        for layer in image.layers
    ]
    yield section("Layers", table(("", " bytes", " pulled", " hidden", "instruction"), layers))
    if image.waste:
        rows = [
            (format_bytes(item.bytes), item.kind.value, what_is_wasted(item), who_is_to_blame(item, image))
            for item in image.waste[:_MOST_ROWS]
        ]
        yield section("Waste, and whose", table((" bytes", "what", "which", "whose"), rows))
    packages = [
        (
            str(item.package),
            item.package.ecosystem,
            format_bytes(item.bytes),
            percent(item.bytes, image.bytes),
            optional(item.bytecode_bytes or None),
        )
        for item in image.packages[:_MOST_ROWS]
    ]
    yield section("Packages", table(("package", "by", " bytes", " share", " bytecode"), packages))
    for title, items in (("Everything else", image.rest), ("Inside of packages", image.inside)):
        rows = [
            (item.cause.value, format_bytes(item.bytes), percent(item.bytes, image.bytes), str(item.files))
            for item in items
        ]
        yield section(title, table(("what", " bytes", " share", " files"), rows))
    yield from _notes(image.notes)


def _notes(notes: Iterable[str]) -> Iterable[str]:
    rows = [(note,) for note in dict.fromkeys(notes)]
    if rows:
        yield section("Notes", table(("what could not be told",), rows))
