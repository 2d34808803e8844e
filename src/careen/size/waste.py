"""Bytes that need not be there, with the layer that holds them and the layer whose instruction is to blame."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import field
from heapq import heappush, heappushpop

from careen.size.attribution import Attribution
from careen.size.model import LEFTOVERS, SizedFile, Waste, WasteKind
from careen.size.printable import printable
from careen.size.stored import Fate, Stored
from careen.text.values import dataclass

SMALLEST_DUPLICATE = 4096
"""Bytes; below it the same content twice is the rule (licences, ``__init__.py``), and no waste worth a word."""

_EXAMPLES = 3
_KINDS = {
    Fate.DELETED: WasteKind.DELETED,
    Fate.REPLACED: WasteKind.REPLACED,
    Fate.OWNER_CHANGED: WasteKind.OWNER_CHANGED,
    Fate.MODE_CHANGED: WasteKind.MODE_CHANGED,
    Fate.UNCHANGED: WasteKind.UNCHANGED,
}


@dataclass(slots=True)
class _Heap:
    """One row of the table as it grows."""

    bytes: int = 0
    files: int = 0
    keys: Counter[int] = field(default_factory=Counter)
    heaviest: list[tuple[int, int]] = field(default_factory=list)

    def add(self, row: int, size: int, key: int) -> None:
        self.bytes += size
        self.files += 1
        self.keys[key] += size
        item = (size, -row)
        if len(self.heaviest) < _EXAMPLES:
            heappush(self.heaviest, item)
        else:
            heappushpop(self.heaviest, item)


def find_waste(stored: Stored, attribution: Attribution) -> tuple[Waste, ...]:
    """The heaviest first; no byte in two of them."""
    heaps: dict[tuple[WasteKind, int, int, int], _Heap] = {}
    for row, kind, because_of in _wasted(stored, attribution):
        key = attribution.key(row)
        apart = key if kind is WasteKind.LEFTOVER else 0
        heap = heaps.setdefault((kind, stored.layers[row], because_of, apart), _Heap())
        heap.add(row, stored.sizes[row], key)
    found = [
        Waste(
            kind=kind,
            layer=layer + 1,
            because_of=because_of + 1,
            bytes=heap.bytes,
            files=heap.files,
            label=attribution.label(min(heap.keys, key=lambda key: (-heap.keys[key], attribution.label(key)))),
            examples=tuple(
                SizedFile(path=printable(stored.path(-row)), bytes=size)
                for size, row in sorted(heap.heaviest, reverse=True)
            ),
        )
        for (kind, layer, because_of, _), heap in heaps.items()
    ]
    return tuple(sorted(found, key=lambda waste: (-waste.bytes, waste.layer, waste.kind.value, waste.label)))


def _wasted(stored: Stored, attribution: Attribution) -> Iterator[tuple[int, WasteKind, int]]:
    """Rows with the kind of waste and the layer to blame."""
    moved = _moved(stored)
    first: dict[int, int] = {}
    for row, size in enumerate(stored.sizes):
        if not size:
            continue
        fate = Fate(stored.fates[row])
        if fate is not Fate.VISIBLE:
            kind = WasteKind.MOVED if row in moved else _KINDS[fate]
            yield row, kind, stored.hidden_by[row]
        elif attribution.cause_of(attribution.key(row)) in LEFTOVERS:
            yield row, WasteKind.LEFTOVER, stored.layers[row]
        elif size >= SMALLEST_DUPLICATE:
            original = first.setdefault(stored.prints[row], row)
            if original != row and stored.sizes[original] == size:
                yield row, WasteKind.DUPLICATE, stored.layers[original]


def _moved(stored: Stored) -> set[int]:
    """Rows that a layer deleted and brought again somewhere else."""
    deleted: dict[tuple[int, int], list[int]] = {}
    for row, fate in enumerate(stored.fates):
        if fate == Fate.DELETED and stored.sizes[row]:
            deleted.setdefault((stored.hidden_by[row], stored.prints[row]), []).append(row)
    if not deleted:
        return set()
    found: set[int] = set()
    for row, place in enumerate(zip(stored.layers, stored.prints, strict=True)):
        for gone in deleted.get(place, ()):
            if gone != row and stored.sizes[gone] == stored.sizes[row]:
                found.add(gone)
    return found
