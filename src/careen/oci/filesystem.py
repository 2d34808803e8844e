"""The file system that layers make, one over the other (image spec, layer.md, "Applying Changesets").

All paths are relative to the image's root, without a leading slash. Links are followed as in a chroot: never out of
the root, absolute ones from it. Whiteouts hide what lower layers made, and nothing of their own layer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field

from careen.oci.applying import Allowance, followed, hidden_by, is_whiteout
from careen.oci.decompress import LayerError
from careen.oci.layer_entries import EntryKind, LayerEntry
from careen.text.values import dataclass

_MADE = LayerEntry(path="", kind=EntryKind.DIRECTORY, mode=0o755)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """Anything that has a path in the finished image. ``layer`` counts the manifest's layers from the bottom, 0.

    ``size`` is 0 for all but files. Of several names of one file the first is the FILE; the others are HARD_LINKs
    whose ``target`` is that path, and no bytes. For symbolic links ``target`` is their text.
    """

    path: str
    kind: EntryKind
    mode: int
    size: int
    uid: int
    gid: int
    layer: int
    target: str = ""
    modified: int = 0
    attributes: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class _Node:
    """What a name leads to; several names may lead to one. ``path`` of ``entry`` is only where it was made."""

    entry: LayerEntry
    layer: int
    children: dict[str, "_Name"] = field(default_factory=dict)


@dataclass(slots=True)
class _Name:
    node: _Node
    layer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one entry of a layer does to a file system, in this order.

    ``removed`` are paths with whether they are folders, content before its folder. ``made`` are folders that the
    layer took for granted. ``placed`` is where the entry goes, None for a whiteout; ``again`` says that there is a
    folder already, which only changes its rights. ``source`` is the path that a hard link shares.
    """

    removed: tuple[tuple[str, bool], ...] = ()
    made: tuple[str, ...] = ()
    placed: str | None = None
    again: bool = False
    source: str = ""


class FileSystem:
    """Starts empty; layers are applied from the bottom up."""

    def __init__(self) -> None:
        self._root = _Node(_MADE, 0)
        self._allowance = Allowance()

    def apply(self, entry: LayerEntry, layer: int) -> Change:
        """Raises LayerError for what cannot be applied."""
        folder, _, name = entry.path.rpartition("/")
        if not entry.path:
            self._root.entry, self._root.layer = entry, layer
            return Change(placed="", again=True)
        self._allowance.take_entry(entry)
        made: list[str] = []
        where, parent = self._folder(folder, layer, made)
        if is_whiteout(name):
            return Change(removed=tuple(self._hide(where, parent, name, layer)), made=tuple(made))
        place = f"{where}/{name}" if where else name
        present = parent.children.get(name)
        if entry.kind is EntryKind.DIRECTORY and present is not None and _is_folder(present.node):
            present.node.entry, present.node.layer, present.layer = entry, layer, layer
            return Change(made=tuple(made), placed=place, again=True)
        source, node = "", _Node(entry, layer)
        if entry.kind is EntryKind.HARD_LINK:
            source, node = self._linked(entry)
            if source == place:
                return Change(made=tuple(made))
        removed = tuple(_uproot(place, present)) if present is not None else ()
        parent.children[name] = _Name(node, layer)
        if source and self._at(source) is not node:
            raise LayerError(f"its hard link {entry.path[:120]!r} takes the place of what it links to")
        return Change(removed=removed, made=tuple(made), placed=place, source=source)

    def files(self) -> tuple[ImageFile, ...]:
        """Sorted by path; the root itself is not among them."""
        first: dict[int, str] = {}
        found = []
        for path, name in sorted(self._walk(), key=lambda item: item[0]):
            main = first.setdefault(id(name.node), path)
            found.append(_image_file(path, name, "" if main == path else main))
        return tuple(found)

    def root(self) -> ImageFile:
        return _image_file("", _Name(self._root, self._root.layer), "")

    def find(self, path: str) -> ImageFile | None:
        """What is at a path, under its real path, once every link is followed; None where that leads nowhere."""
        try:
            where = self.resolve(path)
        except LayerError:
            return None
        if not where:
            return self.root()
        folder, _, name = where.rpartition("/")
        parent = self._at(folder)
        found = None if parent is None else parent.children.get(name)
        return None if found is None else _image_file(where, found, "")

    def resolve(self, path: str) -> str:
        """The path with every link followed, its last part included, there or not. Raises LayerError for a circle."""
        return "/".join(self._steps(path))

    def _steps(self, path: str) -> list[str]:
        return followed(path, self._root, _child, _link)

    def _folder(self, path: str, layer: int, made: list[str]) -> tuple[str, _Node]:
        """The folder at a path, links followed, made where it is missing."""
        node = self._root
        done: list[str] = []
        for part in self._steps(path):
            done.append(part)
            name = node.children.get(part)
            if name is None:
                name = _Name(_Node(_MADE, layer), layer)
                self._allowance.take(len(part))
                node.children[part] = name
                made.append("/".join(done))
            elif not _is_folder(name.node):
                raise LayerError(f"it has {path[:120]!r} as a folder, where there is a {name.node.entry.kind.value}")
            node = name.node
        return "/".join(done), node

    def _at(self, path: str) -> _Node | None:
        node = self._root
        for part in path.split("/") if path else ():
            name = node.children.get(part)
            if name is None:
                return None
            node = name.node
        return node

    def _linked(self, entry: LayerEntry) -> tuple[str, _Node]:
        folder, _, name = entry.target.rpartition("/")
        where = self.resolve(folder)
        source = f"{where}/{name}" if where else name
        node = self._at(source)
        if node is None or _is_folder(node):
            raise LayerError(f"its hard link {entry.path[:120]!r} leads to no file: {entry.target[:120]!r}")
        return source, node

    def _hide(self, where: str, parent: _Node, whiteout: str, layer: int) -> Iterator[tuple[str, bool]]:
        name = hidden_by(whiteout, where)
        if name is None:
            return
        hidden = [name] if name else list(parent.children)
        for name in hidden:
            if name in parent.children:
                yield from _prune(parent, name, f"{where}/{name}" if where else name, layer)

    def _walk(self) -> Iterator[tuple[str, _Name]]:
        waiting: list[tuple[str, _Node]] = [("", self._root)]
        while waiting:
            prefix, node = waiting.pop()
            for part, name in node.children.items():
                path = f"{prefix}{part}"
                yield path, name
                if name.node.children:
                    waiting.append((f"{path}/", name.node))


def _is_folder(node: _Node) -> bool:
    return node.entry.kind is EntryKind.DIRECTORY


def _child(node: _Node, part: str) -> _Node | None:
    name = node.children.get(part)
    return None if name is None else name.node


def _link(node: _Node) -> str | None:
    return node.entry.target if node.entry.kind is EntryKind.SYMBOLIC_LINK else None


def _uproot(path: str, name: _Name) -> Iterator[tuple[str, bool]]:
    """All of a subtree, content before its folder."""
    order: list[tuple[str, bool]] = []
    waiting = [(path, name)]
    while waiting:
        here, found = waiting.pop()
        order.append((here, _is_folder(found.node)))
        waiting += ((f"{here}/{part}", child) for part, child in found.node.children.items())
    return reversed(order)


def _prune(parent: _Node, name: str, path: str, layer: int) -> Iterator[tuple[str, bool]]:
    """What lower layers have in a subtree; folders stay while something of this layer is in them."""
    order: list[tuple[_Node, str, str]] = []
    waiting = [(parent, name, path)]
    while waiting:
        holder, part, here = waiting.pop()
        order.append((holder, part, here))
        node = holder.children[part].node
        waiting += ((node, child, f"{here}/{child}") for child in node.children)
    for holder, part, here in reversed(order):
        found = holder.children[part]
        if found.layer < layer and not found.node.children:
            del holder.children[part]
            yield here, _is_folder(found.node)


def _image_file(path: str, name: _Name, main: str) -> ImageFile:
    entry = name.node.entry
    return ImageFile(
        path=path,
        kind=EntryKind.HARD_LINK if main else entry.kind,
        mode=entry.mode,
        size=0 if main else entry.size,
        uid=entry.uid,
        gid=entry.gid,
        layer=name.layer if main else name.node.layer,
        target=main or entry.target,
        modified=entry.modified,
        attributes=entry.attributes,
    )
