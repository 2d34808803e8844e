"""Containers that a program of this machine attends: while it runs they run, and what they print it prints."""

import contextlib
import os
from abc import ABC, abstractmethod

from careen.process.run import Completed
from careen.process.spawn import Heard, Running
from careen.prove.groups import GroupWatch, Sampler
from careen.prove.runner import Use

_TIMEOUT = 20.0


class Counted:
    """What is counted of one container, sampled from its start to its end; ``group`` None when nobody can."""

    def __init__(self, group: str | None, sampler: Sampler) -> None:
        self._watch = GroupWatch(group) if group is not None else None
        self._sampler = sampler
        if self._watch is not None:
            sampler.add(self._watch)

    def use(self) -> Use:
        if self._watch is None:
            return Use()
        self._watch.count()
        return Use(
            peak_bytes=self._watch.peak_bytes,
            out_of_memory=self._watch.out_of_memory,
            refused_processes=self._watch.refused_processes,
        )

    def end(self) -> None:
        """Takes the last figures. May be asked twice."""
        if self._watch is not None:
            self._watch.count()
            self._sampler.drop(self._watch)


class AttendedContainer(ABC):
    def __init__(self, name: str, program: Running, counted: Counted) -> None:
        self.name = name
        self.program = program
        self.counted = counted

    def process(self) -> int | None:
        return self.pid() if self.program.status() is None else None

    def exit_status(self) -> int | None:
        return self.program.status()

    def wait(self, timeout: float) -> int | None:
        return self.program.wait(timeout)

    def signal(self, number: int) -> None:
        # To the attendant itself it might be deadly, and the service would not hear of it.
        pid = self.process()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def heard(self) -> Heard:
        return self.program.heard()

    def use(self) -> Use:
        return self.counted.use()

    def remove(self) -> None:
        self.counted.end()
        self.take_away()
        if self.program.wait(_TIMEOUT) is None:
            self.program.kill()

    @abstractmethod
    def execute(self, argv: tuple[str, ...], timeout: float) -> Completed:
        """Raises CommandFailedError."""

    @abstractmethod
    def pid(self) -> int | None:
        """The container's PID 1 as this machine knows it; None before there is one."""

    @abstractmethod
    def take_away(self) -> None:
        """Kills what runs in the container; the attendant ends by that."""
