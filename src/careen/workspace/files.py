"""Reading a project's files: bounded, inside the tree, never a device.

The inputs are hostile by assumption: a path in a compose file may climb out, a link may point anywhere,
a file may be a fifo that never ends.
"""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from pathlib import Path, PurePosixPath

from careen.blobs.digest import Digest
from careen.errors import CareenError
from careen.text.source import Source
from careen.text.values import dataclass

MAXIMUM_TEXT_BYTES = 32 * 1024 * 1024
"""A lock of a large monorepo has a few megabytes; nothing that careen reads as text comes near this."""

SKIPPED_FOLDERS = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        "node_modules",
        "__pycache__",
        ".venv",
        "venv",
        ".tox",
        ".nox",
        ".mypy_cache",
        ".ruff_cache",
    }
)


class UnreadableFileError(CareenError):
    """A file that cannot be read, with the reason and a hint."""

    def __init__(self, path: PurePosixPath, reason: str, *, hints: tuple[str, ...] = ()) -> None:
        super().__init__(f"{path}: {reason}", hints=hints)
        self.path = path
        self.reason = reason


class OutsideTreeError(UnreadableFileError):
    """The path leads out of the folder that was asked about."""


@dataclass(frozen=True, slots=True)
class ProjectFiles:
    """The folder that was asked about. Paths are relative to it and in normal form; texts are read once.

    ``seen`` has the digest of every file that was read, whole or not, but for those that were only read as sources,
    whose digests are in ``sources``; ``closed`` are the folders that :meth:`find` could not look into, ``astray`` links
    that lead out of the tree or nowhere. ``instead`` are texts that files would have after a change, None for those
    that would be gone: they are read as if they lay on disk.
    """

    root: Path
    instead: Mapping[PurePosixPath, str | None] = field(default_factory=dict, compare=False, repr=False)
    seen: dict[PurePosixPath, Digest] = field(default_factory=dict, compare=False, repr=False)
    sources: dict[PurePosixPath, Digest] = field(default_factory=dict, compare=False, repr=False)
    closed: dict[PurePosixPath, str] = field(default_factory=dict, compare=False, repr=False)
    astray: set[PurePosixPath] = field(default_factory=set, compare=False, repr=False)
    _texts: dict[PurePosixPath, Source] = field(default_factory=dict, compare=False, repr=False)

    def resolve(self, path: PurePosixPath) -> Path:
        """The place on disk; raises OutsideTreeError when ``..`` or a link leads out of the tree."""
        if path.is_absolute():
            raise OutsideTreeError(path, "an absolute path, which lies outside the project")
        place = self.root / path
        try:
            real = place.resolve()
        except (OSError, RuntimeError) as error:  # a loop of links
            raise UnreadableFileError(path, "a link that leads in a circle") from error
        if not real.is_relative_to(self.root.resolve()):
            raise OutsideTreeError(
                path, "lies outside the project", hints=(f"scan a folder that holds {real.name} too",)
            )
        return place

    def read(self, path: PurePosixPath) -> Source:
        """Raises UnreadableFileError (missing, not a regular file, too large, no permission) or UndecodableError."""
        known = self._texts.get(path)
        if known is not None:
            if path in self.sources:
                self.seen[path] = self.sources.pop(path)
            return known
        source = Source.decode(path, self.read_bytes(path, limit=MAXIMUM_TEXT_BYTES))
        self._texts[path] = source
        return source

    def text_or_none(self, path: PurePosixPath) -> str | None:
        """None when the file cannot be read as text."""
        try:
            return self.read(path).text
        except CareenError:
            return None

    def source_or_none(self, path: PurePosixPath) -> str | None:
        """As :meth:`text_or_none`, for those who can tell what of the text they go by, without which it does not count
        as seen (:mod:`careen.app.source_facts`).
        """
        known = self.sources.get(path)
        had = path in self.seen
        text = self.text_or_none(path)
        if text is not None and not had:
            digest = self.seen.pop(path, known)
            if digest is not None:
                self.sources[path] = digest
        return text

    def read_bytes(self, path: PurePosixPath, *, limit: int) -> bytes:
        """At most ``limit`` bytes; raises UnreadableFileError when there are more."""
        place = self.resolve(path)
        if path in self.instead:
            return self._changed(path, limit)
        try:
            # Without O_NONBLOCK, opening a fifo would wait for a writer.
            descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise UnreadableFileError(path, (error.strerror or "cannot be opened").lower()) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # asked before open(), which chokes on a folder
            os.close(descriptor)
            raise UnreadableFileError(path, "not a regular file")
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            data = file.read(limit + 1)
        self.seen[path] = Digest.of(data)
        if len(data) > limit:
            raise UnreadableFileError(path, f"larger than {limit // (1024 * 1024)} MiB")
        return data

    def _changed(self, path: PurePosixPath, limit: int) -> bytes:
        text = self.instead[path]
        if text is None:
            raise UnreadableFileError(path, "no such file or directory")
        data = text.encode("utf-8", "surrogateescape")
        if len(data) > limit:
            raise UnreadableFileError(path, f"larger than {limit // (1024 * 1024)} MiB")
        return data

    def exists(self, path: PurePosixPath) -> bool:
        if path in self.instead:
            return self.instead[path] is not None
        try:
            return self.resolve(path).is_file()
        except (CareenError, OSError):
            return False

    def is_folder(self, path: PurePosixPath) -> bool:
        if any(text is not None and path in changed.parents for changed, text in self.instead.items()):
            return True
        try:
            return self.resolve(path).is_dir()
        except (CareenError, OSError):
            return False

    def find(self, folder: PurePosixPath, wanted: Callable[[str], bool], *, depth: int) -> list[PurePosixPath]:
        """Regular files whose name is wanted, sorted; as :meth:`walk`, and cheaper where most names are not."""
        found: list[str] = []
        waiting = [(str(folder), 1)]
        while waiting:
            inside, level = waiting.pop()
            try:
                with os.scandir(self.root / inside) as entries:
                    for entry in entries:
                        path = entry.name if inside == "." else f"{inside}/{entry.name}"
                        if entry.is_dir(follow_symlinks=False):
                            if level < depth and entry.name not in SKIPPED_FOLDERS:
                                waiting.append((path, level + 1))
                        elif wanted(entry.name):
                            if self.exists(PurePosixPath(path)):
                                found.append(path)
                            elif entry.is_symlink():
                                self.astray.add(PurePosixPath(path))
            except OSError as error:
                self.closed[PurePosixPath(inside)] = (error.strerror or "cannot be read").lower()
        kept = (PurePosixPath(path) for path in found)
        added = (path for path in self._added(folder, depth) if wanted(path.name))
        return sorted({*(path for path in kept if path not in self.instead), *added})

    def _added(self, folder: PurePosixPath, depth: int) -> Iterator[PurePosixPath]:
        for path, text in self.instead.items():
            if text is not None and folder in path.parents and len(path.relative_to(folder).parts) <= depth:
                yield path

    def walk(self, folder: PurePosixPath, *, depth: int) -> Iterator[PurePosixPath]:
        """Regular files below ``folder``, sorted, ``depth`` levels deep; caches and dependencies are passed over."""
        if not self.instead:
            yield from self._on_disk(folder, depth)
            return
        kept = (path for path in self._on_disk(folder, depth) if path not in self.instead)
        yield from sorted({*kept, *self._added(folder, depth)})

    def _on_disk(self, folder: PurePosixPath, depth: int) -> Iterator[PurePosixPath]:
        try:
            entries = sorted(os.scandir(self.root / folder), key=lambda entry: entry.name)
        except OSError:
            return
        for entry in entries:
            path = folder / entry.name
            if entry.is_file(follow_symlinks=False) or (entry.is_symlink() and self.exists(path)):
                yield path
            elif depth > 1 and entry.name not in SKIPPED_FOLDERS and entry.is_dir(follow_symlinks=False):
                yield from self._on_disk(path, depth - 1)


def normal_path(path: PurePosixPath) -> PurePosixPath:
    """``a/../b`` as ``b``; a path that climbs out keeps its leading ``..``."""
    return PurePosixPath(os.path.normpath(path))
