"""Modules that no service imports, told in few words: whole folders where that is so, else what is large."""

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

_SMALLEST = 16_000
"""Bytes of source; what is smaller is not worth a line, nor its bytecode worth leaving out."""


def unimported(sizes: Mapping[str, int], imported: Collection[str]) -> tuple[str, ...]:
    """``sizes`` are all sources by their paths, ``imported`` some of these paths. Folders end with a slash."""
    used = {PurePosixPath(), *(folder for path in imported for folder in PurePosixPath(path).parents)}
    found: set[str] = set()
    for path in sizes.keys() - set(imported):
        unused = [folder for folder in PurePosixPath(path).parents if folder not in used]
        if unused:
            found.add(f"{unused[-1]}/")
        elif sizes[path] >= _SMALLEST:
            found.add(path)
    return tuple(sorted(found))
