"""What a proof makes on this machine, and that it goes again, whatever happens to careen.

Each run has a folder with a journal: a line for everything that outlives a process, written before the thing is
made. Undoing the journal backwards cleans up. Three do it: the run itself at its end; a watcher process that notices
careen's death by the end of a pipe, so that even ``kill -9`` leaves nothing; and the next run, for runs whose lock
nobody holds any more.
"""

import fcntl
import os
import secrets
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

from careen.prove.undo import JOURNAL, Made, remove_folder, start_of, undo

_LOCK = "lock"
_LINGER_SECONDS = 30


class RunFolder:
    """One run's folder; open while the proof lasts."""

    def __init__(self, folder: Path, lock: int, watcher: "subprocess.Popen[bytes]") -> None:
        self.folder = folder
        self.identity = folder.name
        self._lock = lock
        self._watcher = watcher
        self._journal = threading.Lock()

    @classmethod
    def open(cls, state: Path) -> Self:
        """Makes a folder below ``state``, after cleaning up what dead runs left there."""
        runs = state / "runs"
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        reap(runs)
        folder = runs / secrets.token_hex(4)
        folder.mkdir(mode=0o700)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        watcher = subprocess.Popen(
            (sys.executable, "-m", "careen.prove.watcher", str(folder)),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return cls(folder, lock, watcher)

    def note(self, made: Made, *values: str) -> None:
        """Says what is about to be made. Values may hold no tab and no line feed."""
        with self._journal, (self.folder / JOURNAL).open("a") as journal:
            journal.write("\t".join([made.value, *values]) + "\n")

    def note_process(self, pid: int) -> None:
        """A process that must not outlive the run."""
        self.note(Made.PROCESS, str(pid), start_of(pid))

    def close(self, *, keep: bool = False) -> None:
        """Undoes everything. ``keep`` moves the folder's files aside, for people who want to look."""
        try:
            undo(self.folder)
            if keep:
                kept = self.folder.parents[1] / "kept"
                kept.mkdir(exist_ok=True)
                self.folder.rename(kept / self.identity)
            else:
                remove_folder(self.folder)
        finally:
            assert self._watcher.stdin is not None  # noqa: S101 - asked for in open()
            self._watcher.stdin.close()
            os.close(self._lock)
            self._watcher.wait(_LINGER_SECONDS)


def reap(runs: Path) -> None:
    """Cleans up after runs that died together with their watcher, as in a power cut."""
    for folder in sorted(runs.iterdir()):
        bury(folder, wait=False)


def bury(folder: Path, *, wait: bool) -> None:
    """Cleans up after a run that has died. One that is alive holds its lock: then nothing, or ``wait`` for its end."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        # Being made, or already gone. A folder that never came to have a lock has made nothing outside of itself.
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        undo(folder)
        remove_folder(folder)
    except BlockingIOError:
        return
    finally:
        os.close(lock)
