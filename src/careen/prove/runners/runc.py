"""runc: as root every property that a proof asks about, and a start in a twentieth of a second.

Without root it runs inside a user namespace of the caller's, whose users come from /etc/subuid (newuidmap(1)); there
nobody can set limits, and where no users are lent to the caller, only root's place can be taken.
"""

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from careen.process.run import CommandFailedError, Completed, find_program, run
from careen.process.spawn import Running, start
from careen.prove.bundle import Surroundings, render
from careen.prove.groups import demand_open_groups, hierarchies
from careen.prove.launch import Launch
from careen.prove.network import HeldNetwork
from careen.prove.runner import Property
from careen.prove.runners.attended import AttendedContainer, Counted
from careen.prove.runners.native import NativeGround, uncounted
from careen.prove.runs import RunFolder
from careen.prove.undo import Made

_START_TIMEOUT = 20.0
_TIMEOUT = 20.0
_UNLIMITED = "only root can limit what runc runs"
_NO_OTHER_USERS = "this user is lent no other users (/etc/subuid, and the package uidmap)"


class RuncRunner:
    """Raises MissingToolError when runc is missing, or may not do its work here."""

    name = "runc"

    def __init__(self) -> None:
        self.program = find_program("runc", package="runc")
        self.rootless = os.geteuid() != 0
        if self.rootless:
            HeldNetwork.try_out()
        else:
            demand_open_groups(self.name)

    @property
    def lacks(self) -> Mapping[Property, str]:
        missing = uncounted(_UNLIMITED if self.rootless else None)
        if self.rootless and not HeldNetwork.lends_users():
            missing[Property.USER] = _NO_OTHER_USERS
        if self.rootless:
            missing[Property.TRACES] = "only root can record what runc runs"
        return missing

    def ground(self, folder: RunFolder, names: Sequence[str], *, outside: bool = False) -> "RuncGround":
        return RuncGround(self, folder, names, outside=outside)


class RuncGround(NativeGround):
    def __init__(self, runner: RuncRunner, folder: RunFolder, names: Sequence[str], *, outside: bool) -> None:
        super().__init__(folder, names, outside=outside)
        self._lacks = runner.lacks
        rootless = ("--rootless", "true") if runner.rootless else ()
        state = str(folder.folder / "runc")
        self._command = (*self.network.inside(), str(runner.program), *rootless, "--root", state)

    def start(self, launch: Launch) -> "RuncContainer":
        """Raises CommandFailedError."""
        name = self.next_name()
        bundle = self.folder.folder / "bundles" / name
        bundle.mkdir(parents=True)
        group = f"{self.group}/{name}" if os.geteuid() == 0 else None
        around = Surroundings(
            namespace=self.network.namespace(launch.name),
            group=group,
            tables=self.tables(),
            memory=Property.MEMORY not in self._lacks,
            processes=Property.PROCESSES not in self._lacks,
            cpu=group is not None and hierarchies().root_of("cpu") is not None,
            swap=hierarchies().swap,
            only_root=Property.USER in self._lacks,
        )
        (bundle / "config.json").write_bytes(render(self.rooted(launch, name), around))
        self.folder.note(Made.CONTAINER, *self._command, "delete", "--force", name)
        pid_file = bundle / "pid"
        words = (*launch.tracing, *self._command, "run", "--keep", "--bundle", bundle, "--pid-file", pid_file, name)
        program = start(words, cwd=bundle)
        container = RuncContainer(launch, program, Counted(group, self.sampler), self._command, pid_file)
        self.folder.note_process(container.wait_for_start())
        return container


class RuncContainer(AttendedContainer):
    """``pid_file`` lies in the bundle, whose folder has the container's name."""

    def __init__(
        self, launch: Launch, program: Running, counted: Counted, command: tuple[str, ...], pid_file: Path
    ) -> None:
        super().__init__(launch.name, program, counted)
        self._tracing = launch.tracing
        self._identity = pid_file.parent.name
        self._command = command
        self._pid_file = pid_file

    def wait_for_start(self) -> int:
        """The pid. Raises CommandFailedError, with what runc says, when there never was a container."""
        give_up = time.monotonic() + _START_TIMEOUT
        while not (pid := self.pid()):
            if self.program.status() is not None or time.monotonic() > give_up:
                self.program.wait(1)
                self.counted.end()
                raise CommandFailedError(f"{self.name} cannot be started: {self.program.heard().text.strip()[-800:]}")
            time.sleep(0.002)
        return pid

    def execute(self, argv: tuple[str, ...], timeout: float) -> Completed:
        pid_file = self._pid_file.with_name(f"exec-{time.monotonic_ns()}")
        program = start((*self._tracing, *self._command, "exec", "--pid-file", pid_file, self._identity, *argv))
        status = program.wait(timeout)
        if status is None:
            _kill_noted(pid_file)
            program.kill()
            raise CommandFailedError(f"{argv[0]} did not finish within {timeout:g} s")
        return Completed(argv, status, program.heard().text.encode(), b"")

    def pid(self) -> int | None:
        try:
            return int(self._pid_file.read_text())
        except (OSError, ValueError):
            return None

    def take_away(self) -> None:
        run((*self._command, "delete", "--force", self._identity), timeout=_TIMEOUT)
        shutil.rmtree(self._pid_file.parent, ignore_errors=True)


def _kill_noted(pid_file: Path) -> None:
    try:
        os.kill(int(pid_file.read_text()), 9)
    except (OSError, ValueError):
        return
