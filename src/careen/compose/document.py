"""A compose file as YAML nodes with their places; aliases stay shared, so a bomb of aliases never expands.

The file's text is never re-spelled: changes are edits of spans (see ``careen.compose.edit``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from careen.text.problems import SyntaxProblem
from careen.text.source import Source, Span

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

_MERGE_KEY = "<<"


@dataclass(frozen=True, slots=True)
class YamlScalar:
    """``text`` is the value without quotes; ``plain`` is False when it was quoted or a block."""

    text: str
    span: Span
    plain: bool = True

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
    items: "tuple[YamlNode, ...]"
    span: Span
    flow: bool = False


@dataclass(frozen=True, slots=True)
class YamlEntry:
    """``inherited`` when it came from a merge key, so that its text belongs to somebody else too."""

    key: YamlScalar
    value: "YamlNode"
    inherited: bool = False

    @property
    def span(self) -> Span:
        return Span(self.key.span.start, max(self.key.span.end, self.value.span.end))


@dataclass(frozen=True, slots=True)
class YamlMapping:
    """``entries`` in the order of the text, own ones before those of merge keys, which they hide."""

    entries: tuple[YamlEntry, ...]
    span: Span
    flow: bool = False
    anchored: bool = False

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
    """``notes`` are things that were passed over, such as duplicate keys."""

    source: Source
    root: YamlMapping
    notes: tuple[str, ...] = field(default=())


def read_compose(source: Source) -> ComposeDocument:
    """Raises SyntaxProblem, with the line, for text that is not YAML or whose root is not a mapping."""
    import ruamel.yaml  # noqa: PLC0415 - costs more than a whole Dockerfile; only compose files pay
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

    text = source.text.removeprefix("\ufeff")
    shift = len(source.text) - len(text)
    try:
        loader = ruamel.yaml.YAML(typ="safe", pure=True)
        loader.allow_duplicate_keys = True
        root = loader.compose(text)
        reader = _Reader(source, shift)
        node = reader.read(root) if root is not None else YamlMapping((), Span(0, 0))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        reason = str(error.problem or error.context or "not YAML").replace("\n", " ")
        raise SyntaxProblem(source.path, line, f"not YAML: {reason}", hints=_hints(text)) from error
    except (YAMLError, RecursionError, ValueError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise SyntaxProblem(source.path, 1, f"not YAML: {reason}", hints=_hints(text)) from error
    if not isinstance(node, YamlMapping):
        raise SyntaxProblem(source.path, 1, "a compose file is a mapping with `services:` in it")
    return ComposeDocument(source, node, tuple(reader.notes))


def _hints(text: str) -> tuple[str, ...]:
    if "{{" in text or "{%" in text:
        return ("this looks like a template; give careen the rendered file",)
    if "\t" in text:
        return ("YAML allows no tabs in indentation",)
    return ()


class _Reader:
    def __init__(self, source: Source, shift: int) -> None:
        self._source = source
        self._shift = shift
        self._known: dict[int, YamlNode] = {}
        self._open: set[int] = set()
        self.notes: list[str] = []

    def read(self, node: "Node") -> YamlNode:
        identity = id(node)
        if identity in self._known:
            return self._known[identity]
        if identity in self._open:
            raise SyntaxProblem(
                self._source.path, node.start_mark.line + 1, "an alias that holds itself", hints=("break the circle",)
            )
        self._open.add(identity)
        result = self._read(node)
        self._open.discard(identity)
        self._known[identity] = result
        return result

    def _span(self, node: "Node") -> Span:
        return Span(node.start_mark.index + self._shift, node.end_mark.index + self._shift)

    def _read(self, node: "Node") -> YamlNode:
        from ruamel.yaml.nodes import MappingNode, SequenceNode  # noqa: PLC0415

        if isinstance(node, MappingNode):
            return self._mapping(node)
        if isinstance(node, SequenceNode):
            items = tuple(self.read(item) for item in node.value)
            flow = bool(getattr(node, "flow_style", False))
            span = self._span(node)
            own_ends = [item.span.end for item in items if item.span.start >= span.start]
            if own_ends and not flow:
                span = Span(span.start, max(own_ends))
            return YamlSequence(items, span, flow)
        plain = getattr(node, "style", None) is None
        span = self._span(node)
        return YamlScalar(str(node.value), span, plain)

    def _mapping(self, node: "Node") -> YamlMapping:
        own: dict[str, YamlEntry] = {}
        inherited: dict[str, YamlEntry] = {}
        for key_node, value_node in node.value:
            key = self.read(key_node)
            if not isinstance(key, YamlScalar):
                continue
            value = self.read(value_node)
            if key.text == _MERGE_KEY and key.plain:
                parents = value.items if isinstance(value, YamlSequence) else (value,)
                for parent in parents:
                    if isinstance(parent, YamlMapping):
                        for entry in parent.entries:
                            inherited.setdefault(entry.key.text, YamlEntry(entry.key, entry.value, inherited=True))
                continue
            if key.text in own:
                line = self._source.line_of(key.span.start)
                self.notes.append(f"{self._source.path}:{line}: the key `{key.text}` stands twice; the last one holds")
            own[key.text] = YamlEntry(key, value)
        entries = (*own.values(), *(entry for name, entry in inherited.items() if name not in own))
        start = node.start_mark.index + self._shift
        flow = bool(getattr(node, "flow_style", False))
        end = node.end_mark.index + self._shift
        if own and not flow:
            end = max(
                entry.value.span.end if entry.value.span.start >= start else entry.key.span.end
                for entry in own.values()
            )
        return YamlMapping(entries, Span(start, max(start, end)), flow, anchored=node.anchor is not None)
