"""Each stored file's owner or cause, as one number: a package's, or a cause's below zero."""

from array import array

from careen.size.causes import DEEPEST, FolderCauses
from careen.size.model import Cause, PackageId
from careen.size.stored import NOBODY, Stored

_CAUSES = tuple(Cause)
_NUMBERS = {cause: number for number, cause in enumerate(_CAUSES)}


class Attribution:
    """``causes`` holds for every row what kind of thing it is, whether a package owns it or not."""

    def __init__(self, stored: Stored, packages: tuple[PackageId, ...], working_directory: str) -> None:
        self._stored = stored
        self._packages = packages
        _give_bytecode_to_its_source(stored)
        self._causes = _row_causes(stored, FolderCauses(working_directory))

    def key(self, row: int) -> int:
        owner = self._stored.owners[row]
        return owner if owner != NOBODY else -1 - self._causes[row]

    def package(self, key: int) -> PackageId | None:
        return self._packages[key] if key >= 0 else None

    def cause_of(self, key: int) -> Cause | None:
        return _CAUSES[-1 - key] if key < 0 else None

    def cause(self, row: int) -> Cause:
        return _CAUSES[self._causes[row]]

    def label(self, key: int) -> str:
        return str(self._packages[key]) if key >= 0 else _CAUSES[-1 - key].value


def _row_causes(stored: Stored, judge: FolderCauses) -> "array[int]":
    """Folders first, in the order of their numbers, which is from the root down."""
    folders = stored.folders
    paths, causes, depths = [""], [Cause.SYSTEM], array("L", [0])
    for number in range(1, len(folders.names)):
        parent, name = folders.parents[number], folders.names[number]
        depths.append(depths[parent] + 1)
        path = "" if depths[number] > DEEPEST else f"{paths[parent]}/{name}" if parent else name
        paths.append(path)
        causes.append(judge.folder(path, name, causes[parent]))
    found = array("B", bytes(len(stored)))
    for row, (parent, name) in enumerate(zip(stored.parents, stored.names, strict=True)):
        found[row] = _NUMBERS[judge.file(name, paths[parent], causes[parent])]
    return found


def _give_bytecode_to_its_source(stored: Stored) -> None:
    """``pkg/__pycache__/module.cpython-311.pyc`` is whose ``pkg/module.py`` is; installers rarely record it."""
    folders, owners = stored.folders, stored.owners
    orphans: dict[tuple[int, str], list[int]] = {}
    for row, (parent, name) in enumerate(zip(stored.parents, stored.names, strict=True)):
        if name.endswith(".pyc") and owners[row] == NOBODY and folders.names[parent] == "__pycache__":
            source = f"{name.partition('.')[0]}.py"
            orphans.setdefault((folders.parents[parent], source), []).append(row)
    if not orphans:
        return
    for row, place in enumerate(zip(stored.parents, stored.names, strict=True)):
        owner = owners[row]
        if owner != NOBODY and place in orphans:
            for orphan in orphans[place]:
                owners[orphan] = owner
