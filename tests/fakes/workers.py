"""A Celery worker as its prover sees it: asks and answers in one folder, marks in another.

Like Celery's own pools it knows of a task's beginning only a moment after it began; told to stop within that moment it
forgets the task, and hangs.
"""

import json
import threading
import time
from pathlib import Path

from careen.process.run import Completed
from careen.process.spawn import Heard
from careen.prove.runner import Use

_MOMENT_SECONDS = 0.2
_PATIENCE_SECONDS = 10.0


class ForgetfulWorker:
    """Also the container that sends: it answers whatever is asked in ``mailbox``. ``places`` tasks run at once."""

    def __init__(self, name: str, marks: Path, mailbox: Path, *, places: int) -> None:
        self.name = name
        self._marks, self._mailbox = marks, mailbox
        self._places = threading.Semaphore(places)
        self._running: set[str] = set()
        self._told = threading.Event()
        self._hangs = False
        (mailbox / "ready").touch()
        self._answering = threading.Thread(target=self._answer, daemon=True)
        self._answering.start()

    def signal(self, number: int) -> None:
        self._hangs = self._hangs or any(not self._has(name, "accepted") for name in self._running)
        self._told.set()

    def wait(self, timeout: float) -> int | None:
        give_up = time.monotonic() + timeout
        while (self._running or self._hangs) and time.monotonic() < give_up:
            time.sleep(0.01)
        return self.exit_status()

    def exit_status(self) -> int | None:
        return None if self._running or self._hangs or not self._told.is_set() else 0

    def process(self) -> int | None:
        return None

    def execute(self, argv: tuple[str, ...], timeout: float) -> Completed:
        raise NotImplementedError

    def heard(self) -> Heard:
        return Heard(b"", b"", 0)

    def use(self) -> Use:
        return Use()

    def remove(self) -> None:
        self._told.set()
        self._answering.join()

    def _answer(self) -> None:
        number = 1
        while not self._told.wait(0.01):
            ask = self._mailbox / f"{number}.ask"
            if ask.exists():
                asked = json.loads(ask.read_text())
                for name in asked["names"]:
                    threading.Thread(target=self._work, args=(name, asked), daemon=True).start()
                aside = self._mailbox / f".{number}"
                aside.write_text(json.dumps({"sent": asked["names"]}))
                aside.rename(self._mailbox / f"{number}.answer")
                number += 1

    def _work(self, name: str, asked: dict[str, object]) -> None:
        with self._places:
            if self._told.is_set():
                return
            self._running.add(name)
            self._mark(name, "begun")
            time.sleep(_MOMENT_SECONDS)
            self._mark(name, "accepted")
            give_up = time.monotonic() + _PATIENCE_SECONDS
            while asked["until"] and not (self._marks / str(asked["until"])).exists() and time.monotonic() < give_up:
                time.sleep(0.01)
            self._mark(name, "done")
            self._running.discard(name)

    def _has(self, task: str, kind: str) -> bool:
        return (self._marks / f"{task}.{kind}").exists()

    def _mark(self, task: str, kind: str) -> None:
        (self._marks / f"{task}.{kind}").write_text(self.name)
