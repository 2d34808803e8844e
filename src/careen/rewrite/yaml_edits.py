"""Changes to a YAML text by the places of its nodes: nothing is re-spelled, so comments and layout stay.

Block mappings and block lists are edited by whole lines; flow collections inside their brackets.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from careen.compose.document import ComposeDocument, YamlEntry, YamlMapping, YamlScalar, YamlSequence
from careen.text.edits import Edit
from careen.text.source import Source, Span
from careen.text.values import dataclass

_STEP = 2
_AMBIGUOUS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", ""})


@dataclass(frozen=True, slots=True)
class Inline:
    """A list that is written on one line, as exec forms are."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Text that is YAML already: ``*name``, ``<<``."""

    text: str


Value = str | int | float | bool | Inline | Verbatim | Sequence["Value"] | Mapping[str, "Value"]
"""What is written: a string as YAML needs it quoted, a mapping or list as a block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """A key with its value, and comment lines above it. ``value`` of None is a key alone."""

    key: str
    value: Value | None = None
    comment: str | None = None


@dataclass
class YamlEditor:
    """Collects edits of one document. Entries that are removed are remembered, so that nothing is put behind them."""

    document: ComposeDocument
    edits: list[Edit] = field(default_factory=list)
    _removed: set[Span] = field(default_factory=set)
    _appended: dict[Span, list[NewEntry]] = field(default_factory=dict)
    _mappings: dict[Span, YamlMapping] = field(default_factory=dict)

    @property
    def source(self) -> Source:
        return self.document.source

    @property
    def line_end(self) -> str:
        return "\r\n" if "\r\n" in self.source.text else "\n"

    # Reading

    def column(self, span: Span) -> int:
        return self.source.position(span.start).column - 1

    def indent_of(self, mapping: YamlMapping) -> int:
        """The column of a block mapping's keys."""
        keys = [entry.key.span for entry in (*own_entries(mapping), *mapping.merges)]
        return self.column(min(keys)) if keys else self.column(mapping.span)

    # Changing

    def replace(self, span: Span, text: str) -> None:
        self.edits.append(Edit(span, text))

    def remove_entry(self, entry: YamlEntry) -> None:
        """A key and its value with the lines they stand on."""
        if entry.span not in self._removed:
            self._removed.add(entry.span)
            self.edits.append(Edit(self._lines(entry.span), ""))

    def remove_items(self, sequence: YamlSequence, indexes: Iterable[int]) -> None:
        """Some items of a list, but not all of them: an empty list is another thing than none."""
        gone = set(indexes)
        spans = sequence.item_spans
        if sequence.flow:
            kept = [self.source.slice(span) for index, span in enumerate(spans) if index not in gone]
            self.replace(sequence.span, f"[{', '.join(kept)}]")
            return
        for index in gone:
            dash = self.source.text.rfind("-", 0, spans[index].start)
            self.edits.append(Edit(self._lines(Span(max(dash, 0), spans[index].end)), ""))

    def append(self, mapping: YamlMapping, entries: Iterable[NewEntry]) -> None:
        """Behind the last entry that stays, in the order given; written when :meth:`finish` is called."""
        self._mappings[mapping.span] = mapping
        self._appended.setdefault(mapping.span, []).extend(entries)

    def insert_after(self, mapping: YamlMapping, entry: YamlEntry, new: NewEntry) -> None:
        """Directly behind an entry of a block mapping."""
        self._insert(self._end_of_line(entry.span.end), self.indent_of(mapping), [new])

    def give_block(self, key: YamlScalar, entries: Iterable[NewEntry]) -> None:
        """Entries below a key that has no value yet."""
        self._insert(self._end_of_line(key.span.end), self.column(key.span) + _STEP, list(entries))

    def finish(self) -> list[Edit]:
        # Where an inner mapping ends together with its outer one, what is put into the inner one comes first.
        for span, entries in sorted(self._appended.items(), key=lambda item: -item[0].start):
            mapping = self._mappings[span]
            if mapping.flow:
                self._append_in_flow(mapping, entries)
                continue
            staying = [
                entry.span for entry in (*own_entries(mapping), *mapping.merges) if entry.span not in self._removed
            ]
            last = max(staying, key=lambda each: each.end) if staying else None
            place = self._end_of_line(last.end) if last is not None else self._before(mapping)
            self._insert(self._above_removals(place), self.indent_of(mapping), entries)
        self._appended.clear()
        return self.edits

    def _append_in_flow(self, mapping: YamlMapping, entries: Sequence[NewEntry]) -> None:
        text = ", ".join(f"{entry.key}: {_flow(entry.value)}" for entry in entries)
        staying = [entry for entry in own_entries(mapping) if entry.span not in self._removed]
        inside = self.source.text[mapping.span.start : mapping.span.end]
        close = mapping.span.start + inside.rfind("}")
        end = max((entry.span.end for entry in staying), default=close)
        self.edits.append(Edit(Span(end, end), f", {text}" if staying else text))

    def _above_removals(self, place: int) -> int:
        """The end of the last line above that stays, when ``place`` is on one that goes."""
        for removal in sorted((edit.span for edit in self.edits if not edit.replacement), reverse=True):
            if removal.start < place < removal.end:
                ended = self.source.text.endswith(self.line_end, 0, removal.start)
                place = removal.start - len(self.line_end) if ended else removal.start
        return place

    def _before(self, mapping: YamlMapping) -> int:
        """The end of the line above a mapping whose every entry goes."""
        start = self.source.line_span(self.source.line_of(mapping.span.start)).start
        return max(0, start - len(self.line_end))

    def _insert(self, place: int, indent: int, entries: Sequence[NewEntry]) -> None:
        lines: list[str] = []
        for entry in entries:
            lines += rendered(entry, indent)
        self.edits.append(Edit(Span(place, place), "".join(f"{self.line_end}{line}" for line in lines)))

    def _end_of_line(self, offset: int) -> int:
        """Where the line ends on which the character before ``offset`` stands, comment included."""
        return self.source.line_span(self.source.line_of(max(0, offset - 1))).end

    def _lines(self, span: Span) -> Span:
        """Whole lines with their ends; at the end of a file without a final newline, the newline before."""
        first, last = self.source.lines_of(span)
        start = self.source.line_span(first).start
        if last < self.source.line_count:
            return Span(start, self.source.line_span(last + 1).start)
        return Span(max(0, start - len(self.line_end)), len(self.source.text))


def own_entries(mapping: YamlMapping) -> tuple[YamlEntry, ...]:
    return tuple(entry for entry in mapping.entries if not entry.inherited)


def rendered(entry: NewEntry, indent: int) -> list[str]:
    """The lines of an entry, without line ends."""
    space = " " * indent
    lines = [f"{space}# {line}" for line in (entry.comment or "").splitlines()]
    return [*lines, *_block(f"{space}{entry.key}:", entry.value, indent)]


def _block(head: str, value: Value | None, indent: int) -> list[str]:
    match value:
        case None:
            return [head]
        case Inline():
            return [f"{head} {_flow(value)}"]
        case Verbatim(text=text):
            return [f"{head} {text}"]
        case Mapping():
            lines = [head]
            for key, inner in value.items():
                lines += _block(f"{' ' * (indent + _STEP)}{key}:", inner, indent + _STEP)
            return lines
        case str() | bool() | int() | float():
            return [f"{head} {scalar(value)}"]
        case _:
            return [head, *(f"{' ' * (indent + _STEP)}- {_item(item)}" for item in value)]


def _item(value: Value) -> str:
    return scalar(value) if isinstance(value, str | bool | int | float) else _flow(value)


def _flow(value: Value | None) -> str:
    match value:
        case Inline(items=items):
            return f"[{', '.join(map(quoted, items))}]"
        case Verbatim(text=text):
            return text
        case Mapping():
            return "{" + ", ".join(f"{key}: {_flow(inner)}" for key, inner in value.items()) + "}"
        case None:
            return "null"
        case str() | bool() | int() | float():
            return scalar(value)
        case _:
            return "[" + ", ".join(_flow(item) for item in value) + "]"


def scalar(value: str | float | bool) -> str:
    """A value as YAML 1.1 and 1.2 both read it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    plain = value[:1].isalpha() or value[:1] in "./_"
    plain = plain and all(character.isalnum() or character in "-_./:@+" for character in value)
    plain = plain and not (value[:1] == "." and value[1:2].isdigit())
    if not plain or value.lower() in _AMBIGUOUS or value.endswith(":"):
        numeric = value[:1].isdigit() and any(character.isalpha() for character in value) and value.isalnum()
        return value if numeric and not _like_number(value) else quoted(value)
    return value


def quoted(text: str) -> str:
    """In double quotes (YAML 1.2, 5.7): JSON's escapes, and YAML's own for what is not printable."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(character if character.isprintable() else f"\\U{ord(character):08x}" for character in written)


def _like_number(text: str) -> bool:
    """Whether a word of digits and letters may be read as a number, as ``1e3`` and ``0x1f`` are."""
    try:
        float(text)
    except ValueError:
        return text[:2].lower() in {"0x", "0o", "0b"} or "_" in text
    return True
