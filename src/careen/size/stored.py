"""The files of all layers in columns, some sixty bytes a file, so that images of a million files fit into memory."""

import sys
from array import array
from dataclasses import field
from enum import IntEnum

from careen.oci.layer_entries import EntryKind, LayerEntry
from careen.text.values import dataclass

NOBODY = -1


class Fate(IntEnum):
    """What became of a stored file; the order has no meaning."""

    VISIBLE = 0
    DELETED = 1
    REPLACED = 2
    OWNER_CHANGED = 3
    MODE_CHANGED = 4
    UNCHANGED = 5


@dataclass(slots=True)
class Folders:
    """Folders by number, those that are gone included; a folder's number is higher than its parent's. 0 is the root."""

    parents: "array[int]" = field(default_factory=lambda: array("l", [NOBODY]))
    names: list[str] = field(default_factory=lambda: [""])

    def add(self, parent: int, name: str) -> int:
        self.parents.append(parent)
        self.names.append(sys.intern(name))
        return len(self.names) - 1

    def path(self, folder: int) -> str:
        parts = []
        while folder:
            parts.append(self.names[folder])
            folder = self.parents[folder]
        return "/".join(reversed(parts))


@dataclass(slots=True)
class Stored:
    """One row for every entry but folders. ``sizes`` is 0 for all but files; ``names_left`` counts the visible names
    of a file, which hard links share; ``links`` leads from a hard link's row to the file's.

    ``prints`` tell contents apart: CRC-32 and Adler-32 together, against chance, not against malice.
    """

    folders: Folders = field(default_factory=Folders)
    parents: "array[int]" = field(default_factory=lambda: array("l"))
    names: list[str] = field(default_factory=list)
    layers: "array[int]" = field(default_factory=lambda: array("H"))
    sizes: "array[int]" = field(default_factory=lambda: array("Q"))
    prints: "array[int]" = field(default_factory=lambda: array("Q"))
    modes: "array[int]" = field(default_factory=lambda: array("H"))
    people: "array[int]" = field(default_factory=lambda: array("Q"))
    owners: "array[int]" = field(default_factory=lambda: array("l"))
    fates: "array[int]" = field(default_factory=lambda: array("B"))
    hidden_by: "array[int]" = field(default_factory=lambda: array("H"))
    names_left: "array[int]" = field(default_factory=lambda: array("L"))
    links: dict[int, int] = field(default_factory=dict)
    targets: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    def add(self, parent: int, name: str, entry: LayerEntry, layer: int, fingerprint: int) -> int:
        row = len(self.names)
        self.parents.append(parent)
        self.names.append(sys.intern(name))
        self.layers.append(layer)
        self.sizes.append(entry.size)
        self.prints.append(fingerprint)
        self.modes.append(entry.mode)
        self.people.append(entry.uid << 32 | entry.gid)
        self.owners.append(NOBODY)
        self.fates.append(Fate.VISIBLE)
        self.hidden_by.append(0)
        self.names_left.append(1)
        if entry.kind is EntryKind.SYMBOLIC_LINK:
            self.targets[row] = entry.target
        return row

    def content(self, row: int) -> int:
        """The row of the file itself, for a hard link."""
        return self.links.get(row, row)

    def path(self, row: int) -> str:
        folder = self.folders.path(self.parents[row])
        return f"{folder}/{self.names[row]}" if folder else self.names[row]

    def hide(self, row: int, layer: int) -> None:
        """One name of a file is gone, and with the last name the file."""
        main = self.content(row)
        self.names_left[main] -= 1
        if not self.names_left[main]:
            self.fates[main] = Fate.DELETED
            self.hidden_by[main] = layer

    def take_over(self, before: int, after: int) -> None:
        """``after`` stands where ``before`` was: says why, and whose it is until a record says otherwise."""
        before = self.content(before)
        self.owners[after] = self.owners[before]
        if self.fates[before] != Fate.DELETED:
            return
        if not self._same_content(before, after):
            self.fates[before] = Fate.REPLACED
        elif self.people[before] != self.people[after]:
            self.fates[before] = Fate.OWNER_CHANGED
        elif self.modes[before] != self.modes[after]:
            self.fates[before] = Fate.MODE_CHANGED
        else:
            self.fates[before] = Fate.UNCHANGED

    def _same_content(self, one: int, other: int) -> bool:
        return self.sizes[one] == self.sizes[other] and self.prints[one] == self.prints[other]
