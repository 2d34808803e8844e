"""Tests told from code where a folder's name misleads: tests among a package's modules, a package called ``test``."""

from collections.abc import Iterable, Iterator

from careen.ignorefile.causes import Cause
from careen.ignorefile.context import ContextFile

_DOUBTFUL_NAMES = ("test/", "testing/")
_FEWEST_MODULES = 2


def with_causes(files: Iterable[ContextFile]) -> Iterator[tuple[ContextFile, Cause]]:
    """Each file with what it is there for."""
    listed = tuple(files)
    code = tuple(_packages_of_code(listed))
    for file in listed:
        if file.cause is Cause.TESTS and code and file.path.startswith(code):
            yield file, Cause.PYTHON if file.path.endswith(".py") else Cause.OTHER
        elif file.cause is Cause.PYTHON and _is_test(file.path.rpartition("/")[2]):
            yield file, Cause.TESTS
        else:
            yield file, file.cause


def _is_test(name: str) -> bool:
    return name in {"tests.py", "conftest.py"} or (
        name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py"))
    )


def _packages_of_code(files: Iterable[ContextFile]) -> Iterator[str]:
    """Folders ``test/`` with modules of which none is called as a test is: an application may well be about tests."""
    modules: dict[str, list[str]] = {}
    for file in files:
        if file.cause is Cause.TESTS and file.path.endswith(".py"):
            folder, _, name = file.path.rpartition("/")
            if f"/{folder}/".endswith(tuple(f"/{name}" for name in _DOUBTFUL_NAMES)):
                modules.setdefault(f"{folder}/", []).append(name)
    for folder, names in modules.items():
        own = [name for name in names if name != "__init__.py"]
        if "__init__.py" in names and len(own) >= _FEWEST_MODULES and not any(map(_is_test, own)):
            yield folder
