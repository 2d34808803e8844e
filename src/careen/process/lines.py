"""Programs that are listened to line by line while they run."""

import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

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
    late = threading.Event()

    def give_up() -> None:
        late.set()
        process.kill()

    watch = threading.Timer(timeout, give_up)
    watch.daemon = True
    watch.start()
    stream = process.stdout
    assert stream is not None  # noqa: S101 - it is a pipe
    try:
        with stream:
            while line := stream.readline(_LONGEST_LINE):
                kept.append(line)
                hear(line.decode("utf-8", "replace").rstrip("\r\n"))
        status = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        watch.cancel()
    if late.is_set():
        raise CommandFailedError(f"{words[0]} did not finish within {timeout:g} s")
    return Completed(words, status, b"", b"".join(kept))
