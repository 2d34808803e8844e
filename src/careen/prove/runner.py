"""What every way of running containers offers, and which one to take."""

import socket
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from careen.process.run import Completed
from careen.process.spawn import Heard
from careen.prove.launch import Launch
from careen.prove.runs import RunFolder
from careen.text.values import dataclass


class Property(StrEnum):
    """What a runner may be unable to give or to show."""

    USER = "user"
    MEMORY = "memory"
    PROCESSES = "processes"
    PRIVATE_NETWORK = "private-network"
    READ_ONLY = "read-only"
    SIGNALS = "signals"
    TRACES = "traces"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a container has used so far. None where nobody counts.

    ``peak_bytes`` leaves out the page cache, which the kernel takes back when it is short.
    """

    peak_bytes: int | None = None
    out_of_memory: int | None = None
    refused_processes: int | None = None

    def after(self, earlier: "Use") -> "Use":
        """Of two containers of one service, one after the other."""
        peaks = [peak for peak in (self.peak_bytes, earlier.peak_bytes) if peak is not None]
        return Use(
            peak_bytes=max(peaks, default=None),
            out_of_memory=_sum(self.out_of_memory, earlier.out_of_memory),
            refused_processes=_sum(self.refused_processes, earlier.refused_processes),
        )


class Container(Protocol):
    """A container that was started. Everything here may be asked after its end, too."""

    @property
    def name(self) -> str: ...

    def process(self) -> int | None:
        """The pid, on this machine, of the container's PID 1; None when it is not running."""

    def exit_status(self) -> int | None:
        """As a shell says it: 128 + the signal's number when one killed it. None while it runs."""

    def wait(self, timeout: float) -> int | None:
        """Its exit status, None when it still runs after ``timeout`` seconds."""

    def signal(self, number: int) -> None:
        """To PID 1. Does nothing when it has ended."""

    def execute(self, argv: tuple[str, ...], timeout: float) -> Completed:
        """Runs a program in the running container, with its user and environment. Raises CommandFailedError."""

    def heard(self) -> Heard: ...

    def use(self) -> Use: ...

    def remove(self) -> None:
        """Kills what still runs and takes the container away."""


class Ground(Protocol):
    """Where the containers of one stack run: a private network on which they find each other by name."""

    @property
    def shares_places(self) -> bool:
        """Whether two containers of one name can run at the same time, in one place of the network."""

    def start(self, launch: Launch) -> Container:
        """Raises CommandFailedError when the container cannot be started."""

    def call(self, aliases: Sequence[tuple[str, str]]) -> None:
        """Other names, each with the service that containers started from now on find by it."""

    def dial(self, name: str, port: int, timeout: float) -> socket.socket:
        """Connects to a service from beside it, not from inside of it. Raises OSError."""

    def beside(self, name: str) -> tuple[str, ...]:
        """Words that, put before a command of this machine, run it as nobody in the network of the service so named."""

    def close(self) -> None: ...


class Runner(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def lacks(self) -> Mapping[Property, str]:
        """What it cannot give on this machine, each with the reason."""

    def ground(self, folder: RunFolder, names: Sequence[str], *, outside: bool = False) -> Ground:
        """Lays out a network for the services so named; ``outside`` gives it a way out."""


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)
