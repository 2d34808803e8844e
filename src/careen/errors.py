"""What can be told to a user when something goes wrong.

Errors are defined beside the code that raises them and derive from :class:`CareenError`; only the
base and the exit codes live here.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """The whole promise of careen's exit status."""

    CLEAN = 0
    FINDINGS = 1
    """Findings at or above the limit, a failed proof, or a broken budget."""
    USAGE = 2
    """Bad usage, input that cannot be read or fetched, or a place that cannot be written to."""
    MISSING = 3
    """Something this machine lacks; the hint names the package."""
    BUG = 70
    INTERRUPTED = 130
    """128 + SIGINT, as shells report it."""


class CareenError(Exception):
    """One sentence without a final period, and hints that say what to do next.

    Hints are shown after a blank line as ``hint: ...``; the message must be complete without them.
    """

    exit_code: ExitCode = ExitCode.USAGE

    def __init__(self, message: str, *, hints: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints


class MissingToolError(CareenError):
    """A program or privilege that this machine does not offer."""

    exit_code = ExitCode.MISSING
