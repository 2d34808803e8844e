"""The one door to other programs."""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from careen.errors import CareenError, MissingToolError
from careen.text.values import dataclass

_TAIL_LINES = 12
_CREDENTIALS = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^/\s'\"]*@")
"""Of an address: all between its scheme and its host."""


class CommandFailedError(CareenError):
    """A program that was expected to succeed did not."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A finished program: its exit status (negative: killed by that signal) and what it printed."""

    argv: tuple[str, ...]
    status: int
    stdout: bytes
    stderr: bytes

    @property
    def succeeded(self) -> bool:
        return self.status == 0

    def tail(self) -> str:
        """The last lines it printed, for evidence, without the credentials of addresses in them."""
        text = (self.stderr or self.stdout).decode("utf-8", "replace").strip()
        return _CREDENTIALS.sub(r"\1", "\n".join(text.splitlines()[-_TAIL_LINES:]))


def find_program(name: str, *, package: str) -> Path:
    """The program's path; raises MissingToolError that names the Debian package."""
    found = shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")
    if found is None:
        raise MissingToolError(f"{name} is not on this machine", hints=(f"install it: apt-get install {package}",))
    return Path(found)


def run(
    argv: Sequence[str | Path],
    *,
    timeout: float,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> Completed:
    """Runs to the end and captures; ``timeout`` in seconds. ``environment`` replaces the whole environment.

    Raises CommandFailedError when the time is up (the program is killed) or it cannot be started.
    """
    words = tuple(str(word) for word in argv)
    try:
        done = subprocess.run(
            words, input=stdin, capture_output=True, timeout=timeout, cwd=cwd, env=environment, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailedError(f"{words[0]} did not finish within {timeout:g} s") from error
    except OSError as error:
        raise CommandFailedError(f"{words[0]} could not be started: {error.strerror}") from error
    return Completed(words, done.returncode, done.stdout, done.stderr)


def run_checked(
    argv: Sequence[str | Path],
    *,
    timeout: float,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> Completed:
    """Like :func:`run`; raises CommandFailedError with the program's last lines unless it exits 0."""
    done = run(argv, timeout=timeout, cwd=cwd, environment=environment, stdin=stdin)
    if not done.succeeded:
        raise CommandFailedError(f"{' '.join(done.argv[:3])} ended with status {done.status}: {done.tail()}")
    return done


def run_into(argv: Sequence[str | Path], target: BinaryIO, *, timeout: float) -> Completed:
    """Like :func:`run_checked`, but what it prints goes into a file, however much it is."""
    words = tuple(str(word) for word in argv)
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=target, stderr=subprocess.PIPE, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailedError(f"{words[0]} did not finish within {timeout:g} s") from error
    except OSError as error:
        raise CommandFailedError(f"{words[0]} could not be started: {error.strerror}") from error
    completed = Completed(words, done.returncode, b"", done.stderr)
    if not completed.succeeded:
        raise CommandFailedError(f"{' '.join(words[:3])} ended with status {done.returncode}: {completed.tail()}")
    return completed
