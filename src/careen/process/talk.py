"""Programs that answer questions one at a time, over their standard input and output.

A question has parts, and so has its answer. Each part is its length (4 bytes, big-endian) and its bytes; before the
first stands the length of all of them together.
"""

import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from careen.process.run import CommandFailedError


class Talking:
    """A started program that answers; one question at a time. Raises CommandFailedError when it cannot be started."""

    def __init__(self, argv: Sequence[str | Path], *, environment: Mapping[str, str], cwd: Path) -> None:
        self._argv = tuple(str(word) for word in argv)
        try:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd=cwd,
                start_new_session=True,
            )
        except OSError as error:
            raise CommandFailedError(f"{self._argv[0]} could not be started: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def ask(self, *parts: bytes, timeout: float) -> list[bytes]:
        """The answer. Raises CommandFailedError when the program ends instead, or is silent for ``timeout`` seconds."""
        watch = threading.Timer(timeout, self._process.kill)
        watch.daemon = True
        watch.start()
        try:
            question = b"".join(len(part).to_bytes(4) + part for part in parts)
            self._stream(self._process.stdin).write(len(question).to_bytes(4) + question)
            self._stream(self._process.stdin).flush()
            answer = self._read(int.from_bytes(self._read(4)))
        except BrokenPipeError as error:
            raise CommandFailedError(f"{self._argv[0]} ended before it answered") from error
        finally:
            watch.cancel()
        return self._parts(answer)

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue  # it has ended already
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self, size: int) -> bytes:
        data = self._stream(self._process.stdout).read(size)
        if len(data) != size:
            raise CommandFailedError(f"{self._argv[0]} ended before it answered")
        return data

    def _parts(self, answer: bytes) -> list[bytes]:
        found, position = [], 0
        while position < len(answer):
            end = position + 4 + int.from_bytes(answer[position : position + 4])
            if end > len(answer):
                raise CommandFailedError(f"{self._argv[0]} gave an answer that breaks off")
            found.append(answer[position + 4 : end])
            position = end
        return found

    def _stream(self, stream: IO[bytes] | None) -> IO[bytes]:
        assert stream is not None  # noqa: S101 - both are pipes
        return stream
