"""Changes to a text, as replacements of spans, applied together or not at all."""

from collections.abc import Iterable

from careen.errors import CareenError
from careen.text.source import Source, Span
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """Put ``replacement`` where ``span`` is; an empty span inserts before its start."""

    span: Span
    replacement: str


class ConflictingEditsError(CareenError):
    """Two edits touch the same characters."""


def apply_edits(source: Source, edits: Iterable[Edit]) -> Source:
    """The source with every edit made; equal edits count once.

    Insertions at one place keep the order in which they were given.

    Raises ConflictingEditsError, naming both lines, when two edits overlap.
    """
    unique = list(dict.fromkeys(edits))
    ordered = sorted(unique, key=lambda edit: (edit.span.start, edit.span.end))
    pieces: list[str] = []
    cursor = 0
    for edit in ordered:
        if edit.span.start < cursor:
            line = source.line_of(edit.span.start)
            raise ConflictingEditsError(f"{source.path}:{line}: two changes touch the same text")
        pieces += (source.text[cursor : edit.span.start], edit.replacement)
        cursor = edit.span.end
    pieces.append(source.text[cursor:])
    return Source(source.path, "".join(pieces))
