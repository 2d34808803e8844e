"""Tables on disk that are asked without being loaded.

A table is a text of lines, sorted by their bytes; the cells of a line are separated by tabs and the first is the
key. Lookup is a binary search over the mapped file, so a process that wants three packages of sixty thousand
touches a few pages.
"""

import mmap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from careen.errors import CareenError


class TableError(CareenError):
    """A table does not hold what its name promises."""


def render_table(rows: Iterable[Sequence[str]]) -> bytes:
    """White space inside a cell becomes one blank, as the format has no other place for it."""
    lines = sorted({"\t".join(" ".join(cell.split()) for cell in row).encode() for row in rows})
    return b"".join(line + b"\n" for line in lines)


class Table:
    def __init__(self, data: bytes | mmap.mmap) -> None:
        self._data = data

    @classmethod
    def map(cls, path: Path) -> "Table":
        """Raises OSError."""
        with path.open("rb") as stream:
            if path.stat().st_size == 0:  # which cannot be mapped
                return cls(b"")
            return cls(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))

    def rows(self, key: str, *, cells: int) -> Iterator[list[str]]:
        """The rows with this key. Raises TableError for a row that has not that many cells."""
        data, needle = self._data, key.encode() + b"\t"
        low, high = 0, len(data)
        while low < high:
            middle = (low + high) // 2
            start = max(data.rfind(b"\n", low, middle) + 1, low)
            end = data.find(b"\n", middle) + 1 or len(data)
            if data[start:end] < needle:
                low = end
            else:
                high = start
        while low < len(data):
            end = data.find(b"\n", low) + 1 or len(data)
            line = data[low:end]
            if not line.startswith(needle):
                return
            row = line.decode("utf-8", "replace").rstrip("\n").split("\t")
            if len(row) != cells:
                raise TableError(f"a cached table has a damaged row for {key}", hints=("empty careen's cache",))
            yield row
            low = end
