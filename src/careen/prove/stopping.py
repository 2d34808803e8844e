"""Asking a service to stop, as an orchestrator does, and what came of it."""

import contextlib
import signal
import time
from collections.abc import Callable

from careen.plan.target import ServicePlan
from careen.prove.patience import patience
from careen.prove.processes import handles
from careen.prove.runner import Container
from careen.text.values import dataclass

_CLEAN = frozenset({0, 128 + signal.SIGTERM, 128 + signal.SIGINT, 128 + signal.SIGQUIT})
"""A program that cleaned up may exit 0, or give itself the signal once more, so that its parent sees why it ended."""

_HEARD = (
    "have the program handle it, or name one that it does: Python has a handler for SIGINT by itself "
    "(`stop_signal: SIGINT` in compose)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """``status`` None: it had to be killed after ``seconds``. ``deaf`` is the signal that it had no handler for."""

    status: int | None
    seconds: float
    grace: float
    deaf: str | None = None

    @property
    def complaints(self) -> tuple[str, ...]:
        if self.status is None:
            why = f": it has no handler for {self.deaf}, and the kernel keeps such from PID 1" if self.deaf else ""
            return (f"it still ran {self.grace:g} s after the signal, and had to be killed{why}",)
        if self.status not in _CLEAN:
            return (f"it ended with status {self.status}",)
        return ()

    @property
    def hints(self) -> tuple[str, ...]:
        if self.status is not None or self.deaf is None:
            return ()
        return (_HEARD,)


def stop_signal(service: ServicePlan) -> signal.Signals:
    """By name or number, as images and compose write it; SIGTERM for what is not known."""
    text = service.stop_signal.upper()
    if text.isdigit():
        return signal.Signals(int(text))
    name = text if text.startswith("SIG") else f"SIG{text}"
    return signal.Signals.__members__.get(name, signal.SIGTERM)


def stop(
    container: Container, service: ServicePlan, grace: float | None, meanwhile: Callable[[], None] | None = None
) -> Stop:
    """Sends the stop signal and waits ``grace`` seconds; when None the plan's, or more of them on a busy machine.
    ``meanwhile`` runs after the signal.
    """
    allowed = grace if grace is not None else round(service.stop_grace_seconds * patience(), 1)
    number, deaf = stop_signal(service), None
    pid = container.process()
    if pid is not None:
        with contextlib.suppress(OSError, KeyError, ValueError):
            deaf = None if handles(pid, number) else number.name
    begun = time.monotonic()
    container.signal(number)
    if meanwhile is not None:
        meanwhile()
    status = container.wait(max(0.0, allowed - (time.monotonic() - begun)))
    return Stop(status=status, seconds=time.monotonic() - begun, grace=allowed, deaf=deaf)
