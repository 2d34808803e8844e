"""Patterns that would keep out of a context what no image needs, few and readable."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath

from careen.ignorefile.causes import Cause, file_cause, folder_cause
from careen.ignorefile.context import ContextFile

_ENVIRONMENT_MARK = "pyvenv.cfg"


def proposed_patterns(
    sent: Iterable[ContextFile], unwanted: Collection[Cause], *, wanted: Collection[str] = ()
) -> tuple[str, ...]:
    """One for each kind of folder, suffix or name that weighs for an unwanted cause, heaviest first.

    Files and folders in ``wanted`` are asked for by name in a Dockerfile, and stay.
    """
    files = tuple(sent)
    environments = {
        str(PurePosixPath(file.path).parent) for file in files if PurePosixPath(file.path).name == _ENVIRONMENT_MARK
    } - {"."}
    weights: dict[str, int] = {}
    for file in files:
        if file.cause in unwanted and not _is_wanted(file.path, wanted):
            pattern = _pattern_for(file, environments)
            weights[pattern] = weights.get(pattern, 0) + file.bytes
    return tuple(sorted(weights, key=lambda pattern: (-weights[pattern], pattern)))


def _is_wanted(path: str, wanted: Collection[str]) -> bool:
    return any(name and (path == name or path.startswith(f"{name}/")) for name in wanted)


def _pattern_for(file: ContextFile, environments: Collection[str]) -> str:
    path = PurePosixPath(file.path)
    for folder in reversed(path.parents):
        if str(folder) in environments:
            return str(folder)
    cause: Cause | None = None
    for name in _folders(path):
        cause = folder_cause(name, cause)
        if cause is file.cause:
            return f"**/{name}"
    if path.suffix and file_cause(f"name{path.suffix}", None) is file.cause:
        return f"**/*{path.suffix}"
    return f"**/{path.name}"


def _folders(path: PurePosixPath) -> Iterator[str]:
    return iter(path.parts[:-1])
