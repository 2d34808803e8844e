"""Sizes as a Markdown document with a map of itself."""

from careen.report.navigation import NavigableDocument
from careen.report.size_words import (
    difference_headline,
    headline,
    instruction,
    optional,
    percent,
    signed,
    versions,
    what_is_wasted,
    who_is_to_blame,
)
from careen.size.difference import SizeDifference
from careen.size.model import ImageSize
from careen.text.units import format_bytes

_MOST = 40


def render_size(image: ImageSize) -> str:
    document = NavigableDocument(f"What {image.name} weighs", "Bytes by layer, package and cause, and what is wasted")
    document.write(f"{headline(image)}.")
    document.section(2, "Layers", "Each layer with its instruction, bottom to top")
    document.table(
        ("layer", " bytes", " pulled", " hidden", "instruction"),
        [
            (
                str(layer.number),
                format_bytes(layer.bytes),
                optional(layer.compressed_bytes),
                optional(layer.hidden_bytes or None),
                code(instruction(image, layer.number)),
            )
            for layer in image.layers
        ],
    )
    document.section(2, "Packages", "What package managers' records name, heaviest first")
    document.table(
        ("package", "by", " bytes", " share", " bytecode"),
        [
            (
                code(str(item.package)),
                item.package.ecosystem,
                format_bytes(item.bytes),
                percent(item.bytes, image.bytes),
                optional(item.bytecode_bytes or None),
            )
            for item in image.packages[:_MOST]
        ],
    )
    for title, description, items in (
        ("Everything else", "Files that no record names, by cause", image.rest),
        ("Inside of packages", "What packages bring that an image can often do without", image.inside),
    ):
        document.section(2, title, description)
        document.table(
            ("what", " bytes", " files"),
            [(item.cause.value, format_bytes(item.bytes), str(item.files)) for item in items],
        )
    if image.waste:
        document.section(2, "Waste", "Bytes that need not be there, and whose they are")
        document.table(
            (" bytes", "what", "which", "whose"),
            [
                (
                    format_bytes(item.bytes),
                    item.kind.value,
                    code(what_is_wasted(item)),
                    code(who_is_to_blame(item, image)),
                )
                for item in image.waste[:_MOST]
            ],
        )
    _notes(document, image.notes)
    return document.render()


def render_difference(difference: SizeDifference) -> str:
    before, after = difference.before, difference.after
    document = NavigableDocument(f"From {before.name} to {after.name}", "What grew and what shrank")
    document.write(f"{difference_headline(difference)}.")
    document.write("", f"- before: {headline(before)}", f"- after: {headline(after)}")
    document.section(2, "What changed", "Packages and causes whose bytes or version differ")
    document.table(
        ("what", "kind", " before", " after", " change", "version"),
        [
            (
                code(change.name),
                change.kind,
                optional(change.before),
                optional(change.after),
                signed(change.grown),
                code(versions(change)) if versions(change) else "",
            )
            for change in difference.changes[: 2 * _MOST]
        ],
    )
    _notes(document, (*before.notes, *after.notes))
    return document.render()


def code(text: str) -> str:
    """Shown as it is, whatever it holds; names and instructions are strangers' texts."""
    return f"`{' '.join(text.replace('`', chr(39)).split())}`"


def _notes(document: NavigableDocument, notes: tuple[str, ...]) -> None:
    if notes:
        document.section(2, "Notes", "What could not be told")
        document.write(*(f"- {code(note)}" for note in dict.fromkeys(notes)))
