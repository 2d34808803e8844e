"""How each thing that a proof makes outside of its folder is taken away again. Everything may already be gone."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

from careen.errors import CareenError
from careen.process.run import run

JOURNAL = "journal"
IMAGE_PREFIX = "careen-proof-"
"""What the name of every image begins with that a proof loads into an engine; the run's identity follows."""
_TIMEOUT = 30.0
_PATIENCE_SECONDS = 5.0


class Made(StrEnum):
    """What a journal's line is about, and the values that follow it."""

    PROCESS = "process"
    """pid, start"""
    CONTAINER = "container"
    """the command that removes it: one word a value"""
    ENGINE = "engine"
    """the run's identity, and the command of docker or podman: one word a value"""
    NETWORK_NAMESPACE = "network-namespace"
    """name"""
    CONTROL_GROUP = "control-group"
    """path"""
    MOUNT = "mount"
    """path"""
    FOLDER = "folder"
    """path of a temporary folder"""


def undo(folder: Path) -> None:
    """Everything in the folder's journal, the last first; each thing is tried, and what cannot be undone is left."""
    try:
        lines = (folder / JOURNAL).read_text().splitlines()
    except FileNotFoundError:
        return
    for line in dict.fromkeys(reversed(lines)):
        kind, *values = line.split("\t")
        # A line may be cut short by the death of its writer, a tool may be gone: the others count all the same.
        with contextlib.suppress(CareenError, OSError, ValueError, TypeError):
            _WAYS[Made(kind)](*values)
    (folder / JOURNAL).unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """The folder, but never what is mounted in it: mounts are taken away first."""
    for point in sorted(_mounts_below(folder), reverse=True):
        _unmount(point)
    if _mounts_below(folder):
        return
    shutil.rmtree(folder, ignore_errors=True)


def start_of(pid: int) -> str:
    """When a process started, in ticks since boot: a pid that is used again has another one. Empty when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def _kill(pid: str, start: str) -> None:
    if start and start_of(int(pid)) == start:
        if os.getpgid(int(pid)) == int(pid):
            os.killpg(int(pid), signal.SIGKILL)  # with its children, when it leads a group of its own
        else:
            os.kill(int(pid), signal.SIGKILL)
        _wait_until(lambda: start_of(int(pid)) != start or _is_zombie(int(pid)))


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _remove_container(*command: str) -> None:
    run(command, timeout=_TIMEOUT)


def _empty_engine(identity: str, *command: str) -> None:
    """Everything with the run's label, and the names of its images."""
    own = ("--filter", f"label=careen.run={identity}")
    containers = _asked(command, "ps", "--all", "--quiet", "--no-trunc", *own)
    if containers:
        run((*command, "rm", "--force", "--volumes", *containers), timeout=_TIMEOUT)
    networks = _asked(command, "network", "ls", "--quiet", *own)
    if networks:
        run((*command, "network", "rm", *networks), timeout=_TIMEOUT)
    named = _asked(command, "images", "--format", "{{.Repository}}:{{.Tag}}")
    images = [name for name in named if f"{IMAGE_PREFIX}{identity}:" in name]
    if images:
        run((*command, "rmi", *images), timeout=_TIMEOUT)


def _asked(command: tuple[str, ...], *words: str) -> list[str]:
    return run((*command, *words), timeout=_TIMEOUT).stdout.decode("utf-8", "replace").split()


def _remove_namespace(name: str) -> None:
    left = run(("ip", "netns", "pids", name), timeout=_TIMEOUT)
    for pid in left.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    run(("ip", "netns", "delete", name), timeout=_TIMEOUT)


def _remove_group(path: str) -> None:
    group = Path(path)
    deepest_first = sorted((Path(folder) for folder, _, _ in os.walk(group)), reverse=True)
    for folder in deepest_first:
        _empty_group(folder)
        folder.rmdir()


def _empty_group(group: Path) -> None:
    def empty() -> bool:
        pids = (group / "cgroup.procs").read_text().split()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        return not pids

    _wait_until(empty)


def _unmount(path: str) -> None:
    run(("umount", "--lazy", path), timeout=_TIMEOUT)


def _mounts_below(folder: Path) -> list[str]:
    prefix = f"{folder.resolve()}/"
    points = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    plain = (point.encode().decode("unicode_escape") for point in points)
    return [point for point in plain if point.startswith(prefix)]


def _wait_until(done: Callable[[], bool]) -> None:
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while not done() and time.monotonic() < give_up:
        time.sleep(0.01)


_WAYS: Mapping[Made, Callable[..., None]] = {
    Made.PROCESS: _kill,
    Made.CONTAINER: _remove_container,
    Made.ENGINE: _empty_engine,
    Made.NETWORK_NAMESPACE: _remove_namespace,
    Made.CONTROL_GROUP: _remove_group,
    Made.MOUNT: _unmount,
    Made.FOLDER: lambda path: remove_folder(Path(path)),
}
