"""The lock of a project, whichever tool wrote it, parsed no oftener than it changes."""

import contextlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from careen.app.bases import answers
from careen.app.lock_choice import LockChoice, LockKind
from careen.app.session import Session
from careen.blobs.digest import Digest
from careen.dockerfile.actions import Install
from careen.errors import CareenError
from careen.python.freshness import changed_since_locked, content_hashes, pipfile_hashes
from careen.python.lock_toml import parse_lock_toml
from careen.python.locked import LocalSource, Lock, StaleLockError
from careen.python.pdm_lock import read_pdm_lock
from careen.python.pdm_project import read_pdm_project
from careen.python.pipfile_lock import read_pipfile_lock
from careen.python.poetry_lock import read_poetry_lock
from careen.python.poetry_project import read_poetry_project
from careen.python.pylock import read_pylock
from careen.python.requirement_files import RequirementFile, read_named_requirements, read_requirement_file
from careen.python.requirement_lock import lock_of_requirements
from careen.python.requirements import parse_requirement
from careen.python.uvlock import read_uvlock
from careen.text.source import Source
from careen.text.values import dataclass
from careen.workspace.files import ProjectFiles, normal_path

_WORTH_KEEPING = 20_000
"""Characters; reading TOML costs forty times what reading JSON does."""

_WORKSPACE = re.compile(r"^\[tool\.uv\.workspace\]", re.MULTILINE)


class NoLockError(CareenError):
    """The project has no lock that careen reads."""


@dataclass(frozen=True, slots=True)
class ReadLock:
    """A lock as its files say it. ``requirements`` are those files where it is but a list of requirements."""

    lock: Lock
    requirements: tuple[RequirementFile, ...] = ()
    notes: tuple[str, ...] = ()


def lock_of(session: Session, files: ProjectFiles, choices: Sequence[LockChoice], text: str | None = None) -> ReadLock:
    """The lock of services that have it in common. ``text`` stands for what the file says, such as what it said once.

    Raises NoLockError, SyntaxProblem, or when a file cannot be read.
    """
    choice = choices[0]
    if choice.kind is LockKind.REQUIREMENTS:
        return _requirements(session, files, choices, text)
    path = choice.paths[0]
    if text is None and not files.exists(path):
        where = choice.project.folder / "pyproject.toml"
        raise NoLockError(
            f"{where}: the project has no lock, so nobody knows what its images hold",
            hints=(f"lock it: {_locking(choice)}",),
        )
    source = files.read(path) if text is None else Source(path, text)
    lock = _read(session, choice, source)
    if text is not None:
        return ReadLock(lock)  # a lock of another day need not be for today's project
    stale = _older_than_pyproject(session, choice, source) if choice.kind is LockKind.UV else None
    notes = _staleness(choice, files, source) if stale is None else _told(choice, *stale)
    nested = _nested_workspaces(lock, files) if choice.kind is LockKind.UV else ()
    return ReadLock(lock, notes=(*notes, *nested))


def _locking(choice: LockChoice) -> str:
    return "poetry lock" if choice.project.pyproject.uses_poetry else "uv lock"


def _nested_workspaces(lock: Lock, files: ProjectFiles) -> Iterator[str]:
    """Members that have a workspace of their own, such as one that has its root for a member."""
    for package in lock.local:
        if not isinstance(package.source, LocalSource) or package.name not in lock.members:
            continue
        folder = normal_path(lock.path.parent / package.source.path)
        path = folder / "pyproject.toml"
        text = files.text_or_none(path) if folder != lock.path.parent else None
        match = _WORKSPACE.search(text or "")
        if text is not None and match is not None:
            line = Source(path, text).line_of(match.start())
            yield f"{path}:{line}: {package.name} is a member of a workspace and has one of its own, which uv refuses"


def _staleness(choice: LockChoice, files: ProjectFiles, source: Source) -> Iterator[str]:
    """A lock that is older than its project is told of. Raises StaleLockError where the image's own instruction would
    not install it: such an image cannot be built, so a plan for it would be one of something else.
    """
    if choice.kind is LockKind.POETRY:
        told, line = _line_of(source, "content-hash")
        stale = bool(told) and told not in content_hashes(_toml(choice.project.pyproject.source))
        again = "poetry lock"
    elif choice.kind is LockKind.PIPENV:
        pipfile = source.path.with_name("Pipfile")
        if not files.exists(pipfile):
            return
        told, line = _line_of(source, "sha256")
        stale = bool(told) and told not in pipfile_hashes(parse_lock_toml(files.read(pipfile)))
        again = "pipenv lock"
    else:
        return
    if not stale:
        return
    yield from _told(choice, f"{source.path}:{line}: the lock is older than what the project asks for", again)


def _older_than_pyproject(session: Session, choice: LockChoice, source: Source) -> tuple[str, str] | None:
    """The first requirement that uv's lock was not made for, with its place, and how to lock again."""
    pyproject = choice.project.pyproject.source
    changed = changed_since_locked(_document(session, source), _toml(pyproject))
    if not changed:
        return None
    position = pyproject.text.find(changed[0])
    place = f"{pyproject.path}:{pyproject.line_of(position)}" if position >= 0 else f"{source.path}:1"
    more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
    found = "was asked for" if position < 0 else "is not what the lock was made for"
    return f"{place}: {changed[0]} {found}{more}: {source.path} is older than the project", "uv lock"


def _told(choice: LockChoice, complaint: str, again: str) -> Iterator[str]:
    refusing = next((install for install in choice.installs if _refuses(install)), None)
    if refusing is not None:
        words = " ".join(refusing.command.argv[:3])
        raise StaleLockError(f"{complaint}, and `{words}` refuses it", hints=(f"lock again: {again}",))
    yield f"{complaint}, and is taken as it is: {again}"


def _refuses(install: Install) -> bool:
    """``poetry install``, ``pipenv install --deploy`` and ``uv sync --locked`` check the lock; exports, ``pipenv sync``
    and ``uv sync --frozen`` do not.
    """
    words = install.command.argv
    if install.manager == "uv":
        return "--locked" in words or "--check" in words
    if install.manager == "poetry":
        return "install" in words or "sync" in words
    return install.manager == "pipenv" and "--deploy" in words


def _line_of(source: Source, key: str) -> tuple[str, int]:
    match = re.search(rf'"?{key}"?\s*[=:]\s*"([0-9a-f]*)"', source.text)
    return (match[1], source.line_of(match.start())) if match is not None else ("", 1)


def _read(session: Session, choice: LockChoice, source: Source) -> Lock:
    pyproject = choice.project.pyproject
    match choice.kind:
        case LockKind.UV:
            return read_uvlock(source, _document(session, source))
        case LockKind.POETRY:
            return read_poetry_lock(source, read_poetry_project(_toml(pyproject.source)), _document(session, source))
        case LockKind.PYLOCK:
            asked = [found for text in pyproject.dependencies if (found := parse_requirement(text)) is not None]
            document = _document(session, source)
            if pyproject.name is None:
                return read_pylock(source, document, asked=asked)
            return read_pylock(source, document, project=pyproject.name, asked=asked)
        case LockKind.PDM:
            project = read_pdm_project(_toml(pyproject.source), pyproject.name)
            return read_pdm_lock(source, project, _document(session, source))
        case _:
            return read_pipfile_lock(source)


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _toml(source: Source) -> Mapping[str, object]:
    """Of a file that was read as TOML before."""
    return tomllib.loads(source.text.removeprefix("\ufeff").replace("\r\n", "\n"))


def _requirements(session: Session, files: ProjectFiles, choices: Sequence[LockChoice], text: str | None) -> ReadLock:
    paths = dict.fromkeys(path for choice in choices for path in choice.paths)
    first = next(iter(paths), None)

    def read(path: PurePosixPath) -> Source:
        return Source(path, text) if text is not None and path == first else files.read(path)

    found = [read_requirement_file(path, read, session.surroundings.environment) for path in paths]
    session.variables_asked.update(name for file in found for name in file.variables)
    named = dict.fromkeys(item for choice in choices for item in choice.named)
    if named:
        found.append(read_named_requirements(tuple(named)))
    unlocked = [path for path, _, _ in named if path.name == "pyproject.toml"]
    makes = f"`{_locking(choices[0])}` makes one that lasts"
    notes = [f"{path}: the project has no lock; {makes}" for path in dict.fromkeys(unlocked)]
    return ReadLock(lock_of_requirements(found), tuple(found), tuple(notes))


def _document(session: Session, source: Source) -> dict[str, object]:
    if len(source.text) < _WORTH_KEEPING:
        return dict(parse_lock_toml(source))
    question = Digest.of(source.text.encode("utf-8", "surrogatepass")).hex
    known = answers(session).get("toml", question)
    if isinstance(known, dict):
        return known
    document = dict(parse_lock_toml(source))
    with contextlib.suppress(TypeError):  # a date, which JSON has no word for and no lock of ours needs
        answers(session).keep("toml", question, document)
    return document
