"""Layers put one over the other, as :mod:`careen.oci.filesystem` does it, but keeping what is hidden, in columns.

The rules are the same (image spec, layer.md, "Applying Changesets"; links followed as in a chroot) and the tests hold
the two together; here a file takes a number where it takes an object there.
"""

from dataclasses import field
from typing import cast

from careen.oci.applying import Allowance, followed, hidden_by, is_whiteout
from careen.oci.decompress import LayerError
from careen.oci.layer_entries import EntryKind, LayerEntry
from careen.size.stored import Stored
from careen.text.values import dataclass


@dataclass(slots=True)
class Folder:
    """``children`` are folders, or numbers of rows. ``layer`` is the last one that names it."""

    number: int
    layer: int
    children: "dict[str, Folder | int]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder with its real path, by the path that a layer calls it."""

    called: str
    parts: tuple[str, ...]
    folder: Folder

    def inside(self, name: str) -> str:
        return "/".join((*self.parts, name))


class Tree:
    """Starts empty; layers are applied from the bottom up, each closed with :meth:`end_layer`."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._root = Folder(0, 0)
        self._last = _Place("", (), self._root)
        self._gone: dict[str, int] = {}
        self._known: dict[str, Folder | None] = {"": self._root}
        self._allowance = Allowance()

    def apply(self, entry: LayerEntry, layer: int, fingerprint: int = 0) -> int | None:
        """The new row, None for what has none. Raises LayerError for what cannot be applied."""
        path, _, name = entry.path.rpartition("/")
        if not entry.path:
            return None
        self._allowance.take_entry(entry)
        place = self._last if path == self._last.called else self._folder(path, layer)
        if is_whiteout(name):
            self._white_out(place, name, layer)
            return None
        present = place.folder.children.get(name)
        if entry.kind is EntryKind.DIRECTORY:
            if isinstance(present, Folder):
                present.layer = layer
            else:
                if present is not None:
                    self._uproot(present, layer)
                self._make(place.folder, name, layer)
            return None
        if entry.kind is EntryKind.HARD_LINK:
            return self._link(place, name, entry, layer)
        if isinstance(present, int):
            self._hide(present, layer)
        elif present is not None:
            self._uproot(present, layer)
        row = self._stored.add(place.folder.number, name, entry, layer, fingerprint)
        place.folder.children[name] = row
        if entry.kind is EntryKind.FILE:
            before = present if isinstance(present, int) else None
            if before is None and self._gone:
                before = self._gone.get(place.inside(name))
            if before is not None:
                self._stored.take_over(before, row)
        return row

    def row(self, path: str) -> int | None:
        """The row at a path whose folders may be links; the last part is taken as it is."""
        above, _, name = path.rpartition("/")
        if above not in self._known:
            self._known[above] = self._resolved_folder(above)
        folder = self._known[above]
        child = None if folder is None else folder.children.get(name)
        return child if isinstance(child, int) else None

    def end_layer(self) -> None:
        self._gone.clear()
        self._known = {"": self._root}

    def _link(self, place: _Place, name: str, entry: LayerEntry, layer: int) -> int | None:
        above, _, last = entry.target.rpartition("/")
        source = [*self._steps(above), last]
        found = self._at(source)
        if not isinstance(found, int):
            raise LayerError(f"its hard link {entry.path[:120]!r} leads to no file: {entry.target[:120]!r}")
        if "/".join(source) == place.inside(name):
            return None
        main = self._stored.content(found)
        self._stored.names_left[main] += 1
        present = place.folder.children.get(name)
        if present is not None:
            self._uproot(present, layer)
        row = self._stored.add(place.folder.number, name, entry, layer, 0)
        self._stored.links[row] = main
        if main in self._stored.targets:
            self._stored.targets[row] = self._stored.targets[main]
        place.folder.children[name] = row
        if self._at(source) != found:
            raise LayerError(f"its hard link {entry.path[:120]!r} takes the place of what it links to")
        return row

    def _steps(self, path: str) -> list[str]:
        """The path with every link followed, there or not. Raises LayerError for a circle."""
        return followed(path, cast("Folder | int", self._root), _child, self._target)

    def _target(self, found: "Folder | int") -> str | None:
        return self._stored.targets.get(found) if isinstance(found, int) else None

    def _folder(self, path: str, layer: int) -> _Place:
        """The folder at a path, links followed, made where it is missing."""
        folder = self._root
        parts = self._steps(path)
        for part in parts:
            child = folder.children.get(part)
            if child is None:
                child = self._make(folder, part, layer)
            elif not isinstance(child, Folder):
                raise LayerError(f"it has {path[:120]!r} as a folder, where there is none")
            folder = child
        self._last = _Place(path, tuple(parts), folder)
        return self._last

    def _make(self, parent: Folder, name: str, layer: int) -> Folder:
        self._allowance.take(len(name))
        folder = Folder(self._stored.folders.add(parent.number, name), layer)
        parent.children[name] = folder
        return folder

    def _at(self, parts: list[str]) -> "Folder | int | None":
        found: Folder | int | None = self._root
        for part in parts:
            if not isinstance(found, Folder):
                return None
            found = found.children.get(part)
        return found

    def _resolved_folder(self, path: str) -> Folder | None:
        try:
            found = self._at(self._steps(path))
        except LayerError:
            return None
        return found if isinstance(found, Folder) else None

    def _white_out(self, place: _Place, whiteout: str, layer: int) -> None:
        only = hidden_by(whiteout, place.called)
        if only is None:
            return
        hidden = [only] if only else list(place.folder.children)
        for name in hidden:
            if name in place.folder.children:
                self._prune(place.folder, name, layer)

    def _prune(self, parent: Folder, name: str, layer: int) -> None:
        """Hides what lower layers have in a subtree; folders stay while something of this layer is in them."""
        order: list[tuple[Folder, str]] = []
        waiting = [(parent, name)]
        while waiting:
            holder, part = waiting.pop()
            order.append((holder, part))
            child = holder.children[part]
            if isinstance(child, Folder):
                waiting += ((child, inner) for inner in child.children)
        for holder, part in reversed(order):
            child = holder.children[part]
            if isinstance(child, Folder):
                if child.layer < layer and not child.children:
                    del holder.children[part]
                    self._forget_last()
            elif self._stored.layers[child] < layer:
                del holder.children[part]
                self._remember(child, layer)

    def _uproot(self, present: "Folder | int", layer: int) -> None:
        """Hides all of a subtree, whatever layer it is of."""
        if isinstance(present, int):
            self._remember(present, layer)
            return
        self._forget_last()
        waiting: list[Folder] = [present]
        while waiting:
            for child in waiting.pop().children.values():
                if isinstance(child, Folder):
                    waiting.append(child)
                else:
                    self._remember(child, layer)

    def _hide(self, row: int, layer: int) -> None:
        if row in self._stored.targets:
            self._forget_last()
        self._stored.hide(row, layer)

    def _remember(self, row: int, layer: int) -> None:
        """Hides it, and expects that the layer brings it again."""
        self._hide(row, layer)
        self._gone[self._stored.path(row)] = row

    def _forget_last(self) -> None:
        """What a path leads to may have changed."""
        self._last = _Place("", (), self._root)


def _child(found: "Folder | int", part: str) -> "Folder | int | None":
    return found.children.get(part) if isinstance(found, Folder) else None
