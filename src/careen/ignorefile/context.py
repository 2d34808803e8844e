"""What a build context sends: one walk, with sizes by cause.

Never follows a link, crosses a mount point or opens a device: a mounted /proc in a context must not be read.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from careen.ignorefile.causes import Cause, cause_of
from careen.ignorefile.patterns import IgnoreFile

MOST_FILES = 1_000_000
"""Where a walk gives up, with a note."""


@dataclass(frozen=True, slots=True)
class ContextFile:
    """``path`` is relative to the context; ``bytes`` is 0 for a link."""

    path: str
    bytes: int


@dataclass(frozen=True, slots=True)
class CauseWeight:
    cause: Cause
    bytes: int
    files: int
    heaviest: tuple[ContextFile, ...]


@dataclass(frozen=True, slots=True)
class ContextMeasure:
    """``excluded_folders`` were not walked into, since nothing below them can be sent."""

    sent: tuple[ContextFile, ...]
    excluded: tuple[ContextFile, ...]
    excluded_folders: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def sent_bytes(self) -> int:
        return sum(file.bytes for file in self.sent)

    def by_cause(self) -> tuple[CauseWeight, ...]:
        """Heaviest first."""
        groups: dict[Cause, list[ContextFile]] = {}
        for file in self.sent:
            groups.setdefault(cause_of(file.path), []).append(file)
        weights = [
            CauseWeight(
                cause,
                sum(file.bytes for file in files),
                len(files),
                tuple(sorted(files, key=lambda file: (-file.bytes, file.path))[:5]),
            )
            for cause, files in groups.items()
        ]
        return tuple(sorted(weights, key=lambda weight: (-weight.bytes, weight.cause)))


def candidate_ignore_files(context: PurePosixPath, dockerfile: PurePosixPath) -> tuple[PurePosixPath, PurePosixPath]:
    """Where BuildKit looks, in order: beside the Dockerfile under its name, then at the context's root."""
    return dockerfile.with_name(f"{dockerfile.name}.dockerignore"), context / ".dockerignore"


def measure(root: Path, ignore: IgnoreFile | None, *, always: frozenset[str] = frozenset()) -> ContextMeasure:
    """``always`` names files that are sent whatever the patterns say: the Dockerfile and the ignore file itself."""
    walk = _Walk(root, ignore, always)
    sent: list[ContextFile] = []
    excluded: list[ContextFile] = []
    for file, ignored in walk.files():
        (excluded if ignored else sent).append(file)
        if len(sent) + len(excluded) >= MOST_FILES:
            walk.notes.append(f"more than {MOST_FILES} files; the rest was not looked at")
            break
    return ContextMeasure(tuple(sent), tuple(excluded), tuple(walk.excluded_folders), tuple(walk.notes))


class _Walk:
    def __init__(self, root: Path, ignore: IgnoreFile | None, always: frozenset[str]) -> None:
        self._root = root
        self._ignore = ignore
        self._always = always
        self.excluded_folders: list[str] = []
        self.notes: list[str] = []

    def files(self) -> Iterator[tuple[ContextFile, bool]]:
        device = self._root.stat().st_dev
        waiting: list[tuple[str, str]] = [(str(self._root), "")]
        while waiting:
            folder, prefix = waiting.pop()
            try:
                with os.scandir(folder) as entries:
                    ordered = sorted(entries, key=lambda entry: entry.name, reverse=True)
            except OSError as error:
                self.notes.append(f"{prefix or '.'}: {(error.strerror or 'cannot be read').lower()}")
                continue
            for entry in ordered:
                path = f"{prefix}{entry.name}"
                ignored = self._ignored(path)
                if entry.is_dir(follow_symlinks=False):
                    if entry.stat(follow_symlinks=False).st_dev != device:
                        self.notes.append(f"{path}: another file system is mounted here; not looked into")
                    elif ignored and not (self._ignore is not None and self._ignore.may_reach_below(path)):
                        self.excluded_folders.append(path)
                    else:
                        waiting.append((entry.path, f"{path}/"))
                    continue
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    yield ContextFile(path, status.st_size), ignored
                elif stat.S_ISLNK(status.st_mode):
                    yield ContextFile(path, 0), ignored

    def _ignored(self, path: str) -> bool:
        return self._ignore is not None and path not in self._always and self._ignore.excludes(path)
