"""Patterns that would keep out of a context what no image needs, few and readable."""

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath

from careen.ignorefile.causes import Cause, file_cause, folder_cause
from careen.ignorefile.context import ContextFile

_ENVIRONMENT_MARK = "pyvenv.cfg"
_SPECIAL = re.compile(r"[*?\[\]\\]|^[!#]")


def proposed_patterns(
    sent: Iterable[ContextFile], unwanted: Collection[Cause], *, wanted: Collection[str] = ()
) -> tuple[str, ...]:
    """One for each kind of folder, suffix or name that weighs for an unwanted cause, heaviest first.

    Files and folders in ``wanted`` are asked for by name in a Dockerfile, and stay; so does every file of another
    cause: a pattern that would take one along gives way to a narrower one.
    """
    files = tuple(sent)
    environments = {
        str(PurePosixPath(file.path).parent) for file in files if PurePosixPath(file.path).name == _ENVIRONMENT_MARK
    } - {"."}
    leaving = [file for file in files if file.cause in unwanted and not _is_wanted(file.path, wanted)]
    staying = _Staying(set(files).difference(leaving))
    weights: dict[str, int] = {}
    for file in leaving:
        pattern = next((each for each in _patterns_for(file, environments) if staying.keeps(each)), None)
        if pattern is not None:
            weights[pattern] = weights.get(pattern, 0) + file.bytes
    return tuple(sorted(weights, key=lambda pattern: (-weights[pattern], pattern)))


class _Staying:
    """The files that must still be sent, asked whether a pattern leaves them alone."""

    def __init__(self, files: Iterable[ContextFile]) -> None:
        self._names: set[str] = set()
        self._paths: set[str] = set()
        for file in files:
            path = PurePosixPath(file.path)
            self._names.update(path.parts)
            self._paths.update(map(str, (path, *path.parents)))
        self._suffixes = {PurePosixPath(name).suffix for name in self._names}

    def keeps(self, pattern: str) -> bool:
        if pattern.startswith("**/*."):
            return pattern[4:] not in self._suffixes
        if pattern.startswith("**/"):
            return _plain(pattern[3:]) not in self._names
        return _plain(pattern) not in self._paths


def _is_wanted(path: str, wanted: Collection[str]) -> bool:
    return any(name and (path == name or path.startswith(f"{name}/")) for name in wanted)


def _patterns_for(file: ContextFile, environments: Collection[str]) -> Iterator[str]:
    """From the widest to the narrowest; none for a name that no line of an ignore file can hold."""
    path = PurePosixPath(file.path)
    if file.path != file.path.strip() or "\n" in file.path or "\r" in file.path:
        return
    for folder in reversed(path.parents):
        if str(folder) in environments:
            yield _literal(str(folder))
    cause: Cause | None = None
    for index, name in enumerate(path.parts[:-1], 1):
        cause = folder_cause(name, cause)
        if cause is file.cause:
            yield f"**/{_literal(name)}"
            yield _literal("/".join(path.parts[:index]))
    if path.suffix and not _SPECIAL.search(path.suffix) and file_cause(f"name{path.suffix}", None) is file.cause:
        yield f"**/*{path.suffix}"
    yield f"**/{_literal(path.name)}"
    yield _literal(file.path)


def _literal(text: str) -> str:
    return _SPECIAL.sub(lambda match: "\\" + match[0], text)


def _plain(pattern: str) -> str:
    return re.sub(r"\\(.)", r"\1", pattern)
