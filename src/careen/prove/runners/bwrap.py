"""bubblewrap: for users without root, and for machines without runc.

Limits take control groups, which a user has none of; without them nobody would stop a container that eats the machine,
but nothing of this is hidden: the checks that rest on limits are skipped.
"""

import contextlib
import itertools
import json
import os
import re
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from careen.errors import MissingToolError
from careen.process.run import CommandFailedError, Completed, find_program, run
from careen.process.spawn import Heard, Running, start
from careen.prove.bundle import LARGEST_SCRATCH, environment_of
from careen.prove.groups import GroupWatch, LimitedGroup, Sampler, hierarchies
from careen.prove.launch import Launch
from careen.prove.network import HeldNetwork, NamedNetwork, Network
from careen.prove.nobody import as_nobody
from careen.prove.rootfs import make_mount_point
from careen.prove.runner import Property, Use
from careen.prove.runs import RunFolder
from careen.prove.undo import Made

_ENTER = Path(__file__).parents[1] / "enter.py"
_START_TIMEOUT = 20.0
_TIMEOUT = 10.0
_FIRST_WITH_SIZES = (0, 7)
_SHARED_MEMORY = PurePosixPath("/dev/shm")  # noqa: S108 - the kernel's name for it
_PROCESSES, _DEVICES = PurePosixPath("/proc"), PurePosixPath("/dev")
_TABLES = (PurePosixPath("/etc/hosts"), PurePosixPath("/etc/resolv.conf"))
_UNLIMITED = "only root can limit what bwrap runs"


class BwrapRunner:
    """Raises MissingToolError when bwrap is missing or may not do its work here."""

    name = "bwrap"

    def __init__(self) -> None:
        self.program = find_program("bwrap", package="bubblewrap")
        version = re.search(rb"(\d+)\.(\d+)", run((self.program, "--version"), timeout=_TIMEOUT).stdout)
        self.sizes = version is not None and (int(version[1]), int(version[2])) >= _FIRST_WITH_SIZES
        tried = run((self.program, "--unshare-all", "--ro-bind", "/", "/", "true"), timeout=_TIMEOUT)
        if not tried.succeeded:
            raise MissingToolError(
                f"bwrap cannot make a sandbox here: {tried.tail()}",
                hints=("let users have namespaces: sysctl kernel.unprivileged_userns_clone=1", "or run careen as root"),
            )

    @property
    def lacks(self) -> Mapping[Property, str]:
        missing = {}
        for wanted, controller in ((Property.MEMORY, "memory"), (Property.PROCESSES, "pids")):
            if os.geteuid() != 0:
                missing[wanted] = _UNLIMITED
            elif hierarchies().root_of(controller) is None:
                missing[wanted] = f"this machine mounts no control group for {controller}"
        return missing

    def ground(self, folder: RunFolder, names: Sequence[str]) -> "BwrapGround":
        return BwrapGround(self, folder, names)


class BwrapGround:
    def __init__(self, runner: BwrapRunner, folder: RunFolder, names: Sequence[str]) -> None:
        self._runner = runner
        self._folder = folder
        self._group = f"/careen-{folder.identity}"
        if os.geteuid() == 0:
            for root in hierarchies().all_roots:
                folder.note(Made.CONTROL_GROUP, f"{root}{self._group}")
        self.network: Network = NamedNetwork(folder, names) if os.geteuid() == 0 else HeldNetwork(folder, names)
        self._sampler = Sampler()
        self._numbers = itertools.count(1)  # starts happen at the same time

    def start(self, launch: Launch) -> "BwrapContainer":
        """Raises CommandFailedError."""
        number = next(self._numbers)
        for mount in launch.mounts:
            make_mount_point(launch.image, mount.target, folder=mount.source.is_dir())
        for target in (*launch.writable, _PROCESSES, _DEVICES):
            make_mount_point(launch.image, target, folder=True)
        for target in _TABLES:
            make_mount_point(launch.image, target, folder=False)
        watch, joining = None, tuple[str, ...]()
        if os.geteuid() == 0:
            group = f"{self._group}/{number}"
            joining = LimitedGroup(group, launch.limits).joining()
            watch = GroupWatch(group)
            self._sampler.add(watch)
        said, says = os.pipe()
        try:
            words = (*joining, *self.network.enter(launch.name), *self._words(launch, says))
            program = start(words, pass_fds=(says,))
        finally:
            os.close(says)
        self._folder.note_process(program.pid)
        try:
            pid = _first_process(said)
        finally:
            os.close(said)
        if pid is not None:
            self._folder.note_process(pid)
        return BwrapContainer(launch, program, pid, (watch, self._sampler))

    def dial(self, name: str, port: int, timeout: float) -> socket.socket:
        return self.network.dial(name, port, timeout)

    def beside(self, name: str) -> tuple[str, ...]:
        return (*self.network.enter(name), *as_nobody())

    def close(self) -> None:
        self._sampler.close()
        self.network.close()

    def _words(self, launch: Launch, says: int) -> tuple[str, ...]:
        apart = ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
        user = ("--uid", str(launch.user.uid), "--gid", str(launch.user.gid), "--cap-drop", "ALL")
        bind = "--ro-bind" if launch.read_only else "--bind"
        words = [str(self._runner.program), *apart, *user, "--hostname", launch.name, "--as-pid-1"]
        words += ["--info-fd", str(says), bind, str(launch.image.root), "/"]
        words += ["--proc", str(_PROCESSES), "--dev", str(_DEVICES)]
        if launch.shared_memory:
            words += ["--perms", "1777", "--tmpfs", str(_SHARED_MEMORY)]
        for target in launch.writable:
            size = ["--size", str(LARGEST_SCRATCH)] if self._runner.sizes else []
            words += ["--perms", "1777", *size, "--tmpfs", str(target)]
        tables = self.network.tables
        for target, source in zip(_TABLES, (tables.hosts, tables.name_servers), strict=True):
            words += ["--ro-bind", str(source), str(target)]
        for mount in launch.mounts:
            words += ["--bind" if mount.writable else "--ro-bind", str(mount.source), str(mount.target)]
        words += ["--chdir", str(launch.working_directory), "--clearenv"]
        for name, value in environment_of(launch):
            words += ["--setenv", name, value]
        return (*words, "--", *launch.argv)


class BwrapContainer:
    def __init__(
        self, launch: Launch, program: Running, pid: int | None, counted: tuple[GroupWatch | None, Sampler]
    ) -> None:
        self.name = launch.name
        self._launch = launch
        self._program = program
        self._pid = pid
        self._watch, self._sampler = counted

    def process(self) -> int | None:
        return self._pid if self._program.status() is None else None

    def exit_status(self) -> int | None:
        return self._program.status()

    def wait(self, timeout: float) -> int | None:
        return self._program.wait(timeout)

    def signal(self, number: int) -> None:
        # To bwrap itself it would be deadly, and the service would not hear of it.
        pid = self.process()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def execute(self, argv: tuple[str, ...], timeout: float) -> Completed:
        pid = self.process()
        if pid is None:
            raise CommandFailedError(f"{self.name} is not running")
        words = (sys.executable, "-I", "-S", str(_ENTER), str(pid), str(self._launch.working_directory), *argv)
        program = start(words, environment=dict(environment_of(self._launch)))
        status = program.wait(timeout)
        if status is None:
            program.kill()
            raise CommandFailedError(f"{argv[0]} did not finish within {timeout:g} s")
        return Completed(argv, status, program.heard().text.encode(), b"")

    def heard(self) -> Heard:
        return self._program.heard()

    def use(self) -> Use:
        if self._watch is None:
            return Use(peak_bytes=None, out_of_memory=None, refused_processes=None)
        self._watch.count()
        return Use(
            peak_bytes=self._watch.peak_bytes,
            out_of_memory=self._watch.out_of_memory,
            refused_processes=self._watch.refused_processes,
        )

    def remove(self) -> None:
        if self._watch is not None:
            self._watch.count()
            self._sampler.drop(self._watch)
        self.signal(signal.SIGKILL)
        if self._program.wait(_TIMEOUT) is None:
            self._program.kill()


def _first_process(said: int) -> int | None:
    """What bwrap says on ``--info-fd``: the pid, here, of the sandbox's PID 1. None when there never was one."""
    give_up = time.monotonic() + _START_TIMEOUT
    text = b""
    while time.monotonic() < give_up:
        readable, _, _ = select.select([said], [], [], give_up - time.monotonic())
        piece = os.read(said, 4096) if readable else b""
        text += piece
        try:
            return int(json.loads(text)["child-pid"])
        except (ValueError, KeyError, TypeError):
            if not piece:
                return None
    return None
