"""Brokers and databases of a stack that careen does not build: this machine's own, on the stack's private network."""

import shutil
import signal
import tempfile
import time
from pathlib import Path

from careen.errors import CareenError
from careen.plan.target import BackingService
from careen.process.run import CommandFailedError, run_checked
from careen.process.spawn import Running, start
from careen.prove.nobody import give_to_nobody
from careen.prove.runner import Ground
from careen.prove.runs import RunFolder
from careen.prove.servers import BROKERS, kind_of, server_for
from careen.prove.undo import Made

_START_TIMEOUT = 180.0
_TIMEOUT = 60.0
_PAUSE_SECONDS = 0.05
_STOP_SECONDS = 10.0


class BackingFailedError(CareenError):
    """A broker or database of the stack does not start here."""


class Backing:
    """One running server."""

    def __init__(self, service: BackingService, ground: Ground, run: RunFolder) -> None:
        """Starts it and waits until it answers.

        Raises UnknownBackingError, MissingToolError when its package is not installed, BackingFailedError.
        """
        self.name = service.name
        self._service, self._ground, self._run = service, ground, run
        # Not below careen's own folder, whose parents may be closed to the user that the server runs as.
        self._folder = Path(tempfile.mkdtemp(prefix="careen-backing-"))
        run.note(Made.FOLDER, str(self._folder))
        self.server = server_for(service, self._folder)
        for path in (self._folder, *self._folder.iterdir()):
            give_to_nobody(path)
        self._environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **self.server.environment}
        if self.server.prepare:
            self._once(self.server.prepare)
        self._program = self._start()
        if self.server.afterwards:
            self._soon(self.server.afterwards)

    @property
    def is_broker(self) -> bool:
        return kind_of(self._service.image) in BROKERS

    def stop(self) -> None:
        """Lets it write what it has, so that a restart finds it again."""
        self._program.signal(signal.SIGTERM)
        if self._program.wait(_STOP_SECONDS) is None:
            self._program.kill()

    def restart(self) -> None:
        self.stop()
        self._program = self._start()

    def close(self) -> None:
        self._program.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def heard(self) -> str:
        return self._program.heard().text

    def _start(self) -> Running:
        beside = self._ground.beside(self.name)
        program = start((*beside, *self.server.argv), cwd=self._folder, environment=self._environment)
        self._run.note_process(program.pid)
        give_up = time.monotonic() + _START_TIMEOUT
        while True:
            try:
                self._ground.dial(self.name, self.server.port, 1).close()
            except OSError as error:
                if program.status() is not None or time.monotonic() > give_up:
                    program.kill()
                    said = program.heard().text.strip()[-600:]
                    raise BackingFailedError(f"{self.name} ({self._service.image}) does not start: {said}") from error
                time.sleep(_PAUSE_SECONDS)
            else:
                return program

    def _once(self, argv: tuple[str, ...]) -> None:
        words = (*self._ground.beside(self.name), *argv)
        run_checked(words, timeout=_TIMEOUT, cwd=self._folder, environment=self._environment)

    def _soon(self, argv: tuple[str, ...]) -> None:
        """As often as it takes: a server may accept connections before it is able to do what they ask for."""
        give_up = time.monotonic() + _TIMEOUT
        while True:
            try:
                return self._once(argv)
            except CommandFailedError:
                if self._program.status() is not None or time.monotonic() > give_up:
                    raise
                time.sleep(_PAUSE_SECONDS)
