"""The project's own Python: which folders stand on ``sys.path``, and the files below them."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from careen.python.imports import Sources, SourceTree
from careen.python.modules import ModuleReading, read_lines
from careen.workspace.files import ProjectFiles

_BLOCKS = re.compile(r"\"\"\".*?\"\"\"|'''.*?'''", re.DOTALL)
"""Docstrings, whose examples import things too."""
_DEPTH = 16
_SOURCE_FOLDERS = ("src", "app", "backend", "lib", "python")


class HastySources(Sources):
    """Modules of a project that is too large to be parsed while somebody waits: read by their lines."""

    def reading(self, path: PurePosixPath, name: str) -> ModuleReading | None:
        key = (path, name)
        if key not in self._readings:
            text = self.read(path)
            is_package = path.name == "__init__.py"
            code = None if text is None else _BLOCKS.sub("", text)
            self._readings[key] = None if code is None else read_lines(code, name, is_package=is_package)
        return self._readings[key]


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


def with_roots(tree: SourceTree, members: Iterable[PurePosixPath], modules: Iterable[str]) -> SourceTree:
    """The same files with more roots: each member's folder and its ``src``, and wherever a commanded module lies.

    A Dockerfile may put ``src/app`` at ``/code/app`` and start ``app.main``: then ``src`` is the root that is meant.
    """
    present = set(tree.files)
    above = {folder for path in tree.files for folder in path.parents}
    roots = dict.fromkeys(tree.roots)
    for member in members:
        if member in above:
            roots.update(dict.fromkeys(path for path in (member / "src", member) if path in above))
    for module in modules:
        parts = module.split(".")
        if not module or SourceTree(tuple(roots), tree.files).is_first_party(module):
            continue
        for wanted in (PurePosixPath(*parts).with_suffix(".py"), PurePosixPath(*parts, "__init__.py")):
            found = [path for path in present if path.parts[-len(wanted.parts) :] == wanted.parts]
            if found:
                nearest = min(found, key=lambda path: (len(path.parts), path))
                roots[PurePosixPath(*nearest.parts[: -len(wanted.parts)])] = None
                break
    # Deeper first, so that a module is known by its own root's name and not by its path from the top.
    ordered = sorted(roots, key=lambda root: -len(root.parts))
    return SourceTree(roots=tuple(ordered), files=tree.files)
