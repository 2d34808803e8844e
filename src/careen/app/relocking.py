"""The lock after dependency groups were written: made by uv itself, and taken only if no version moved."""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from careen.app.answers import Answers
from careen.app.session import Session
from careen.blobs.digest import Digest
from careen.errors import CareenError, MissingToolError
from careen.findings import FixKind
from careen.process.run import Completed, run
from careen.progress import Step
from careen.python.locked import Lock
from careen.python.uvlock import read_uvlock
from careen.rewrite.apply import apply_into
from careen.rewrite.patchset import FileChange
from careen.text.source import Source
from careen.text.values import dataclass
from careen.workspace.files import ProjectFiles

_KIND = "locks"
_NO_INTERPRETER = re.compile(r"/cpython-\d|No interpreter found")
_PATIENCE_SECONDS = 300
_READ_BY_UV = ("pyproject.toml", "uv.lock", "uv.toml", ".python-version", "README.md", "README.rst")
_NEEDS_SOURCES = re.compile(r"^\s*(dynamic\s*=|members\s*=|\w[\w-]*\s*=\s*\{[^}]*\b(path|workspace)\s*=)", re.MULTILINE)


class VersionsMovedError(CareenError):
    """Locking again chose other versions than the lock had; nothing was changed."""


class LockingFailedError(CareenError):
    """uv could not lock the project with its new groups."""


@dataclass(frozen=True, slots=True)
class Uv:
    program: Path
    version: str


def find_uv(session: Session) -> Uv:
    """The user's uv, else the one beside careen. Raises MissingToolError."""
    beside = Path(sys.executable).parent / "uv"
    found = shutil.which("uv", path=session.surroundings.environment.get("PATH"))
    program = Path(found) if found is not None else beside
    if not program.is_file():
        raise MissingToolError("uv is not on this machine", hints=("install it: pip install uv",))
    told = run([program, "--version"], timeout=20).stdout.decode("utf-8", "replace")
    match = re.search(r"\d+\.\d+\.\d+", told)
    if match is None:
        raise MissingToolError(f"{program} does not tell its version", hints=("install uv again: pip install uv",))
    return Uv(program, match[0])


def relocked(
    session: Session, files: ProjectFiles, folder: PurePosixPath, changes: Iterable[FileChange]
) -> FileChange | None:
    """The change of ``uv.lock`` that the changes of ``pyproject.toml`` call for; None when the project has no lock.

    Raises VersionsMovedError, LockingFailedError or MissingToolError.
    """
    path = folder / "uv.lock"
    changed = [change for change in changes if change.path.name in _READ_BY_UV]
    if not changed or not files.exists(path):
        return None
    uv = find_uv(session)
    before = files.read(path)
    question = _question(uv, files, folder, changed)
    answers = Answers(session.store / "answers")
    known = answers.get(_KIND, question) if question is not None else None
    if isinstance(known, str):
        return _change(before, known)
    session.progress(Step("locking again", 0, 1))
    with tempfile.TemporaryDirectory(prefix="careen-lock-") as scratch:
        project = Path(scratch, "project")
        _copy(files, folder, changed, project)
        _lock(session, uv, project / folder, path)
        after = Source.decode(path, (project / path).read_bytes())
    session.progress(Step("locking again", 1, 1))
    moved = moved_versions(read_uvlock(before), read_uvlock(after))
    if moved:
        raise VersionsMovedError(
            f"{path}: locking again would move {', '.join(moved[:4])}; nothing was changed",
            hints=("bring the lock up to date first: uv lock",),
        )
    if question is not None:
        answers.keep(_KIND, question, after.text)
    return _change(before, after.text)


def _change(before: Source, after: str) -> FileChange:
    return FileChange(
        path=before.path,
        before=before.text,
        after=after,
        disposition=FixKind.REVIEW,
        why=("locked again by uv for the new groups; no version moved",),
    )


def _lock(session: Session, uv: Uv, folder: Path, path: PurePosixPath) -> None:
    """By what uv has in its own cache, if it has enough: no version is to move. Raises LockingFailedError."""
    environment = {**session.surroundings.environment, "UV_NO_PROGRESS": "1"}

    def lock(*options: str) -> Completed:
        argv: list[str | Path] = [uv.program, "lock", "--quiet", *options]
        return run(argv, timeout=_PATIENCE_SECONDS, cwd=folder, environment=environment)

    done = lock("--offline")
    if not done.succeeded and not session.surroundings.offline:
        done = lock()
    if not done.succeeded:
        told = done.tail()
        lacks_python = _NO_INTERPRETER.search(told) is not None
        raise LockingFailedError(
            f"{path}: uv could not lock the new groups: {told}",
            hints=(
                "put a Python that the project's requires-python allows on this machine: uv locks with one"
                if lacks_python
                else "write the patch from --diff by hand, and run uv lock",
            ),
        )


def _question(uv: Uv, files: ProjectFiles, folder: PurePosixPath, changed: Iterable[FileChange]) -> list[object] | None:
    """All that uv reads; None where that is the whole tree."""
    after = {change.path: change.after for change in changed}
    if _NEEDS_SOURCES.search(files.read(folder / "pyproject.toml").text):
        return None
    texts = [after.get(folder / name) or files.text_or_none(folder / name) or "" for name in _READ_BY_UV]
    return [uv.version, [Digest.of(text.encode("utf-8", "surrogatepass")).hex for text in texts]]


def moved_versions(before: Lock, after: Lock) -> list[str]:
    """What is in one lock and not in the other, as ``name 1.0 -> 1.1``."""
    old, new = _versions(before), _versions(after)
    moved = []
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            sides = [" and ".join(sorted(side.get(name, ()))) or "nothing" for side in (old, new)]
            moved.append(f"{name} {sides[0]} -> {sides[1]}")
    return moved


def _versions(lock: Lock) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for package in lock.packages:
        if not package.is_local:
            found.setdefault(package.name, set()).add(package.version)
    return {name: frozenset(versions) for name, versions in found.items()}


def _copy(files: ProjectFiles, folder: PurePosixPath, changed: list[FileChange], project: Path) -> None:
    """What uv reads: two files as a rule, the whole tree where metadata comes from sources or other members."""
    text = files.read(folder / "pyproject.toml").text
    if _NEEDS_SOURCES.search(text):
        apply_into(files.root, project, changed)
        return
    after = {change.path: change.after for change in changed}
    for name in _READ_BY_UV:
        path = folder / name
        content = after.get(path) or files.text_or_none(path)
        if content is not None:
            place = project / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode())
