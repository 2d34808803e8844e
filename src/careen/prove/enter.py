"""``python -I -S enter.py PID FOLDER PROGRAM ...``: runs a program in the namespaces of a process.

What nsenter cannot do for users: a sandbox's namespaces may be owned by several user namespaces, one below the other,
and each has to be joined before what it owns (ioctl_ns(2)). Environment and open files are the caller's.
Nothing but the interpreter's own modules: it is started for every health check.
"""

import ctypes
import fcntl
import os
import sys

_OWNER = 0xB701  # NS_GET_USERNS
_NO_NEW_PRIVILEGES = 38  # PR_SET_NO_NEW_PRIVS
_SPACES = ("net", "ipc", "uts", "pid", "mnt")


def enter(pid: int) -> None:
    """Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    reached = {_identity(os.open("/proc/self/ns/user", os.O_RDONLY))}

    def join(handle: int) -> None:
        if library.setns(handle, 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def join_user(handle: int) -> None:
        if _identity(handle) not in reached:
            join(handle)
            reached.add(_identity(handle))

    folder = f"/proc/{pid}/ns"
    user = os.open(f"{folder}/user", os.O_RDONLY)
    handles = [os.open(f"{folder}/{name}", os.O_RDONLY) for name in _SPACES]
    for handle in handles:
        try:
            owner = fcntl.ioctl(handle, _OWNER)
        except PermissionError:
            owner = -1  # one above this process's own, whose privileges it has or has not
        if owner >= 0:
            join_user(owner)
        join(handle)
    join_user(user)
    library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def _identity(handle: int) -> tuple[int, int]:
    status = os.fstat(handle)
    return status.st_dev, status.st_ino


def main(words: list[str]) -> int:
    enter(int(words[0]))
    child = os.fork()  # only children are in the joined pid namespace
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        os.chdir(words[1])
        os.execvp(words[2], words[2:])  # noqa: S606 - what it is for
    except OSError as error:
        sys.stderr.write(f"{words[2]}: {error.strerror}\n")
        os._exit(127)


if __name__ == "__main__":
    STATUS = main(sys.argv[1:])
    sys.exit(STATUS if STATUS >= 0 else 128 - STATUS)
