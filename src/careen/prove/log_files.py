"""Programs that write their log into a file, where it goes with the container: told to print it, for a second look."""

from pathlib import PurePosixPath

_OPTIONS = {
    "celery": frozenset({"-f", "--logfile"}),
    "careen_heartbeat": frozenset({"-f", "--logfile"}),
    "gunicorn": frozenset({"--error-logfile", "--log-file"}),
}
"""By program, those whose value is the file (their ``--help``); without one the log is printed."""


def log_file(argv: tuple[str, ...]) -> str | None:
    """The file that the command has its program write to."""
    return next((value or argv[index + 1] for index, value in _named(argv)), None)


def printing(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command without it."""
    dropped: set[int] = set()
    for index, value in _named(argv):
        dropped |= {index} if value else {index, index + 1}
    return tuple(word for index, word in enumerate(argv) if index not in dropped)


def _named(argv: tuple[str, ...]) -> list[tuple[int, str]]:
    """Where each such option stands, and the value that stands with it, "" when that is the next word."""
    options: frozenset[str] = frozenset()
    found = []
    for index, word in enumerate(argv):
        options = options or _OPTIONS.get(PurePosixPath(word).name, frozenset())
        name, _, value = word.partition("=")
        if name in options and (value or index + 1 < len(argv)) and (value or argv[index + 1]) != "-":
            found.append((index, value))
    return found
