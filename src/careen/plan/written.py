"""Folders that a service writes to because its command says so: logs, process ids, state of workers."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from posixpath import normpath

_FILES: Mapping[str, frozenset[str]] = {
    "celery": frozenset({"-f", "--logfile", "--pidfile", "--statedb", "-s", "--schedule"}),
    "gunicorn": frozenset({"--access-logfile", "--error-logfile", "--log-file", "-p", "--pid"}),
}
"""Options whose value is a file that the program writes (their ``--help``)."""

_ALWAYS_THERE = (PurePosixPath("/tmp"), PurePosixPath("/dev"), PurePosixPath("/proc"))  # noqa: S108 - a tmpfs


def written_folders(
    arguments: Sequence[str], working_directory: PurePosixPath, occupied: Collection[PurePosixPath]
) -> tuple[PurePosixPath, ...]:
    """Those that need a tmpfs of their own under a read-only root.

    ``arguments`` follow the interpreter. ``occupied`` are paths of files and mounts: a tmpfs above one would hide it.
    """
    found = dict.fromkeys(_folder(value, working_directory) for value in _named(arguments))
    return tuple(
        folder
        for folder in found
        if not any(folder.is_relative_to(place) for place in _ALWAYS_THERE)
        and not any(path.is_relative_to(folder) for path in (*occupied, working_directory))
    )


def _folder(value: str, working_directory: PurePosixPath) -> PurePosixPath:
    return PurePosixPath(normpath(working_directory / value)).parent


def _named(arguments: Sequence[str]) -> Iterator[str]:
    options = _FILES.get(arguments[1], frozenset()) if tuple(arguments[:1]) == ("-m",) and len(arguments) > 1 else ()
    for word, following in zip(arguments, (*arguments[1:], "-"), strict=True):
        name, equals, value = word.partition("=")
        if name in options:
            named = value if equals else following
            if named and not named.startswith("-"):
                yield named
