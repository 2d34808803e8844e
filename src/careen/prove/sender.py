"""Sending tasks to the stack's broker, from a container beside the workers.

Requests and answers are files in a folder that both sides see, which every runner can offer.
"""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from careen.errors import CareenError
from careen.prove.instruments import read_untrusted_object
from careen.prove.runner import Container
from careen.text.values import dataclass

_READY_TIMEOUT = 30.0
_ANSWER_TIMEOUT = 20.0
_PAUSE_SECONDS = 0.01


class SenderError(CareenError):
    """A probe task could not be sent, or the queue not be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """One task for each name. Each works for ``seconds``, from when the mark ``until`` is there if there is one."""

    task: str
    names: tuple[str, ...]
    seconds: float
    until: str | None = None


class Sender:
    def __init__(self, container: Container, mailbox: Path) -> None:
        self.container = container
        self._mailbox = mailbox
        self._number = 0
        self._lock = threading.Lock()

    def send(self, worker: Mapping[str, object], queue: Mapping[str, object], probes: Probes) -> None:
        """Into the queue. Raises SenderError."""
        self._ask({"do": "send", "worker": worker, "queue": queue, **asdict(probes)})

    def waiting(self, worker: Mapping[str, object], queue: Mapping[str, object]) -> int:
        """How many messages wait in the queue. Raises SenderError."""
        answer = self._ask({"do": "waiting", "worker": worker, "queue": queue}).get("waiting")
        if not isinstance(answer, int):
            raise SenderError("the broker does not say how many messages wait")
        return answer

    def _ask(self, request: Mapping[str, object]) -> Mapping[str, object]:
        with self._lock:
            self._wait_for("ready", _READY_TIMEOUT)
            self._number += 1
            aside = self._mailbox / f".{self._number}.ask"
            aside.write_text(json.dumps(request))
            aside.chmod(0o644)
            aside.rename(self._mailbox / f"{self._number}.ask")
            answer = f"{self._number}.answer"
            self._wait_for(answer, _ANSWER_TIMEOUT)
            document = read_untrusted_object(self._mailbox / answer)
        if document is None:
            raise SenderError("the sending container's answer cannot be read")
        if "error" in document:
            raise SenderError(f"the broker cannot be spoken to: {document['error']}")
        return document

    def _wait_for(self, name: str, timeout: float) -> None:
        give_up = time.monotonic() + timeout
        while not (self._mailbox / name).exists():
            if self.container.exit_status() is not None:
                said = self.container.heard().text.strip()[-600:]
                raise SenderError(f"the sending container has ended: {said}")
            if time.monotonic() > give_up:
                raise SenderError(f"the sending container did not answer within {timeout:g} s")
            time.sleep(_PAUSE_SECONDS)
