"""A compose file as YAML nodes with their places; aliases stay shared, so a bomb of aliases never expands.

The file's text is never re-spelled: changes are edits of spans (see ``careen.compose.edit``).
"""

import re
from collections.abc import Iterator
from dataclasses import field
from typing import TYPE_CHECKING

from careen.text.problems import SyntaxProblem
from careen.text.source import Source, Span
from careen.text.values import dataclass

if TYPE_CHECKING:
    from ruamel.yaml.events import CollectionStartEvent, Event, MappingStartEvent, ScalarEvent

MOST_CHARACTERS = 1024 * 1024
"""The largest compose files in the wild have a tenth of this; the YAML reader takes five seconds for it."""

_DEEPEST_NESTING = 100
_MERGE_KEY = "<<"
_TEMPLATE = re.compile(r"\{%.*?%\}|\{#.*?#\}|(?P<value>\{\{.*?\}\})", re.DOTALL)
_STATEMENT_LINE = re.compile(r"^[ \t]*\{%[^\n]*?%\}[^\n]*", re.MULTILINE)
_NOT_NEWLINE = re.compile(r"[^\n]")
_MASK = re.compile("\ufffd+")


@dataclass(frozen=True, slots=True)
class YamlScalar:
    """``text`` is the value without quotes; ``plain`` is False when it was quoted or a block.

    ``span`` includes an anchor or tag in front; it is empty for a value that was left out.
    ``origin`` is the file the node stands in, and ``tag`` one of compose's own, ``!reset`` or ``!override``.
    """

    text: str
    span: Span
    plain: bool = True
    origin: Source | None = field(default=None, compare=False, repr=False)
    tag: str | None = None

    @property
    def is_null(self) -> bool:
        return self.plain and self.text in {"", "~", "null", "Null", "NULL"}

    @property
    def truth(self) -> bool | None:
        """True or False for YAML's booleans; None for anything else."""
        lowered = self.text.lower()
        return True if lowered in {"true", "yes", "on"} else False if lowered in {"false", "no", "off"} else None


@dataclass(frozen=True, slots=True)
class YamlSequence:
    """``item_spans`` tell where each item is written: for an alias, where the alias is."""

    items: "tuple[YamlNode, ...]"
    span: Span
    flow: bool = False
    origin: Source | None = field(default=None, compare=False, repr=False)
    tag: str | None = None
    item_spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class YamlEntry:
    """``inherited`` when it came from a merge key, so that its text belongs to somebody else too.

    ``alias`` is the span of ``*name`` when the value is written elsewhere.
    """

    key: YamlScalar
    value: "YamlNode"
    inherited: bool = False
    alias: Span | None = None

    @property
    def span(self) -> Span:
        value = self.value.span if self.alias is None else self.alias
        return Span(self.key.span.start, max(self.key.span.end, value.end))


@dataclass(frozen=True, slots=True)
class YamlMapping:
    """``entries`` in the order of the text, own ones before those of merge keys, which they hide.

    ``merges`` are the merge keys themselves.
    """

    entries: tuple[YamlEntry, ...]
    span: Span
    flow: bool = False
    anchored: bool = False
    origin: Source | None = field(default=None, compare=False, repr=False)
    tag: str | None = None
    merges: tuple[YamlEntry, ...] = ()

    def entry(self, key: str) -> YamlEntry | None:
        for entry in self.entries:
            if entry.key.text == key:
                return entry
        return None

    def get(self, key: str) -> "YamlNode | None":
        entry = self.entry(key)
        return None if entry is None else entry.value

    def __iter__(self) -> Iterator[YamlEntry]:
        return iter(self.entries)


YamlNode = YamlScalar | YamlSequence | YamlMapping


@dataclass(frozen=True)
class ComposeDocument:
    """``notes`` are things that were passed over, such as duplicate keys.

    ``shared`` are the spans of nodes that an alias or a merge key uses again.
    """

    source: Source
    root: YamlMapping
    notes: tuple[str, ...] = field(default=())
    shared: frozenset[Span] = frozenset()


def read_compose(source: Source) -> ComposeDocument:
    """Raises SyntaxProblem, with the line, for text that is not YAML or whose root is not a mapping.

    A template is read as far as it looks like YAML, and told as a note.
    """
    if len(source.text) > MOST_CHARACTERS:
        raise SyntaxProblem(source.path, 1, "larger than any compose file (1 MiB)")
    masked = _without_templates(source.text)
    try:
        return _read(source, source.text, masked is not None)
    except SyntaxProblem:
        if masked is None:
            raise
    document = _read(source, masked, may_be_template=False)
    first = _TEMPLATE.search(source.text)
    line = source.line_of(first.start()) if first is not None else 1
    note = f"{source.path}:{line}: this is a template; what it leaves open is not known"
    return ComposeDocument(source, document.root, (note, *document.notes), document.shared)


def _without_templates(text: str) -> str | None:
    """The text with ``{{ ... }}`` as one word and ``{% ... %}`` as blanks, all places kept; None without such."""
    if "{{" not in text and "{%" not in text:
        return None
    # What stands behind a statement at the start of its line would be indented wrongly: the line is left out.
    text = _STATEMENT_LINE.sub(lambda match: " " * len(match[0]), text)
    return _TEMPLATE.sub(lambda match: _NOT_NEWLINE.sub("\ufffd" if match["value"] else " ", match[0]), text)


def _read(source: Source, text: str, may_be_template: bool) -> ComposeDocument:
    import ruamel.yaml  # noqa: PLC0415 - costs more than a whole Dockerfile; only compose files pay
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

    content = text.removeprefix("\ufeff")
    shift = len(text) - len(content)
    try:
        reader = _Reader(source, shift, ruamel.yaml.YAML(typ="safe", pure=True).parse(content))
        node = reader.document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        reason = str(error.problem or error.context or "not YAML").replace("\n", " ")
        raise SyntaxProblem(source.path, line, f"not YAML: {_plainly(reason)}", hints=_hints(content)) from error
    except (YAMLError, RecursionError, ValueError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise SyntaxProblem(source.path, 1, f"not YAML: {reason}", hints=_hints(content)) from error
    if may_be_template and reader.has_odd_keys:
        raise SyntaxProblem(source.path, 1, "a mapping as a key", hints=_hints(content))
    if not isinstance(node, YamlMapping):
        raise SyntaxProblem(source.path, 1, "a compose file is a mapping with `services:` in it")
    return ComposeDocument(source, node, tuple(reader.notes), frozenset(reader.shared))


_IN_PLAIN_WORDS = (
    (
        re.compile(r"expected <block end>, but found '(?:<block \w+ start>|\?|-)'"),
        "indented otherwise than what it belongs to",
    ),
    (re.compile(r"expected <block end>, but found '<scalar>'"), "something follows the end of a value"),
    (re.compile(r"mapping values are not allowed here"), "a colon where no key can be; a text with one needs quotes"),
    (re.compile(r"found character '\\t' that cannot start any token"), "a tab where blanks have to be"),
    (re.compile(r"found character '(.)' that cannot start any token"), r"a text that begins with \1 needs quotes"),
    (re.compile(r"found unexpected end of stream"), "a quote that is never closed"),
)
"""What the parser says in the words of the grammar."""


def _plainly(reason: str) -> str:
    for words, plain in _IN_PLAIN_WORDS:
        if words.fullmatch(reason):
            return words.sub(plain, reason)
    return reason


def _hints(text: str) -> tuple[str, ...]:
    if "{{" in text or "{%" in text:
        return ("this looks like a template; give careen the rendered file",)
    if "\t" in text:
        return ("YAML allows no tabs in indentation",)
    return ()


@dataclass(slots=True)
class _Written:
    """A node where it is written; ``alias`` when only its name stands there."""

    node: YamlNode
    alias: Span | None = None

    @property
    def span(self) -> Span:
        return self.node.span if self.alias is None else self.alias


class _Reader:
    """Builds nodes from YAML's events, so that the places of aliases are known and nothing is expanded."""

    def __init__(self, source: Source, shift: int, events: "Iterator[Event]") -> None:
        self._source = source
        self._shift = shift
        self._events = events
        self._anchors: dict[str, YamlNode | None] = {}
        self._depth = 0
        self.notes: list[str] = []
        self.shared: set[Span] = set()
        self.has_odd_keys = False

    def document(self) -> YamlNode:
        """The first document of the stream; an empty one is an empty mapping."""
        from ruamel.yaml.events import DocumentStartEvent, StreamEndEvent, StreamStartEvent  # noqa: PLC0415

        for event in self._events:
            if isinstance(event, StreamEndEvent):
                break
            if not isinstance(event, StreamStartEvent | DocumentStartEvent):
                written = self._node(event)
                self._rest()
                empty = isinstance(written.node, YamlScalar) and written.node.is_null
                return YamlMapping((), written.node.span, origin=self._source) if empty else written.node
        return YamlMapping((), Span(0, 0), origin=self._source)

    def _rest(self) -> None:
        from ruamel.yaml.error import YAMLError  # noqa: PLC0415
        from ruamel.yaml.events import DocumentEndEvent, StreamEndEvent  # noqa: PLC0415

        end = next(self._events)
        if not isinstance(end, DocumentEndEvent):
            raise self._problem(end, "not YAML: something follows the end", "complete the file")
        line = end.start_mark.line + 1
        try:
            more = not isinstance(next(self._events), StreamEndEvent)
        except YAMLError:
            more = True
        if more:
            self.notes.append(f"{self._source.path}:{line}: only the first YAML document of the file is read")

    def _span(self, event: "Event") -> Span:
        return Span(event.start_mark.index + self._shift, event.end_mark.index + self._shift)

    def _problem(self, event: "Event", reason: str, hint: str) -> SyntaxProblem:
        return SyntaxProblem(self._source.path, event.start_mark.line + 1, reason, hints=(hint,))

    def _node(self, event: "Event") -> _Written:
        from ruamel.yaml.events import (  # noqa: PLC0415
            AliasEvent,
            MappingStartEvent,
            NodeEvent,
            ScalarEvent,
            SequenceStartEvent,
        )

        if not isinstance(event, NodeEvent):
            raise self._problem(event, "not YAML: a value is missing", "complete the file")
        if isinstance(event, AliasEvent):
            if event.anchor not in self._anchors:
                raise self._problem(event, f"not YAML: no anchor &{event.anchor} above", "define the anchor first")
            known = self._anchors[event.anchor]
            if known is None:
                raise self._problem(event, "an alias that holds itself", "break the circle")
            self.shared.add(known.span)
            return _Written(known, self._span(event))
        anchor: str | None = event.anchor
        if anchor is not None:
            self._anchors[anchor] = None
        if self._depth >= _DEEPEST_NESTING:
            raise self._problem(event, f"nested more than {_DEEPEST_NESTING} deep", "no compose file needs that")
        self._depth += 1
        node: YamlNode
        if isinstance(event, MappingStartEvent):
            node = self._mapping(event)
        elif isinstance(event, SequenceStartEvent):
            node = self._sequence(event)
        elif isinstance(event, ScalarEvent):
            node = self._scalar(event)
        else:
            raise self._problem(event, "not YAML: a value is missing", "complete the file")
        self._depth -= 1
        if anchor is not None:
            self._anchors[anchor] = node
        return _Written(node)

    def _tag(self, event: "CollectionStartEvent | ScalarEvent") -> str | None:
        tag = event.tag
        return str(tag) if tag is not None and str(tag) in {"!reset", "!override"} else None

    def _scalar(self, event: "ScalarEvent") -> YamlScalar:
        span = self._span(event)
        written = self._source.slice(span)
        if event.style in {"|", ">"} and "+" not in written.partition("\n")[0]:
            # Blank lines after a block belong to it only where a plus keeps them.
            span = Span(span.start, span.start + len(written.rstrip()))
        text = str(event.value)
        if "\ufffd" in text:
            # What a template's expression was masked with gives way to the expression.
            expressions = iter([match[0] for match in _TEMPLATE.finditer(written) if match["value"]])
            text = _MASK.sub(lambda mask: next(expressions, mask[0]), text)
        return YamlScalar(text, span, event.style is None, self._source, self._tag(event))

    def _sequence(self, start: "CollectionStartEvent") -> YamlSequence:
        from ruamel.yaml.events import SequenceEndEvent  # noqa: PLC0415

        items: list[_Written] = []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                return YamlSequence(
                    tuple(item.node for item in items),
                    self._whole(start, event, [item.span.end for item in items]),
                    bool(start.flow_style),
                    self._source,
                    self._tag(start),
                    tuple(item.span for item in items),
                )
            items.append(self._node(event))
        raise self._problem(start, "not YAML: a list without an end", "close the bracket")

    def _whole(self, start: "CollectionStartEvent", end: "Event", ends: list[int]) -> Span:
        """A flow collection ends with its bracket, a block collection with the last thing in it."""
        begin = start.start_mark.index + self._shift
        if start.flow_style or not ends:
            return Span(begin, max(begin, end.end_mark.index + self._shift))
        return Span(begin, max(begin, *ends))

    def _mapping(self, start: "MappingStartEvent") -> YamlMapping:
        from ruamel.yaml.events import MappingEndEvent  # noqa: PLC0415

        own: dict[str, YamlEntry] = {}
        inherited: dict[str, YamlEntry] = {}
        merges: list[YamlEntry] = []
        ends: list[int] = []
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                entries = (*own.values(), *(entry for name, entry in inherited.items() if name not in own))
                return YamlMapping(
                    entries,
                    self._whole(start, event, ends),
                    bool(start.flow_style),
                    start.anchor is not None,
                    self._source,
                    self._tag(start),
                    tuple(merges),
                )
            key = self._node(event)
            value = self._valued(key, self._node(next(self._events)))
            ends += (key.span.end, value.span.end)
            if not isinstance(key.node, YamlScalar):
                self.has_odd_keys = True
                continue
            entry = YamlEntry(key.node, value.node, alias=value.alias)
            if key.node.text == _MERGE_KEY and key.node.plain:
                merges.append(entry)
                self._inherit(value.node, inherited)
                continue
            if key.node.text in own:
                line = self._source.line_of(key.span.start)
                name = key.node.text
                self.notes.append(f"{self._source.path}:{line}: the key `{name}` stands twice; the last one holds")
                del own[name]
            own[key.node.text] = entry
        raise self._problem(start, "not YAML: a mapping without an end", "close the brace")

    def _valued(self, key: _Written, value: _Written) -> _Written:
        """A value that was left out is where its key ends: the parser has it in front of whatever comes next."""
        node = value.node
        if value.alias is not None or not isinstance(node, YamlScalar) or node.span.start < node.span.end:
            return value
        colon = self._source.text.find(":", key.span.end, node.span.start)
        end = key.span.end if colon < 0 else colon + 1
        return _Written(YamlScalar(node.text, Span(end, end), node.plain, node.origin, node.tag))

    def _inherit(self, parents: YamlNode, inherited: dict[str, YamlEntry]) -> None:
        for parent in parents.items if isinstance(parents, YamlSequence) else (parents,):
            if isinstance(parent, YamlMapping):
                for entry in parent.entries:
                    inherited.setdefault(
                        entry.key.text, YamlEntry(entry.key, entry.value, inherited=True, alias=entry.alias)
                    )
