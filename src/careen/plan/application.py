"""The application's own files in an image: the modules that are reached, and the data that lies beside them."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from posixpath import normpath

from careen.ignorefile.causes import Cause, cause_of
from careen.plan.target import ApplicationFile
from careen.python.imports import Reach, SourceTree
from careen.text.values import dataclass

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

    A file that is not Python belongs to the nearest package that is reached. Files outside packages come along when
    reached code names them, or a folder above them, and when ``data`` does.
    """
    modules = set(reach.modules.values())
    folders = {path.parent for path in modules if path.name == "__init__.py"}
    packages = set(tree.modules.values())
    named = _Named(tree, reach)
    chosen: set[PurePosixPath] = set(modules)
    for path in tree.files:
        home = _home(path, packages)
        is_package_data = path.suffix not in _SOURCE_SUFFIXES and home in folders
        if any(fnmatchcase(str(path), pattern) for pattern in data) or (
            not _stays_out(path, home if is_package_data else None)
            and (is_package_data or path in named.files or any(folder in named.folders for folder in path.parents))
        ):
            chosen.add(path)
    files = tuple(
        ApplicationFile(source=path, destination=APPLICATION_FOLDER / path, bytes=sizes.get(path, 0))
        for path in sorted(chosen)
    )
    used = {_root_of(path, tree.roots) for path in modules}
    used |= {_imported_from(name, path) for name, path in reach.modules.items()}
    roots = [root for root in tree.roots if root in used]
    return Application(files=files, search_path=tuple(APPLICATION_FOLDER / root for root in roots))


def _stays_out(path: PurePosixPath, home: PurePosixPath | None) -> bool:
    """A package called ``test`` that code imports is no test, and what lies beside its modules is its data."""
    cause = cause_of(str(path))
    if cause is Cause.TESTS and home is not None:
        cause = cause_of(str(path.relative_to(home)))
    return cause in _NEVER


class _Named:
    """Files and folders of the project that strings in reached code name: ``templates``, ``conf/logging.yaml``.

    A folder counts when it holds no reached or reachable module, since code that is not imported is not data.
    """

    def __init__(self, tree: SourceTree, reach: Reach) -> None:
        roots = (*tree.roots, *{path.parent for path in reach.modules.values()})
        present = set(tree.files)
        sources = {folder for path in tree.modules.values() for folder in path.parents}
        above = {folder for path in tree.files for folder in path.parents} - {PurePosixPath()}
        self.files: set[PurePosixPath] = set()
        self.folders: set[PurePosixPath] = set()
        for text in reach.paths:
            if not _may_be_a_path(text):
                continue
            for root in roots:
                path = PurePosixPath(normpath(root / text.strip("/").removeprefix("./")))
                if path in present:
                    self.files.add(path)
                elif path in above and path not in sources:
                    self.folders.add(path)
        if "alembic" in _tops(reach):
            self.files |= {path for path in present if path.name == "alembic.ini"}
            self.folders |= set(_migration_folders(present))


def _tops(reach: Reach) -> set[str]:
    return {imported.module.partition(".")[0] for imported in reach.external}


def migration_scripts(files: Iterable[PurePosixPath]) -> tuple[PurePosixPath, ...]:
    """Alembic's own modules in a project: each env.py, and the revisions below."""
    present = set(files)
    folders = _migration_folders(present)
    return tuple(sorted(path for path in present if path.suffix == ".py" and not folders.isdisjoint(path.parents)))


def _migration_folders(present: set[PurePosixPath]) -> frozenset[PurePosixPath]:
    """Where an env.py lies beside revisions, or beside the template of such."""
    folders = {path.parent for path in present}
    return frozenset(
        path.parent
        for path in present
        if path.name == "env.py" and (path.parent / "script.py.mako" in present or path.parent / "versions" in folders)
    )


def _may_be_a_path(text: str) -> bool:
    return bool(text.strip("./")) and not text.startswith("..") and not any(char in text for char in ' *?<>|"{}\n')


def _home(path: PurePosixPath, modules: set[PurePosixPath]) -> PurePosixPath | None:
    """The folder of the nearest regular package above a file."""
    for folder in path.parents:
        if folder / "__init__.py" in modules:
            return folder
    return None


def _imported_from(name: str, path: PurePosixPath) -> PurePosixPath:
    """The folder that must stand on ``sys.path`` for the name: a script's own folder may lie inside its package."""
    depth = len(name.split(".")) + (path.name == "__init__.py")
    return PurePosixPath(*path.parts[:-depth])


def _root_of(path: PurePosixPath, roots: tuple[PurePosixPath, ...]) -> PurePosixPath | None:
    return next((root for root in roots if path.is_relative_to(root)), None)
