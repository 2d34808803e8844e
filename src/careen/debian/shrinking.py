"""What a trimmed base would weigh if less above it asked for its libraries, told without composing it again.

Which library stays is decided as trimming decides it (:mod:`careen.debian.trim`): by what needs it. What goes with a
library besides its file (a licence, a line of the linker's cache) is not counted, some ten thousand bytes.
"""

from collections.abc import Iterable, Mapping
from posixpath import basename

from careen.blobs.elf import is_elf, read_linkage
from careen.debian.root import RootEntry, RootFile, RootLink
from careen.debian.trim import is_kept_unasked
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryGraph:
    """``files`` are the bytes of each library of a base by its file's name, ``needs`` what each asks for, ``links``
    other names with the one they stand for, and ``wanted`` what programs and modules of the base itself ask for.
    """

    files: Mapping[str, int]
    needs: Mapping[str, tuple[str, ...]]
    links: Mapping[str, str]
    wanted: tuple[str, ...]

    def left(self, asked: Iterable[str]) -> frozenset[str]:
        """Names of the libraries and links that stay when only ``asked`` (SONAMEs) are wanted from above."""
        names = {*self.files, *self.links}
        stay: set[str] = set()
        waiting = [*asked, *self.wanted, *(name for name in names if is_kept_unasked(name))]
        while waiting:
            name = waiting.pop()
            if name in names and name not in stay:
                stay.add(name)
                waiting += self.needs.get(name, ())
                if name in self.links:
                    waiting.append(self.links[name])
        return frozenset(stay)

    def bytes_without(self, asked: Iterable[str]) -> int:
        """Of the libraries that would go."""
        stay = self.left(asked)
        return sum(size for name, size in self.files.items() if name not in stay)


def library_graph(entries: Iterable[RootEntry]) -> LibraryGraph:
    """Of a composed base. Raises ElfError."""
    files: dict[str, int] = {}
    needs: dict[str, tuple[str, ...]] = {}
    links: dict[str, str] = {}
    wanted: dict[str, None] = {}
    for entry in entries:
        folder, _, name = entry.path.rpartition("/")
        in_folder = folder.startswith("usr/lib/") and folder.endswith("-linux-gnu") and ".so" in name
        if isinstance(entry, RootLink) and in_folder:
            links[name] = basename(entry.target)
        elif isinstance(entry, RootFile) and is_elf(entry.content):
            needed = read_linkage(entry.content).needed
            if in_folder:
                files[name], needs[name] = len(entry.content), tuple(needed)
            else:
                wanted.update(dict.fromkeys(needed))
    return LibraryGraph(files=files, needs=needs, links=links, wanted=tuple(wanted))
