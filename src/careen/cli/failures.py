"""The outer boundary: errors become words on stderr and an exit status, and nothing else does.

One of the two places where a broad ``except`` is right: whatever reaches it is a bug in careen.
"""

import os
import sys
import traceback

import click

from careen.errors import CareenError, ExitCode

_INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""


def guarded(command: click.Command, arguments: list[str]) -> int:
    """Runs the command line and answers with the exit status."""
    try:
        outcome = command.main(arguments, prog_name="careen", standalone_mode=False)
        status = int(outcome) if isinstance(outcome, int) else ExitCode.CLEAN
        sys.stdout.flush()
    except click.exceptions.Exit as exit_request:
        return exit_request.exit_code
    except click.ClickException as error:
        _tell(error.format_message(), ())
        return ExitCode.USAGE
    except CareenError as error:
        _tell(error.message, error.hints)
        return error.exit_code
    except BrokenPipeError:
        # The reader went away (`careen scan | head`). Nothing is wrong; keep the interpreter's own flush quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.CLEAN
    except (KeyboardInterrupt, click.Abort):
        _tell("interrupted", ())
        return _INTERRUPTED
    except Exception:  # noqa: BLE001 - the boundary
        traceback.print_exc()
        _tell("this is a bug in careen", ("report it with the lines above and the files that provoke it",))
        return ExitCode.BUG
    return status


def _tell(message: str, hints: tuple[str, ...]) -> None:
    label = click.style("error", fg="red", bold=True) if _colour() else "error"
    print(f"{label}: {message}", file=sys.stderr)  # noqa: T201 - the boundary is where words leave
    if hints:
        print(file=sys.stderr)  # noqa: T201
    for hint in dict.fromkeys(hints):
        print(f"hint: {hint}", file=sys.stderr)  # noqa: T201


def _colour() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ and "--no-color" not in sys.argv
