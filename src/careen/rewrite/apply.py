"""Making the changes of a patch: all of them or none.

Every new text is written aside and flushed before the first file is replaced; what was replaced is put back when
a later step fails. A file that is not as it was read is never touched.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import field
from pathlib import Path, PurePosixPath

from careen.errors import CareenError
from careen.rewrite.patchset import FileChange, effective
from careen.text.values import dataclass

_ASIDE = ".careen-aside-"
_NOT_COPIED = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", ".tox", ".nox", "node_modules", "__pycache__"}
    | {".mypy_cache", ".ruff_cache", ".pytest_cache"}
)


class CannotApplyError(CareenError):
    """A change cannot be made; nothing was changed."""


class FolderInTheWayError(CareenError):
    """The folder to write into exists and is not empty."""


def apply_changes(root: Path, changes: Iterable[FileChange]) -> tuple[PurePosixPath, ...]:
    """The paths that were changed, sorted. Raises CannotApplyError, and then nothing has changed."""
    wanted = sorted(effective(changes), key=lambda change: change.path)
    targets = [_Target.checked(root, change) for change in wanted]
    transaction = _Transaction()
    try:
        for target in targets:
            transaction.stage(target)
        for target in targets:
            transaction.commit(target)
    except OSError as error:
        transaction.roll_back()
        name = error.filename or "a file"
        raise CannotApplyError(f"{name}: {(error.strerror or 'cannot be written').lower()}; nothing was changed") from (
            error
        )
    except BaseException:
        transaction.roll_back()
        raise
    transaction.finish()
    return tuple(change.path for change in wanted)


def undo(root: Path, changes: Iterable[FileChange]) -> None:
    """Takes back what :func:`apply_changes` made. Raises CannotApplyError."""
    apply_changes(
        root,
        [
            FileChange(path=change.path, before=change.after, after=change.before, disposition=change.disposition)
            for change in changes
        ],
    )


def apply_into(root: Path, folder: Path, changes: Iterable[FileChange]) -> tuple[PurePosixPath, ...]:
    """A copy of the project in ``folder`` with the changes made; version control and environments stay behind.

    The folder appears whole or not at all. Raises FolderInTheWayError or CannotApplyError.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderInTheWayError(f"{folder} exists and is not empty", hints=("name a folder that does not exist",))
    place = folder.resolve()
    if place == root.resolve():
        raise FolderInTheWayError(f"{folder} is the project itself", hints=("name another folder",))
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=place.parent))
    try:
        _copy_tree(root, aside, without={aside.resolve(), place})
        changed = apply_changes(aside, changes)
        aside.chmod(0o755)
        aside.replace(place)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return changed


def _copy_tree(source: Path, target: Path, *, without: set[Path]) -> None:
    """Regular files and links, never a device; folders that a mount covers are copied only if on the same device."""
    device = source.stat().st_dev
    waiting = [(source, target)]
    while waiting:
        folder, copy = waiting.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                place = Path(entry.path)
                if entry.is_symlink():
                    (copy / entry.name).symlink_to(place.readlink())
                elif entry.is_dir():
                    same_device = entry.stat(follow_symlinks=False).st_dev == device
                    if entry.name not in _NOT_COPIED and same_device and place.resolve() not in without:
                        (copy / entry.name).mkdir()
                        waiting.append((place, copy / entry.name))
                elif entry.is_file():
                    shutil.copy2(place, copy / entry.name)


@dataclass(slots=True)
class _Target:
    """A change with the place on disk that it is about; ``aside`` holds the new text, ``kept`` the old file."""

    change: FileChange
    place: Path
    mode: int = 0o644
    aside: Path | None = None
    kept: Path | None = None
    replaced: bool = False

    @classmethod
    def checked(cls, root: Path, change: FileChange) -> "_Target":
        """Raises CannotApplyError when the file is not as it was read, or must not be written."""
        path = change.path
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise CannotApplyError(f"{path}: lies outside the project; nothing was changed")
        home = root.resolve()
        place = (home / path).resolve()
        if not place.is_relative_to(home):
            raise CannotApplyError(
                f"{path}: a link leads out of the project; nothing was changed",
                hints=("change the file that the link points to yourself, or replace the link by a file",),
            )
        target = cls(change=change, place=place)
        if change.before is None:
            if place.exists() or place.is_symlink():
                raise CannotApplyError(
                    f"{path}: exists, though it did not when the project was read; nothing was changed",
                    hints=("run careen again",),
                )
            return target
        try:
            status = place.stat()
            present = place.read_bytes() if stat.S_ISREG(status.st_mode) else None
        except OSError as error:
            reason = (error.strerror or "cannot be read").lower()
            raise CannotApplyError(f"{path}: {reason}; nothing was changed") from error
        if present != change.before.encode():
            raise CannotApplyError(
                f"{path}: changed since it was read; nothing was changed", hints=("run careen again",)
            )
        if not status.st_mode & 0o222 or not os.access(place, os.W_OK):
            raise CannotApplyError(
                f"{path}: is read-only; nothing was changed", hints=(f"make it writable: chmod u+w {path}",)
            )
        target.mode = stat.S_IMODE(status.st_mode)
        return target


@dataclass(slots=True)
class _Transaction:
    _targets: list[_Target] = field(default_factory=list)
    _folders: list[Path] = field(default_factory=list)

    def stage(self, target: _Target) -> None:
        """Writes the new text beside its place and flushes it to disk."""
        self._targets.append(target)
        if target.change.after is None:
            return
        folder = target.place.parent
        missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
        for parent in reversed(missing):
            parent.mkdir()
            self._folders.append(parent)
        descriptor, aside = tempfile.mkstemp(prefix=_ASIDE, dir=folder)
        target.aside = Path(aside)
        with os.fdopen(descriptor, "wb") as file:
            file.write(target.change.after.encode())
            file.flush()
            os.fsync(file.fileno())
        target.aside.chmod(target.mode)

    def commit(self, target: _Target) -> None:
        if target.change.before is not None:
            target.kept = _kept(target.place)
        if target.aside is None:
            target.place.unlink()
        else:
            target.aside.replace(target.place)
            target.aside = None
        target.replaced = True

    def roll_back(self) -> None:
        for target in reversed(self._targets):
            if not target.replaced:
                continue  # a name kept of a file that is still in its place goes with the rest
            if target.kept is not None:
                target.kept.replace(target.place)
                target.kept = None
            else:
                target.place.unlink(missing_ok=True)
        self._remove_aside()
        for folder in reversed(self._folders):
            with suppress(OSError):  # somebody else put a file there meanwhile
                folder.rmdir()

    def finish(self) -> None:
        for folder in {target.place.parent for target in self._targets}:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self._remove_aside()

    def _remove_aside(self) -> None:
        for target in self._targets:
            for place in (target.aside, target.kept):
                if place is not None:
                    place.unlink(missing_ok=True)


def _kept(place: Path) -> Path:
    """The old file under a second name: a link where the file system has them."""
    descriptor, name = tempfile.mkstemp(prefix=_ASIDE, dir=place.parent)
    os.close(descriptor)
    kept = Path(name)
    kept.unlink()
    try:
        os.link(place, kept)
    except OSError:
        shutil.copy2(place, kept)
    return kept
