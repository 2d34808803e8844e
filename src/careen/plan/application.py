"""The application's own files in an image: the modules that are reached, and the data that lies beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from careen.ignorefile.causes import Cause, cause_of
from careen.plan.target import ApplicationFile
from careen.python.imports import Reach, SourceTree

APPLICATION_FOLDER = PurePosixPath("/app")
_NEVER = frozenset(
    {
        Cause.CACHES,
        Cause.SECRETS,
        Cause.VERSION_CONTROL,
        Cause.VIRTUAL_ENVIRONMENT,
        Cause.LOGS,
        Cause.NOTEBOOKS,
        Cause.TESTS,
    }
)
_SOURCE_SUFFIXES = frozenset({".py", ".pyc", ".pyi", ".pyx", ".c", ".md", ".rst"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """``search_path`` are the folders of the image that ``sys.path`` needs."""

    files: tuple[ApplicationFile, ...]
    search_path: tuple[PurePosixPath, ...]


def application(
    tree: SourceTree, reach: Reach, sizes: Mapping[PurePosixPath, int], data: tuple[str, ...]
) -> Application:
    """``sizes`` are those of the project's files in bytes; ``data`` are the user's own patterns for more files.

    A file that is not Python belongs to the nearest package that is reached; files outside packages are named by
    ``data`` or stay out.
    """
    modules = set(reach.modules.values())
    folders = {path.parent for path in modules if path.name == "__init__.py"}
    packages = set(tree.modules.values())
    chosen: set[PurePosixPath] = set(modules)
    for path in tree.files:
        if any(fnmatchcase(str(path), pattern) for pattern in data) or (
            path.suffix not in _SOURCE_SUFFIXES
            and cause_of(str(path)) not in _NEVER
            and _home(path, packages) in folders
        ):
            chosen.add(path)
    files = tuple(
        ApplicationFile(source=path, destination=APPLICATION_FOLDER / path, bytes=sizes.get(path, 0))
        for path in sorted(chosen)
    )
    roots = [root for root in tree.roots if any(_root_of(path, tree.roots) == root for path in modules)]
    return Application(files=files, search_path=tuple(APPLICATION_FOLDER / root for root in roots))


def _home(path: PurePosixPath, modules: set[PurePosixPath]) -> PurePosixPath | None:
    """The folder of the nearest regular package above a file."""
    for folder in path.parents:
        if folder / "__init__.py" in modules:
            return folder
    return None


def _root_of(path: PurePosixPath, roots: tuple[PurePosixPath, ...]) -> PurePosixPath | None:
    return next((root for root in roots if path.is_relative_to(root)), None)
