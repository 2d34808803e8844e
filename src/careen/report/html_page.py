"""A page that stands alone: no script, no font, no picture from elsewhere; readable in light and dark."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources

from careen.report.treemap import Rectangle, squarify
from careen.text.units import format_bytes
from careen.text.values import dataclass

_LETTER = 6.2
"""The usual width of a letter of the labels, in the drawing's units."""

_TEXT_HEIGHT = 13


@dataclass(frozen=True, slots=True)
class Cell:
    """One rectangle of a treemap; ``kind`` is a name of the style's colours."""

    label: str
    bytes: int
    kind: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle of a treemap that holds others."""

    label: str
    cells: tuple[Cell, ...]
    detail: str = ""

    @property
    def bytes(self) -> int:
        return sum(cell.bytes for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of the before-and-after chart."""

    label: str
    before: int | None
    after: int


def page(title: str, lead: str, sections: Iterable[str]) -> str:
    style = resources.files("careen.report").joinpath("page.css").read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n<body>\n"
        f'<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>\n' + "\n".join(sections) + "\n</body></html>\n"
    )


def section(title: str, *parts: str) -> str:
    return f"<h2>{escape(title)}</h2>\n" + "\n".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, classes: Sequence[str] | None = None) -> str:
    """Cells are text. A column whose head starts with a space is one of numbers; ``classes`` colours rows."""
    numeric = [name.startswith(" ") for name in head]
    top = "".join(
        f"<th{' class=n' if n else ''}>{escape(name.strip())}</th>" for name, n in zip(head, numeric, strict=True)
    )
    lines = []
    for index, row in enumerate(rows):
        mark = f' class="{escape(classes[index])}"' if classes is not None else ""
        cells = "".join(
            f"<td{' class=n' if n else ''}>{escape(cell)}</td>" for cell, n in zip(row, numeric, strict=True)
        )
        lines.append(f"<tr{mark}>{cells}</tr>")
    return f"<table><tr>{top}</tr>{''.join(lines)}</table>"


def treemap(cells: Iterable[Cell], *, width: int = 1000, height: int = 320) -> str:
    """One image's bytes; a cell's title shows when the pointer rests on it."""
    drawn = _cells(cells, Rectangle(0, 0, width, height))
    return f'<svg viewBox="0 0 {width} {height}" role="img">{drawn}</svg>'


def nested_treemap(frames: Iterable[Frame], *, width: int = 1000, height: int = 520) -> str:
    """Frames with what they hold, both by weight."""
    ordered = sorted((frame for frame in frames if frame.bytes > 0), key=lambda frame: -frame.bytes)
    places = squarify([float(frame.bytes) for frame in ordered], Rectangle(0, 0, width, height))
    drawn = []
    for frame, place in zip(ordered, places, strict=True):
        outer = place.inset(margin=1)
        head = _TEXT_HEIGHT + 3 if outer.height > 3 * _TEXT_HEIGHT else 0
        title = f"{frame.label}: {format_bytes(frame.bytes)}" + (f"; {frame.detail}" if frame.detail else "")
        drawn.append(
            f'<g><title>{escape(title)}</title><rect x="{outer.left:.1f}" y="{outer.top:.1f}" '
            f'width="{outer.width:.1f}" height="{outer.height:.1f}" rx="2" fill="var(--line)"/>'
            f"{_heading(title, outer) if head else ''}</g>{_cells(frame.cells, outer.inset(margin=1, head=head))}"
        )
    return f'<svg viewBox="0 0 {width} {height}" role="img">{"".join(drawn)}</svg>'


def _heading(text: str, place: Rectangle) -> str:
    room = int((place.width - 8) / _LETTER)
    if room < 3:
        return ""
    words = text if len(text) <= room else text[: room - 1] + "…"
    return f'<text class="out" x="{place.left + 4:.1f}" y="{place.top + _TEXT_HEIGHT:.1f}">{escape(words)}</text>'


def _cells(cells: Iterable[Cell], area: Rectangle) -> str:
    ordered = sorted((cell for cell in cells if cell.bytes > 0), key=lambda cell: (-cell.bytes, cell.label))
    places = squarify([float(cell.bytes) for cell in ordered], area)
    drawn = []
    for cell, place in zip(ordered, places, strict=True):
        inner = place.inset(margin=0.75)
        title = f"{cell.label}: {format_bytes(cell.bytes)}" + (f"; {cell.detail}" if cell.detail else "")
        drawn.append(
            f'<g><title>{escape(title)}</title><rect x="{inner.left:.1f}" y="{inner.top:.1f}" '
            f'width="{inner.width:.1f}" height="{inner.height:.1f}" rx="2" fill="var(--{cell.kind})"/>'
            f"{_label(cell, inner)}</g>"
        )
    return "".join(drawn)


def _label(cell: Cell, place: Rectangle) -> str:
    room = int((place.width - 8) / _LETTER)
    if room < 3 or place.height < _TEXT_HEIGHT + 4:
        return ""
    lines = [cell.label if len(cell.label) <= room else cell.label[: room - 1] + "…"]
    if place.height >= 2 * _TEXT_HEIGHT + 6:
        weight = format_bytes(cell.bytes)
        lines += [weight] if len(weight) <= room else []
    return "".join(
        f'<text x="{place.left + 5:.1f}" y="{place.top + _TEXT_HEIGHT * (index + 1):.1f}">{escape(line)}</text>'
        for index, line in enumerate(lines)
    )


def before_and_after(bars: Sequence[Bar], *, width: int = 1000) -> str:
    """Two bars a row on one scale."""
    row, left, right = 44, 150, 110
    longest = max((max(bar.before or 0, bar.after) for bar in bars), default=1) or 1
    room = width - left - right
    drawn = []
    for index, bar in enumerate(bars):
        top = index * row
        drawn.append(f'<text class="out" x="0" y="{top + 24}">{escape(bar.label)}</text>')
        if bar.before is not None:
            drawn.append(_bar(left, top + 4, room * bar.before / longest, "old", format_bytes(bar.before)))
        drawn.append(_bar(left, top + 21, room * bar.after / longest, "shared", format_bytes(bar.after)))
    return f'<svg viewBox="0 0 {width} {max(1, len(bars)) * row}" role="img">{"".join(drawn)}</svg>'


def _bar(left: float, top: float, length: float, kind: str, words: str) -> str:
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(length, 1):.1f}" height="15" rx="2" fill="var(--{kind})"/>'
        f'<text class="out" x="{left + max(length, 1) + 6:.1f}" y="{top + 12:.1f}">{escape(words)}</text>'
    )


def key(names: Iterable[tuple[str, str]]) -> str:
    """What the colours mean: pairs of a colour's name and words."""
    spans = "".join(f'<span><i style="background:var(--{kind})"></i>{escape(words)}</span>' for kind, words in names)
    return f'<p class="key">{spans}</p>'
