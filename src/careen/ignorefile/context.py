"""What a build context sends: one walk, with sizes by cause.

Never follows a link, crosses a mount point or opens a device: a mounted /proc in a context must not be read.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from careen.ignorefile.causes import Cause, file_cause, folder_cause
from careen.ignorefile.patterns import FolderState, IgnoreFile
from careen.text.values import dataclass

MOST_FILES = 1_000_000
"""Where a walk gives up, with a note."""

_HEAVIEST = 5
_VIRTUAL_ENVIRONMENT_MARK = "pyvenv.cfg"


class ContextFile(NamedTuple):
    """``path`` is relative to the context; ``bytes`` is 0 for a link.

    A tuple, since a context may have a hundred thousand of them.
    """

    path: str
    bytes: int
    cause: Cause = Cause.OTHER


@dataclass(frozen=True, slots=True)
class CauseWeight:
    """``heaviest`` has at most five files."""

    cause: Cause
    bytes: int
    files: int
    heaviest: tuple[ContextFile, ...]


@dataclass(frozen=True)
class ContextMeasure:
    """``excluded_folders`` were not walked into, since nothing below them can be sent."""

    sent: tuple[ContextFile, ...]
    excluded: tuple[ContextFile, ...]
    excluded_folders: tuple[str, ...]
    notes: tuple[str, ...]
    root: Path | None = field(default=None, compare=False, repr=False)

    @cached_property
    def sent_bytes(self) -> int:
        return sum(file.bytes for file in self.sent)

    @property
    def sent_files(self) -> int:
        return len(self.sent)

    def by_cause(self) -> tuple[CauseWeight, ...]:
        """What is sent, heaviest first."""
        return _by_cause(self.sent)

    @cached_property
    def below_excluded_folders(self) -> tuple[ContextFile, ...]:
        """The files that the first walk did not look at; walked when first asked for."""
        if self.root is None:
            return ()
        walk = _Walk(self.root, None, frozenset())
        return tuple(walk.within(self.excluded_folders, most=MOST_FILES))

    def excluded_by_cause(self) -> tuple[CauseWeight, ...]:
        """What the ignore file keeps out, heaviest first."""
        return _by_cause((*self.excluded, *self.below_excluded_folders))


def _by_cause(files: Iterable[ContextFile]) -> tuple[CauseWeight, ...]:
    groups: dict[Cause, list[ContextFile]] = {}
    for file in files:
        groups.setdefault(file.cause, []).append(file)
    weights = [
        CauseWeight(
            cause,
            sum(file.bytes for file in group),
            len(group),
            tuple(sorted(group, key=lambda file: (-file.bytes, file.path))[:_HEAVIEST]),
        )
        for cause, group in groups.items()
    ]
    return tuple(sorted(weights, key=lambda weight: (-weight.bytes, weight.cause)))


def candidate_ignore_files(context: PurePosixPath, dockerfile: PurePosixPath) -> tuple[PurePosixPath, PurePosixPath]:
    """Where BuildKit looks, in order: beside the Dockerfile under its name, then at the context's root."""
    return dockerfile.with_name(f"{dockerfile.name}.dockerignore"), context / ".dockerignore"


def measure(
    root: Path, ignore: IgnoreFile | None, *, always: frozenset[str] = frozenset(), most: int = MOST_FILES
) -> ContextMeasure:
    """``always`` names files that are sent whatever the patterns say: the Dockerfile and the ignore file itself.

    What cannot be read, or is more than ``most`` files, becomes a note; so does a ``root`` that is no folder.
    """
    walk = _Walk(root, ignore, always)
    sent: list[ContextFile] = []
    excluded: list[ContextFile] = []
    for file, ignored in walk.files():
        if len(sent) + len(excluded) >= most:
            walk.notes.append(f"more than {most} files; the rest was not looked at")
            break
        (excluded if ignored else sent).append(file)
    return ContextMeasure(
        tuple(sent), tuple(excluded), tuple(sorted(walk.excluded_folders)), tuple(walk.notes), root=root
    )


class _Folder(NamedTuple):
    place: str
    prefix: str
    state: FolderState
    cause: Cause | None


class _Walk:
    def __init__(self, root: Path, ignore: IgnoreFile | None, always: frozenset[str]) -> None:
        self._root = root
        self._ignore = ignore
        self._always = always
        self._kept_folders = frozenset(str(parent) for path in always for parent in PurePosixPath(path).parents)
        self.excluded_folders: list[str] = []
        self.notes: list[str] = []

    def files(self) -> Iterator[tuple[ContextFile, bool]]:
        state = () if self._ignore is None else self._ignore.top
        return self._below(_Folder(str(self._root), "", state, None))

    def within(self, folders: Iterable[str], *, most: int) -> Iterator[ContextFile]:
        """Every file below ``folders``, which are relative to the root."""
        count = 0
        for folder in folders:
            cause: Cause | None = None
            for name in folder.split("/"):
                cause = folder_cause(name, cause)
            for file, _ in self._below(_Folder(str(self._root / folder), f"{folder}/", (), cause)):
                if count >= most:
                    return
                count += 1
                yield file

    def _below(self, top: _Folder) -> Iterator[tuple[ContextFile, bool]]:
        device: int | None = None
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            try:
                device = os.lstat(folder.place).st_dev if device is None else device
                with os.scandir(folder.place) as entries:
                    ordered = sorted(entries, key=_name)
            except OSError as error:
                self.notes.append(f"{folder.prefix or '.'}: {(error.strerror or 'cannot be read').lower()}")
                continue
            cause = folder.cause
            if cause is None and any(entry.name == _VIRTUAL_ENVIRONMENT_MARK for entry in ordered):
                cause = Cause.VIRTUAL_ENVIRONMENT
            deeper: list[_Folder] = []
            for entry in ordered:
                path = folder.prefix + entry.name
                ignored, state = self._judge(path, folder.state)
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError as error:  # it vanished, or its folder may be listed but not entered
                    self.notes.append(f"{path}: {(error.strerror or 'cannot be read').lower()}")
                    continue
                if stat.S_ISREG(status.st_mode):
                    yield ContextFile(path, status.st_size, file_cause(entry.name, cause)), ignored
                elif stat.S_ISLNK(status.st_mode):
                    yield ContextFile(path, 0, file_cause(entry.name, cause)), ignored
                elif not stat.S_ISDIR(status.st_mode):
                    continue
                elif status.st_dev != device:
                    self.notes.append(f"{path}: another file system is mounted here; not looked into")
                elif ignored and not self._may_send_below(path):
                    self.excluded_folders.append(path)
                else:
                    deeper.append(_Folder(entry.path, f"{path}/", state, folder_cause(entry.name, cause)))
            waiting.extend(reversed(deeper))

    def _judge(self, path: str, above: FolderState) -> tuple[bool, FolderState]:
        if self._ignore is None:
            return False, above
        ignored, state = self._ignore.step(path, above)
        return ignored and path not in self._always, state

    def _may_send_below(self, folder: str) -> bool:
        return folder in self._kept_folders or (self._ignore is not None and self._ignore.may_reach_below(folder))


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name
