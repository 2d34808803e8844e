"""Programs that are listened to line by line while they run."""

import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from careen.process.deadline import within
from careen.process.run import CommandFailedError, Completed

_KEPT_LINES = 4000
_LONGEST_LINE = 16 * 1024


def run_lines(
    argv: Sequence[str | Path],
    hear: Callable[[str], None],
    *,
    timeout: float,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Completed:
    """Like ``run``; what it prints, on either output, goes to ``hear`` as it comes.

    The last lines are kept as its standard error. Lines of any length are cut. ``timeout`` is in seconds.
    Raises CommandFailedError when the time is up or it cannot be started, or what ``hear`` raises; then it is killed.
    """
    words = tuple(str(word) for word in argv)
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environment,
        )
    except OSError as error:
        raise CommandFailedError(f"{words[0]} could not be started: {error.strerror}") from error
    kept: deque[bytes] = deque(maxlen=_KEPT_LINES)
    stream = process.stdout
    assert stream is not None  # noqa: S101 - it is a pipe
    with within(timeout, process, words[0]):
        with stream:
            while line := stream.readline(_LONGEST_LINE):
                kept.append(line)
                hear(line.decode("utf-8", "replace").rstrip("\r\n"))
        status = process.wait()
    return Completed(words, status, b"", b"".join(kept))
