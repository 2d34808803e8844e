"""A ground whose containers do what a script says: so long alive, then a status, with words and healthy answers."""

import socket
import time
from collections.abc import Sequence

from careen.process.run import Completed
from careen.process.spawn import Heard
from careen.prove.launch import Launch
from careen.prove.runner import Use
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """``lives`` seconds, for ever when None, and then ``status``."""

    lives: float | None = None
    status: int = 0
    words: str = ""
    healthy: bool = True


class ScriptedContainer:
    def __init__(self, name: str, script: Script) -> None:
        self.name = name
        self._script = script
        self._begun = time.monotonic()
        self._signalled = False
        self.removed = False

    def process(self) -> int | None:
        return None

    def exit_status(self) -> int | None:
        if self._signalled:
            return 0
        lives = self._script.lives
        return self._script.status if lives is not None and time.monotonic() - self._begun >= lives else None

    def wait(self, timeout: float) -> int | None:
        end = time.monotonic() + timeout
        while self.exit_status() is None and time.monotonic() < end:
            time.sleep(0.01)
        return self.exit_status()

    def signal(self, number: int) -> None:
        self._signalled = True

    def execute(self, argv: tuple[str, ...], timeout: float) -> Completed:
        return Completed(argv, 0 if self._script.healthy else 1, b"", b"unwell")

    def heard(self) -> Heard:
        return Heard(self._script.words.encode(), b"", len(self._script.words.encode()))

    def use(self) -> Use:
        return Use()

    def remove(self) -> None:
        self.removed = True


class ScriptedGround:
    """Nothing listens on its network."""

    shares_places = True

    def __init__(self, scripts: dict[str, Script]) -> None:
        self._scripts = scripts
        self.launched: list[Launch] = []

    def start(self, launch: Launch) -> ScriptedContainer:
        self.launched.append(launch)
        return ScriptedContainer(launch.name, self._scripts[launch.name])

    def call(self, aliases: Sequence[tuple[str, str]]) -> None: ...

    def dial(self, name: str, port: int, timeout: float) -> socket.socket:
        raise ConnectionRefusedError

    def beside(self, name: str) -> tuple[str, ...]:
        return ()

    def close(self) -> None: ...
