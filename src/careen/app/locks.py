"""The lock of a project, whichever tool wrote it, parsed no oftener than it changes."""

import contextlib

from careen.app.bases import answers
from careen.app.session import Session
from careen.blobs.digest import Digest
from careen.errors import CareenError
from careen.python.lock_toml import parse_lock_toml
from careen.python.locked import Lock
from careen.python.uvlock import read_uvlock
from careen.text.source import Source
from careen.workspace.files import ProjectFiles
from careen.workspace.model import PythonProject

_WORTH_KEEPING = 20_000
"""Characters; reading TOML costs forty times what reading JSON does."""


class NoLockError(CareenError):
    """The project has no lock that careen reads."""


def lock_of(session: Session, files: ProjectFiles, project: PythonProject, text: str | None = None) -> Lock:
    """``text`` stands for what the file says, such as what it said once.

    Raises NoLockError, SyntaxProblem, or when the file cannot be read.
    """
    path = project.lock_path
    if path is None:
        where = project.folder / "pyproject.toml"
        raise NoLockError(
            f"{where}: the project has no lock, so nobody knows what its images hold", hints=("lock it: uv lock",)
        )
    if path.name != "uv.lock":
        raise NoLockError(
            f"{path}: careen does not read this kind of lock yet", hints=("careen reads uv.lock: uv lock",)
        )
    source = files.read(path) if text is None else Source(path, text)
    return read_uvlock(source, _document(session, source))


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
