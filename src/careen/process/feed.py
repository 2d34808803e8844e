"""Programs that are handed more on their standard input than fits into memory."""

import contextlib
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from careen.blobs.digest import ByteSink
from careen.process.deadline import within
from careen.process.run import CommandFailedError, Completed


def run_fed(argv: Sequence[str | Path], write: Callable[[ByteSink], None], *, timeout: float) -> Completed:
    """Like ``run_checked``, with a standard input that ``write`` writes; ``timeout`` is in seconds.

    Raises CommandFailedError, or what ``write`` raises; then the program is killed.
    """
    words = tuple(str(word) for word in argv)
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        try:
            process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=stdout, stderr=stderr)
        except OSError as error:
            raise CommandFailedError(f"{words[0]} could not be started: {error.strerror}") from error
        with within(timeout, process, words[0]):
            with contextlib.suppress(BrokenPipeError), _stdin(process) as sink:
                write(sink)  # a program that ends before it has read all of it says why by its status
            status = process.wait()
        completed = Completed(words, status, _whole(stdout), _whole(stderr))
    if not completed.succeeded:
        raise CommandFailedError(f"{' '.join(words[:3])} ended with status {status}: {completed.tail()}")
    return completed


def _stdin(process: "subprocess.Popen[bytes]") -> IO[bytes]:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    return process.stdin


def _whole(stream: IO[bytes]) -> bytes:
    stream.seek(0)
    return stream.read()
