"""The rules of layers (image spec, layer.md, "Applying Changesets") that hold however a file system is kept in mind:
what a whiteout hides, where a path leads, and how much an image may name.
"""

from collections.abc import Callable
from typing import TypeVar

from careen.oci.decompress import LayerError
from careen.oci.layer_entries import LayerEntry

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_AUFS = ".wh..wh."
_LONGEST_CHAIN = 255
_LONGEST_PATH = 4096
"""Bytes that Linux takes for a path or the text of a link (PATH_MAX)."""

_MOST_NAMES = 4_000_000
_MOST_LETTERS = 400 << 20
"""What all names together may have, so that an image of nothing but names does not fill the memory."""

Node = TypeVar("Node")


def is_whiteout(name: str) -> bool:
    return name.startswith(_WHITEOUT)


def hidden_by(whiteout: str, folder: str) -> str | None:
    """The name that a whiteout hides in its folder, "" for all of them, None for none: a file of aufs itself, which
    every reader passes over. Raises LayerError for a whiteout of nothing.
    """
    if whiteout == _OPAQUE:
        return ""
    if whiteout.startswith(_AUFS):
        return None
    name = whiteout.removeprefix(_WHITEOUT)
    if name in ("", ".", ".."):
        raise LayerError(f"it has a whiteout of nothing: {folder[:120]}/{whiteout}")
    return name


def followed(
    path: str, root: Node, child: Callable[[Node, str], Node | None], link: Callable[[Node], str | None]
) -> list[str]:
    """The parts of a path with every link followed, its last part included, there or not; never out of the root.

    ``link`` gives the text of a symbolic link, None for anything else. Raises LayerError for a circle.
    """
    done: list[str] = []
    nodes: list[Node | None] = [root]
    waiting = path.split("/")[::-1]
    links = 0
    while waiting:
        part = waiting.pop()
        if part in ("", "."):
            continue
        if part == "..":
            del done[-1:]
            del nodes[max(1, len(nodes) - 1) :]
            continue
        here = nodes[-1]
        found = None if here is None else child(here, part)
        target = None if found is None else link(found)
        if target is None:
            done.append(part)
            nodes.append(found)
            continue
        links += 1
        if links > _LONGEST_CHAIN:
            raise LayerError(f"its links go in a circle at {path[:120]!r}")
        if target.startswith("/"):
            done.clear()
            del nodes[1:]
        waiting += target.split("/")[::-1]
    return done


class Allowance:
    """How many names an image may still bring."""

    def __init__(self) -> None:
        self._names = self._letters = 0

    def take_entry(self, entry: LayerEntry) -> None:
        """Raises LayerError for a path that no system takes, or for more names than careen keeps in mind."""
        if len(entry.path) > _LONGEST_PATH or len(entry.target) > _LONGEST_PATH:
            raise LayerError(f"it has a path that no system takes: {entry.path[:120]!r}…")
        self.take(len(entry.path) - entry.path.rfind("/") - 1 + len(entry.target))

    def take(self, letters: int) -> None:
        """One more name. Raises LayerError for more than careen keeps in mind."""
        self._names += 1
        self._letters += letters
        if self._names > _MOST_NAMES or self._letters > _MOST_LETTERS:
            raise LayerError("it has more names than careen keeps in mind")
