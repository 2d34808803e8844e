"""The outer boundary: errors become words on stderr and an exit status, and nothing else does.

One of the two places where a broad ``except`` is right: whatever reaches it is a bug in careen.
"""

import errno
import os
import sys
import traceback
from pathlib import Path

import click

from careen.errors import CareenError, ExitCode

_REFUSALS = {
    errno.EACCES: "choose another place, or ask for the right to write there",
    errno.EPERM: "choose another place, or ask for the right to write there",
    errno.EROFS: "choose a place that can be written to",
    errno.ENOTDIR: "a file is where a folder has to be: choose another place",
    errno.EISDIR: "a folder is where a file has to be: choose another place",
    errno.EEXIST: "a file is where a folder has to be: choose another place",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOSPC: "make room, there and in careen's cache: `careen store clean`",
    errno.EDQUOT: "make room, there and in careen's cache: `careen store clean`",
    errno.EMFILE: "allow more open files: ulimit -n 4096",
    errno.EIO: "look at the disk: the system's log tells more",
}
"""Of the machine or of the place that the user chose; any other failure of the system is a bug."""


def guarded(command: click.Command, arguments: list[str]) -> int:
    """Runs the command line and answers with the exit status."""
    try:
        outcome = command.main(arguments, prog_name="careen", standalone_mode=False)
        status = int(outcome) if isinstance(outcome, int) else ExitCode.CLEAN
        sys.stdout.flush()
    except click.exceptions.Exit as exit_request:
        return exit_request.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)  # noqa: T201 - the boundary is where words leave
        return ExitCode.USAGE
    except click.ClickException as error:
        _tell(*_usage(error))
        return ExitCode.USAGE
    except CareenError as error:
        _tell(error.message, error.hints)
        return error.exit_code
    except BrokenPipeError:
        # The reader went away (`careen scan | head`). Nothing is wrong; keep the interpreter's own flush quiet.
        _silence_stdout()
        return ExitCode.CLEAN
    except (KeyboardInterrupt, click.Abort):
        _tell("interrupted", ())
        return ExitCode.INTERRUPTED
    except OSError as error:
        hint = _REFUSALS.get(error.errno or 0)
        if hint is None and "temporary directory" in (error.strerror or ""):  # tempfile has tried them all
            hint = "make room, or name a folder for temporary files in TMPDIR"
        if hint is None:
            return _bug()
        _silence_stdout()  # what it could not write it would try again at the end
        _tell(_refusal(error), (hint,))
        return ExitCode.USAGE
    except Exception:  # noqa: BLE001 - the boundary
        return _bug()
    return status


def _bug() -> int:
    traceback.print_exc()
    _tell("this is a bug in careen", ("report it with the lines above and the files that provoke it",))
    return ExitCode.BUG


def _silence_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refusal(error: OSError) -> str:
    """The folder of a file that careen writes aside is what the user knows; its own name says nothing."""
    reason = (error.strerror or type(error).__name__).lower()
    if not isinstance(error.filename, str):
        return f"writing failed: {reason}"
    place = Path(error.filename)
    return f"{place.parent if place.name.startswith('.') else place}: {reason}"


def _usage(error: click.ClickException) -> tuple[str, tuple[str, ...]]:
    """click's words as careen's: one sentence without a final period, and what to do behind it."""
    message, _, said = error.format_message().partition("\n\nhint: ")
    if said:
        return message, (said,)
    hints: list[str] = []
    match error:
        case click.NoSuchOption():
            message = f"no such option: {error.option_name}"
            hints += [f"did you mean `{near}`?" for near in (error.possibilities or ())[:1]]
        case click.MissingParameter():
            name = error.param.make_metavar(error.ctx) if error.param and error.ctx else error.param_hint
            message = f"{name} is missing"
        case click.BadParameter():
            message = f"{_named(error)}: {_plain(error.message)}"
        case _:
            message = _plain(message)
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hints.append(f"`{error.ctx.command_path} --help` tells what it takes")
    return message, tuple(hints)


def _named(error: click.BadParameter) -> str:
    if isinstance(error.param, click.Option):
        return max(error.param.opts, key=len)
    if error.param is not None and error.param.human_readable_name:
        return error.param.human_readable_name
    return "the command line"


def _plain(sentence: str) -> str:
    first, rest = sentence[:1], sentence[1:]
    return (first.lower() + rest if rest[:1].islower() else sentence).rstrip(".")


def _tell(message: str, hints: tuple[str, ...]) -> None:
    label = click.style("error", fg="red", bold=True) if _colour() else "error"
    print(f"{label}: {message}", file=sys.stderr)  # noqa: T201 - the boundary is where words leave
    if hints:
        print(file=sys.stderr)  # noqa: T201
    for hint in dict.fromkeys(hints):
        print(f"hint: {hint}", file=sys.stderr)  # noqa: T201


def _colour() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ and "--no-color" not in sys.argv
