"""Sizes in words: the sentences and rows that terminal, Markdown and HTML have in common."""

from careen.size.difference import Change, SizeDifference
from careen.size.model import ImageSize, Waste, WasteKind
from careen.text.units import format_bytes

UNKNOWN_INSTRUCTION = "(the history does not tell)"


def headline(image: ImageSize) -> str:
    parts = [f"{format_bytes(image.bytes)} in {count(len(image.layers), 'layer')}"]
    if image.compressed_bytes is not None:
        parts.append(f"{format_bytes(image.compressed_bytes)} to pull")
    if image.hidden_bytes:
        parts.append(f"{format_bytes(image.hidden_bytes)} no longer visible")
    if image.wasted_bytes:
        share = 100 * image.wasted_bytes / image.bytes
        parts.append(f"{format_bytes(image.wasted_bytes)} wasted ({share:.0f} %)")
    return ", ".join(parts)


def difference_headline(difference: SizeDifference) -> str:
    before, after = difference.before, difference.after
    share = f" ({100 * difference.grown / before.bytes:+.0f} %)" if before.bytes else ""
    return f"{format_bytes(before.bytes)} to {format_bytes(after.bytes)}: {signed(difference.grown)}{share}"


def signed(count: int) -> str:
    return f"{'+' if count > 0 else ''}{format_bytes(count)}"


def optional(count: int | None) -> str:
    return "" if count is None else format_bytes(count)


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def instruction(image: ImageSize, layer: int) -> str:
    return image.instruction(layer) or UNKNOWN_INSTRUCTION


def who_is_to_blame(item: Waste, image: ImageSize) -> str:
    """Layer and instruction, both ones where two are needed for the waste."""
    blamed = f"layer {item.because_of}: {instruction(image, item.because_of)}"
    if item.kind in (WasteKind.DELETED, WasteKind.REPLACED) and item.layer != item.because_of:
        return f"{blamed} (stored by layer {item.layer}: {instruction(image, item.layer)})"
    if item.kind is WasteKind.DUPLICATE:
        return f"layer {item.layer}: {instruction(image, item.layer)}" + (
            f" (first in layer {item.because_of})" if item.because_of != item.layer else ""
        )
    return blamed


def what_is_wasted(item: Waste) -> str:
    files = count(item.files, "file")
    return f"{item.label}: {files}, such as /{item.examples[0].path}" if item.examples else f"{item.label}: {files}"


def versions(change: Change) -> str:
    if change.before_version == change.after_version:
        return change.after_version
    if change.before is None:
        return f"new: {change.after_version}"
    if change.after is None:
        return f"gone: {change.before_version}"
    return f"{change.before_version or 'unknown'} → {change.after_version or 'unknown'}"


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}".replace(",", " ")
