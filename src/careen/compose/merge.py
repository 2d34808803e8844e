"""One service over another, as compose-go's override package merges them (compose specification, 13-merge).

Aliases stay shared: what was merged once is not merged again, so a bomb of aliases costs what its text costs.
"""

import re
from collections.abc import Callable, Iterable

from careen.compose.document import YamlEntry, YamlMapping, YamlNode, YamlScalar, YamlSequence
from careen.text.source import Span

_REPLACED = frozenset({("command",), ("entrypoint",), ("healthcheck", "test")})
_PAIRS = frozenset(
    {("environment",), ("labels",), ("annotations",), ("sysctls",), ("build", "args"), ("build", "labels"),
     ("build", "additional_contexts"), ("build", "extra_hosts"), ("extra_hosts",), ("deploy", "labels")}
)  # fmt: skip
_LISTS = frozenset({("dns",), ("dns_opt",), ("dns_search",), ("env_file",), ("label_file",), ("tmpfs",)})
"""May be written as one string too."""
_UNIQUE = frozenset(
    {"cap_add", "cap_drop", "devices", "dns", "dns_opt", "dns_search", "env_file", "expose", "links", "ports",
     "profiles", "secrets", "configs", "tmpfs", "volumes", "tags", "aliases"}
)  # fmt: skip
_REFERENCE = re.compile(r"\$\{[^{}]*\}")


def merge_services(base: YamlEntry, override: YamlEntry) -> YamlEntry:
    """``override`` over ``base``; the key is the override's."""
    return YamlEntry(override.key, _Merger().merge(base.value, override.value, ()))


def without_resets(node: YamlNode) -> YamlNode:
    """The node without what ``!reset`` takes away, however deep."""
    return _Merger().cleaned(node)


class _Merger:
    def __init__(self) -> None:
        self._merged: dict[tuple[int, int, tuple[str, ...]], YamlNode] = {}
        self._cleaned: dict[int, YamlNode] = {}
        self._kept: list[YamlNode] = []
        """Nodes are known by their identity, which is theirs only while they live."""

    def merge(self, base: YamlNode, override: YamlNode, path: tuple[str, ...]) -> YamlNode:
        if override.tag is not None:
            return override
        shown = path[:2]
        key = (id(base), id(override), shown)
        known = self._merged.get(key)
        if known is None:
            known = self._merge(base, override, path)
            self._merged[key] = known
            self._kept += (base, override)
        return known

    def _merge(self, base: YamlNode, override: YamlNode, path: tuple[str, ...]) -> YamlNode:
        if path in _REPLACED:
            return override
        if isinstance(override, YamlScalar) and override.is_null:
            return base
        if path == ("build",):
            base, override = _as_build(base), _as_build(override)
        elif path in {("depends_on",), ("networks",)}:
            base, override = _as_mapping(base), _as_mapping(override)
        elif path in _PAIRS:
            if type(base) is not type(override):
                base, override = _as_pairs(base), _as_pairs(override)
        elif path in _LISTS:
            base, override = _as_list(base), _as_list(override)
        if isinstance(base, YamlMapping) and isinstance(override, YamlMapping):
            if path == ("logging",) and _differ(base.get("driver"), override.get("driver")):
                return override
            return self._mappings(base, override, path)
        if isinstance(base, YamlSequence) and isinstance(override, YamlSequence):
            return _joined(base, override, path)
        return override

    def _mappings(self, base: YamlMapping, override: YamlMapping, path: tuple[str, ...]) -> YamlMapping:
        entries = {entry.key.text: entry for entry in base}
        for entry in override:
            name = entry.key.text
            known = entries.get(name)
            if known is not None:
                merged = self.merge(known.value, entry.value, (*path, name))
                # Where only one of the two is left, it keeps the place where it is written.
                entry = known if merged is known.value else YamlEntry(entry.key, merged, alias=entry.alias)  # noqa: PLW2901
            entries[name] = entry
        return YamlMapping(tuple(entries.values()), override.span, origin=override.origin)

    def cleaned(self, node: YamlNode) -> YamlNode:
        known = self._cleaned.get(id(node))
        if known is None:
            known = self._clean(node)
            self._cleaned[id(node)] = known
            self._kept.append(node)
        return known

    def _clean(self, node: YamlNode) -> YamlNode:
        if not isinstance(node, YamlMapping):
            return node
        kept: list[YamlEntry] = []
        for entry in node:
            if entry.value.tag == "!reset":
                continue
            value = self.cleaned(entry.value)
            kept.append(entry if value is entry.value else YamlEntry(entry.key, value, entry.inherited, entry.alias))
        if len(kept) == len(node.entries) and all(a is b for a, b in zip(kept, node.entries, strict=True)):
            return node
        return YamlMapping(tuple(kept), node.span, node.flow, node.anchored, node.origin, node.tag, node.merges)


def _differ(one: YamlNode | None, other: YamlNode | None) -> bool:
    return isinstance(one, YamlScalar) and isinstance(other, YamlScalar) and one.text != other.text


def _as_build(node: YamlNode) -> YamlNode:
    """``build: folder`` is ``build: {context: folder}``."""
    if not isinstance(node, YamlScalar):
        return node
    key = YamlScalar("context", Span(node.span.start, node.span.start), origin=node.origin)
    return YamlMapping((YamlEntry(key, node),), node.span, origin=node.origin)


def _as_mapping(node: YamlNode) -> YamlNode:
    """``[a, b]`` is ``{a: , b: }`` for networks and dependencies."""
    if not isinstance(node, YamlSequence):
        return node
    entries = [
        YamlEntry(item, YamlMapping((), item.span, origin=item.origin))
        for item in node.items
        if isinstance(item, YamlScalar)
    ]
    return YamlMapping(tuple(entries), node.span, origin=node.origin)


def _as_pairs(node: YamlNode) -> YamlNode:
    """``[A=b]`` as ``{A: b}``; a name alone keeps no value."""
    if not isinstance(node, YamlSequence):
        return node
    entries: dict[str, YamlEntry] = {}
    for item in node.items:
        if isinstance(item, YamlScalar):
            name, equals, value = item.text.partition("=")
            key = YamlScalar(name, item.span, origin=item.origin)
            # Quoted unless left out: `A=` is empty, `A` is taken from outside.
            entries[name] = YamlEntry(key, YamlScalar(value, item.span, plain=not equals, origin=item.origin))
    return YamlMapping(tuple(entries.values()), node.span, origin=node.origin)


def _as_list(node: YamlNode) -> YamlNode:
    if isinstance(node, YamlSequence):
        return node
    return YamlSequence((node,), node.span, origin=node.origin, item_spans=(node.span,))


def _joined(base: YamlSequence, override: YamlSequence, path: tuple[str, ...]) -> YamlSequence:
    items = [*base.items, *override.items]
    spans = [*(base.item_spans or [item.span for item in base.items])]
    spans += override.item_spans or [item.span for item in override.items]
    if path and (path[-1] in _UNIQUE or path in _PAIRS):
        index = _target if path[-1] in {"volumes", "devices"} else _port if path[-1] == "ports" else _name
        items, spans = _unique(items, spans, index)
    return YamlSequence(tuple(items), override.span, origin=override.origin, item_spans=tuple(spans))


def _unique(
    items: Iterable[YamlNode], spans: Iterable[Span], index: Callable[[YamlNode], str | None]
) -> tuple[list[YamlNode], list[Span]]:
    """Of two items with one key the later holds, at the place of the earlier."""
    kept: list[tuple[YamlNode, Span]] = []
    places: dict[str, int] = {}
    for item, span in zip(items, spans, strict=True):
        key = index(item)
        if key is not None and key in places:
            kept[places[key]] = (item, span)
            continue
        if key is not None:
            places[key] = len(kept)
        kept.append((item, span))
    return [item for item, _ in kept], [span for _, span in kept]


def _name(item: YamlNode) -> str | None:
    """``A`` of ``A=b``, and what a long form calls itself."""
    if isinstance(item, YamlScalar):
        return item.text.partition("=")[0]
    if isinstance(item, YamlMapping):
        for key in ("target", "path", "source"):
            node = item.get(key)
            if isinstance(node, YamlScalar):
                return node.text
    return None


def _target(item: YamlNode) -> str | None:
    """The path inside the container."""
    if isinstance(item, YamlMapping):
        node = item.get("target")
        return node.text if isinstance(node, YamlScalar) else None
    if not isinstance(item, YamlScalar):
        return None
    # A reference may have colons of its own: ${DATA:-./data}:/data
    parts = _REFERENCE.sub(lambda match: match[0].replace(":", "\0"), item.text).split(":")
    return (parts[0] if len(parts) == 1 else parts[1]).replace("\0", ":")


def _port(item: YamlNode) -> str | None:
    if isinstance(item, YamlScalar):
        return item.text
    if isinstance(item, YamlMapping):
        parts = [item.get(key) for key in ("host_ip", "published", "target", "protocol")]
        return ":".join(part.text if isinstance(part, YamlScalar) else "" for part in parts)
    return None
