"""The project's own Python: which folders stand on ``sys.path``, and the files below them."""

from pathlib import PurePosixPath

from careen.python.imports import SourceTree
from careen.workspace.files import ProjectFiles

_DEPTH = 16
_SOURCE_FOLDERS = ("src", "app", "backend", "lib", "python")


def first_party(files: ProjectFiles, folder: PurePosixPath) -> SourceTree:
    """Paths are relative to ``folder``. ``src`` and its like come first when they hold no ``__init__`` themselves."""
    paths = tuple(path.relative_to(folder) for path in files.walk(folder, depth=_DEPTH))
    present = set(paths)
    roots = [
        PurePosixPath(name)
        for name in _SOURCE_FOLDERS
        if PurePosixPath(name, "__init__.py") not in present and any(path.parts[0] == name for path in paths)
    ]
    return SourceTree(roots=(*roots, PurePosixPath()), files=paths)
