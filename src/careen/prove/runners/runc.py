"""runc, as root: every property that a proof asks about, and a start in a twentieth of a second."""

import itertools
import os
import shutil
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from careen.errors import MissingToolError
from careen.process.run import CommandFailedError, Completed, find_program, run
from careen.process.spawn import Heard, Running, start
from careen.prove.bundle import Surroundings, render
from careen.prove.groups import GroupWatch, Sampler, hierarchies
from careen.prove.launch import Launch, Mount
from careen.prove.network import NamedNetwork
from careen.prove.nobody import as_nobody
from careen.prove.runner import Property, Use
from careen.prove.runs import RunFolder
from careen.prove.undo import Made

_START_TIMEOUT = 20.0
_TIMEOUT = 20.0


class RuncRunner:
    """Raises MissingToolError when runc or root's privileges are missing."""

    name = "runc"

    def __init__(self) -> None:
        self.program = find_program("runc", package="runc")
        if os.geteuid() != 0:
            raise MissingToolError("runc needs root here", hints=("use --runner bwrap", "or run careen as root"))

    @property
    def lacks(self) -> Mapping[Property, str]:
        at = hierarchies()
        missing = {}
        for wanted, controller in ((Property.MEMORY, "memory"), (Property.PROCESSES, "pids")):
            if at.root_of(controller) is None:
                missing[wanted] = f"this machine mounts no control group for {controller}"
        return missing

    def ground(self, folder: RunFolder, names: Sequence[str]) -> "RuncGround":
        return RuncGround(self, folder, names)


class RuncGround:
    def __init__(self, runner: RuncRunner, folder: RunFolder, names: Sequence[str]) -> None:
        self._runner = runner
        self._folder = folder
        self._state = folder.folder / "runc"
        self._group = f"/careen-{folder.identity}"
        for root in hierarchies().all_roots:
            folder.note(Made.CONTROL_GROUP, f"{root}{self._group}")
        self.network = NamedNetwork(folder, names)
        self._sampler = Sampler()
        self._numbers = itertools.count(1)  # starts happen at the same time

    def start(self, launch: Launch) -> "RuncContainer":
        number = next(self._numbers)
        identity = f"careen-{self._folder.identity}-{number}"
        bundle = self._folder.folder / "bundles" / identity
        bundle.mkdir(parents=True)
        lacks = self._runner.lacks
        group = f"{self._group}/{identity}"
        around = Surroundings(
            namespace=self.network.namespace(launch.name),
            group=group,
            tables=(
                Mount(self.network.tables.hosts, PurePosixPath("/etc/hosts")),
                Mount(self.network.tables.name_servers, PurePosixPath("/etc/resolv.conf")),
            ),
            memory=Property.MEMORY not in lacks,
            processes=Property.PROCESSES not in lacks,
            cpu=hierarchies().root_of("cpu") is not None,
            swap=hierarchies().swap,
        )
        (bundle / "config.json").write_bytes(render(launch, around))
        command = (str(self._runner.program), "--root", str(self._state))
        self._folder.note(Made.CONTAINER, *command, "delete", "--force", identity)
        pid_file = bundle / "pid"
        program = start((*command, "run", "--keep", "--bundle", bundle, "--pid-file", pid_file, identity), cwd=bundle)
        watch = GroupWatch(group)
        self._sampler.add(watch)
        container = RuncContainer(launch.name, identity, command, program, pid_file, (watch, self._sampler))
        container.wait_for_start()
        return container

    def dial(self, name: str, port: int, timeout: float) -> socket.socket:
        return self.network.dial(name, port, timeout)

    def beside(self, name: str) -> tuple[str, ...]:
        return (*self.network.enter(name), *as_nobody())

    def close(self) -> None:
        self._sampler.close()
        self.network.close()


class RuncContainer:
    def __init__(
        self,
        name: str,
        identity: str,
        command: tuple[str, ...],
        program: Running,
        pid_file: Path,
        counted: tuple[GroupWatch, Sampler],
    ) -> None:
        self.name = name
        self._identity = identity
        self._command = command
        self._program = program
        self._pid_file = pid_file
        self._watch, self._sampler = counted

    def wait_for_start(self) -> None:
        """Raises CommandFailedError, with what runc says, when there never was a container."""
        give_up = time.monotonic() + _START_TIMEOUT
        while not self._pid():
            if self._program.status() is not None or time.monotonic() > give_up:
                self._program.wait(1)
                raise CommandFailedError(f"{self.name} cannot be started: {self._program.heard().text.strip()[-800:]}")
            time.sleep(0.002)

    def process(self) -> int | None:
        return self._pid() if self._program.status() is None else None

    def exit_status(self) -> int | None:
        return self._program.status()

    def wait(self, timeout: float) -> int | None:
        return self._program.wait(timeout)

    def signal(self, number: int) -> None:
        pid = self.process()
        if pid is not None:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return

    def execute(self, argv: tuple[str, ...], timeout: float) -> Completed:
        pid_file = self._pid_file.with_name(f"exec-{time.monotonic_ns()}")
        program = start((*self._command, "exec", "--pid-file", pid_file, self._identity, *argv))
        status = program.wait(timeout)
        if status is None:
            _kill_noted(pid_file)
            program.kill()
            raise CommandFailedError(f"{argv[0]} did not finish within {timeout:g} s")
        return Completed(argv, status, program.heard().text.encode(), b"")

    def heard(self) -> Heard:
        return self._program.heard()

    def use(self) -> Use:
        self._watch.count()
        return Use(
            peak_bytes=self._watch.peak_bytes,
            out_of_memory=self._watch.out_of_memory,
            refused_processes=self._watch.refused_processes,
        )

    def remove(self) -> None:
        self._watch.count()
        self._sampler.drop(self._watch)
        run((*self._command, "delete", "--force", self._identity), timeout=_TIMEOUT)
        if self._program.wait(_TIMEOUT) is None:
            self._program.kill()
        shutil.rmtree(self._pid_file.parent, ignore_errors=True)

    def _pid(self) -> int | None:
        try:
            return int(self._pid_file.read_text())
        except (OSError, ValueError):
            return None


def _kill_noted(pid_file: Path) -> None:
    try:
        os.kill(int(pid_file.read_text()), 9)
    except (OSError, ValueError):
        return
