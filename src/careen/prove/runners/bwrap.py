"""bubblewrap: for users without root, and for machines without runc.

Limits take control groups, which a user has none of; without them nobody would stop a container that eats the machine,
but nothing of this is hidden: the checks that rest on limits are skipped.
"""

import json
import os
import re
import select
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from careen.errors import MissingToolError
from careen.process.run import CommandFailedError, Completed, find_program, run
from careen.process.spawn import Running, start
from careen.prove.bundle import LARGEST_SCRATCH, environment_of
from careen.prove.groups import LimitedGroup
from careen.prove.launch import Launch
from careen.prove.rootfs import make_mount_point
from careen.prove.runner import Property
from careen.prove.runners.attended import AttendedContainer, Counted
from careen.prove.runners.native import TABLES, NativeGround, uncounted
from careen.prove.runs import RunFolder

_ENTER = Path(__file__).parents[1] / "enter.py"
_START_TIMEOUT = 20.0
_TIMEOUT = 10.0
_FIRST_WITH_SIZES = (0, 7)
_SHARED_MEMORY = PurePosixPath("/dev/shm")  # noqa: S108 - the kernel's name for it
_PROCESSES, _DEVICES = PurePosixPath("/proc"), PurePosixPath("/dev")
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
        user = os.geteuid() != 0
        traces = {Property.TRACES: "only root can record what bwrap runs"} if user else {}
        return {**uncounted(_UNLIMITED if user else None), **traces}

    def ground(self, folder: RunFolder, names: Sequence[str], *, outside: bool = False) -> "BwrapGround":
        return BwrapGround(self, folder, names, outside=outside)


class BwrapGround(NativeGround):
    def __init__(self, runner: BwrapRunner, folder: RunFolder, names: Sequence[str], *, outside: bool) -> None:
        super().__init__(folder, names, outside=outside)
        self._runner = runner

    def start(self, launch: Launch) -> "BwrapContainer":
        """Raises CommandFailedError."""
        name = self.next_name()
        launch = self.rooted(launch, name)
        for mount in launch.mounts:
            make_mount_point(launch.image, mount.target, folder=mount.source.is_dir())
        for target in (*launch.writable, _PROCESSES, _DEVICES):
            make_mount_point(launch.image, target, folder=True)
        for target in TABLES:
            make_mount_point(launch.image, target, folder=False)
        group, joining = None, tuple[str, ...]()
        if os.geteuid() == 0:
            group = f"{self.group}/{name}"
            joining = LimitedGroup(group, launch.limits).joining()
        said, says = os.pipe()
        try:
            words = (*joining, *self.network.enter(launch.name), *launch.tracing, *self._words(launch, says))
            program = start(words, pass_fds=(says,))
        finally:
            os.close(says)
        self.folder.note_process(program.pid)
        try:
            pid = _first_process(said)
        finally:
            os.close(said)
        if pid is not None:
            self.folder.note_process(pid)
        return BwrapContainer(launch, program, Counted(group, self.sampler), pid)

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
        for mount in (*self.tables(), *launch.mounts):
            words += ["--bind" if mount.writable else "--ro-bind", str(mount.source), str(mount.target)]
        words += ["--chdir", str(launch.working_directory), "--clearenv"]
        for name, value in environment_of(launch):
            words += ["--setenv", name, value]
        return (*words, "--", *launch.argv)


class BwrapContainer(AttendedContainer):
    def __init__(self, launch: Launch, program: Running, counted: Counted, pid: int | None) -> None:
        super().__init__(launch.name, program, counted)
        self._launch = launch
        self._pid = pid

    def execute(self, argv: tuple[str, ...], timeout: float) -> Completed:
        pid = self.process()
        if pid is None:
            raise CommandFailedError(f"{self.name} is not running")
        words = (sys.executable, "-I", "-S", str(_ENTER), str(pid), str(self._launch.working_directory), *argv)
        program = start((*self._launch.tracing, *words), environment=dict(environment_of(self._launch)))
        status = program.wait(timeout)
        if status is None:
            program.kill()
            raise CommandFailedError(f"{argv[0]} did not finish within {timeout:g} s")
        return Completed(argv, status, program.heard().text.encode(), b"")

    def pid(self) -> int | None:
        return self._pid

    def take_away(self) -> None:
        self.signal(signal.SIGKILL)


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
