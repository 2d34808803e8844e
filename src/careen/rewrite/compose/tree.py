"""Who shares what in one compose file: merge keys, anchors, and the mappings that only some services use."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from careen.compose.document import ComposeDocument, YamlEntry, YamlMapping, YamlNode, YamlSequence
from careen.text.values import dataclass


@dataclass(frozen=True)
class ComposeTree:
    document: ComposeDocument

    @cached_property
    def services(self) -> Mapping[str, YamlEntry]:
        node = self.document.root.get("services")
        return {entry.key.text: entry for entry in node} if isinstance(node, YamlMapping) else {}

    def mapping_of(self, service: str) -> YamlMapping | None:
        """None for a service with nothing in it."""
        entry = self.services.get(service)
        return entry.value if entry is not None and isinstance(entry.value, YamlMapping) else None

    @cached_property
    def _users(self) -> Mapping[int, frozenset[str]]:
        """Mappings that are merged into services, by identity, with the services' names."""
        found: dict[int, set[str]] = {}
        for name in self.services:
            mapping = self.mapping_of(name)
            for merged in merged_into(mapping) if mapping is not None else ():
                found.setdefault(id(merged), set()).add(name)
        return {identity: frozenset(names) for identity, names in found.items()}

    def users(self, mapping: YamlMapping) -> frozenset[str]:
        """The services that a mapping is merged into, directly or through others."""
        return self._users.get(id(mapping), frozenset())

    def owner(self, mapping: YamlMapping, key: str) -> YamlMapping | None:
        """The mapping in whose text a key stands: ``mapping`` itself or one that is merged into it."""
        for candidate in (mapping, *merged_into(mapping)):
            for entry in candidate.entries:
                if entry.key.text == key and not entry.inherited:
                    return candidate
        return None

    def common(self, services: frozenset[str]) -> YamlMapping | None:
        """A mapping that is merged into all of these services and into no other."""
        first = self.mapping_of(min(services)) if len(services) > 1 else None
        for candidate in merged_into(first) if first is not None else ():
            if self.users(candidate) == services:
                return candidate
        return None

    def is_shared(self, node: YamlNode) -> bool:
        """Whether an alias elsewhere uses the node or something inside it."""
        return any(node.span.start <= span.start and span.end <= node.span.end for span in self.document.shared)


def merged_into(mapping: YamlMapping) -> Iterator[YamlMapping]:
    """The nearest first."""
    for merge in mapping.merges:
        nodes = merge.value.items if isinstance(merge.value, YamlSequence) else (merge.value,)
        for node in nodes:
            if isinstance(node, YamlMapping):
                yield node
                yield from merged_into(node)
