"""Programs that go on running: started, listened to with a bounded ear, waited for."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from careen.process.run import CommandFailedError
from careen.text.values import dataclass

_EAR_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Heard:
    """What a program printed: the beginning and the end of it, and how much there was."""

    head: bytes
    tail: bytes
    total: int

    @property
    def text(self) -> str:
        """Readable; what was left out is marked by its size."""
        left_out = self.total - len(self.head) - len(self.tail)
        middle = f"\n[... {left_out} bytes left out ...]\n" if left_out else ""
        return self.head.decode("utf-8", "replace") + middle + self.tail.decode("utf-8", "replace")


class Ear:
    """Keeps the first and the last ``keep`` bytes of a stream that may flood."""

    def __init__(self, keep: int = _EAR_BYTES) -> None:
        self._keep = keep
        self._head = bytearray()
        self._tail = bytearray()
        self._total = 0
        self._lock = threading.Lock()

    def hear(self, data: bytes) -> None:
        with self._lock:
            self._total += len(data)
            room = self._keep - len(self._head)
            self._head += data[:room]
            self._tail += data[room:]
            # The tail is cut in large steps, so that a flood of small pieces is not copied for each of them.
            if len(self._tail) > 4 * self._keep:
                del self._tail[: -self._keep]

    def heard(self) -> Heard:
        with self._lock:
            return Heard(bytes(self._head), bytes(self._tail[-self._keep :]), self._total)


class Running:
    """A started program. Its standard output and error are one stream."""

    def __init__(
        self, argv: tuple[str, ...], process: "subprocess.Popen[bytes]", ear: Ear, *, own_session: bool
    ) -> None:
        self.argv = argv
        self._own_session = own_session
        self._process = process
        self._ear = ear
        stream = process.stdout
        assert stream is not None  # noqa: S101 - asked for in start()
        self._listener = threading.Thread(target=_listen, args=(stream, ear), daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def status(self) -> int | None:
        """Its exit status (negative: killed by that signal), None while it runs."""
        return self._process.poll()

    def wait(self, timeout: float) -> int | None:
        """Its exit status, None when it still runs after ``timeout`` seconds."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        # What it printed last may still be in the pipe; a child that outlives it may hold the pipe for ever.
        self._listener.join(1)
        return status

    def heard(self) -> Heard:
        return self._ear.heard()

    def signal(self, number: int) -> None:
        """Does nothing when it has ended."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kills it, with its children when it leads a session of its own, and waits for its end."""
        if self._own_session:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        else:
            self._process.kill()
        self._process.wait()
        self._listener.join(1)


def start(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    own_session: bool = True,
    pass_fds: Sequence[int] = (),
    before: Callable[[], None] | None = None,
) -> Running:
    """Starts a program that reads nothing. ``environment`` replaces the whole environment.

    ``own_session`` keeps the terminal's signals (an interrupt) from it. ``before`` runs in the child before the
    program; it must do no more than system calls. Raises CommandFailedError when it cannot be started.
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
            start_new_session=own_session,
            pass_fds=pass_fds,
            preexec_fn=before,  # noqa: PLW1509 - the callers' are system calls only
            bufsize=0,
        )
    except OSError as error:
        raise CommandFailedError(f"{words[0]} could not be started: {error.strerror}") from error
    return Running(words, process, Ear(), own_session=own_session)


def _listen(stream: IO[bytes], ear: Ear) -> None:
    descriptor = stream.fileno()
    with stream:
        while data := os.read(descriptor, 65536):
            ear.hear(data)
