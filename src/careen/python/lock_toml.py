"""What readers of locks in TOML have in common: the document, the line of each package, checked tables and arrays."""

import re
import tomllib
from collections.abc import Mapping

from careen.blobs.digest import Digest
from careen.errors import CareenError
from careen.python.names import PackageName, package_name
from careen.text.problems import SyntaxProblem
from careen.text.source import Source


def parse_lock_toml(source: Source) -> Mapping[str, object]:
    """Raises SyntaxProblem, with the line where it is known."""
    try:
        return tomllib.loads(source.text.removeprefix("\ufeff").replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line = re.search(r"line (\d+)", str(error))
        raise SyntaxProblem(source.path, int(line[1]) if line else 1, f"not TOML: {error}") from error


class TomlLockReader:
    """Knows the line of the package that is being read, since its complaints are about that one.

    ``array`` names the array of tables that packages stand in, ``tool`` the command that writes the lock.
    """

    def __init__(self, source: Source, array: str, tool: str) -> None:
        self.source = source
        self.line = 1
        self._tool = tool
        heading = re.compile(rf"^\[\[{array}\]\][ \t]*\r?$", re.MULTILINE)
        self._lines = [source.line_of(match.start()) for match in heading.finditer(source.text)]

    def at(self, index: int) -> None:
        """What follows is about the package of this number."""
        self.line = self._lines[index] if index < len(self._lines) else 1

    def problem(self, path: str, complaint: str) -> SyntaxProblem:
        return SyntaxProblem(
            self.source.path,
            self.line,
            f"{path}: {complaint}",
            hints=(f"lock again with {self._tool}; locks are not written by hand",),
        )

    def table(self, value: object, path: str) -> Mapping[str, object]:
        if not isinstance(value, dict):
            raise self.problem(path, "must be a table")
        return value

    def array(self, value: object, path: str) -> list[object]:
        if not isinstance(value, list):
            raise self.problem(path, "must be an array")
        return value

    def string(self, value: object, path: str) -> str:
        if not isinstance(value, str):
            raise self.problem(path, "must be a string")
        return value

    def optional_string(self, value: object, path: str) -> str | None:
        return None if value is None else self.string(value, path)

    def strings(self, value: object, path: str) -> tuple[str, ...]:
        return tuple(self.string(item, path) for item in self.array(value, path))

    def name(self, value: object, path: str) -> PackageName:
        try:
            return package_name(self.string(value, f"{path}.name"))
        except SyntaxProblem:
            raise
        except CareenError as error:
            raise self.problem(f"{path}.name", error.message) from error

    def digest(self, value: object, path: str) -> Digest | None:
        """None for a hash by another algorithm than sha256."""
        if not isinstance(value, str) or not value.startswith("sha256:"):
            return None
        try:
            return Digest.parse(value)
        except CareenError as error:
            raise self.problem(path, error.message) from error
