"""What the kernel says of a process (proc(5)), seen from this machine."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from careen.text.values import dataclass


@dataclass(frozen=True, slots=True)
class MountPoint:
    """A mount as a process sees it; ``options`` are of the mount itself, such as ``ro``."""

    target: PurePosixPath
    kind: str
    options: frozenset[str]

    @property
    def writable(self) -> bool:
        return "ro" not in self.options


def command_line(pid: int) -> tuple[str, ...]:
    """Raises OSError when the process is gone, here and below."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return tuple(word.decode("utf-8", "replace") for word in words[:-1])


def executable(pid: int) -> PurePosixPath:
    """The program's path inside its own root, with links followed."""
    target = str(Path(f"/proc/{pid}/exe").readlink())
    return PurePosixPath(target.removesuffix(" (deleted)"))


def status(pid: int) -> Mapping[str, str]:
    """The fields of ``/proc/<pid>/status``."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def handles(pid: int, number: int) -> bool:
    """Whether the process has a handler for the signal (``SigCgt``, a mask with bit 0 for signal 1)."""
    return bool(int(status(pid)["SigCgt"], 16) >> (number - 1) & 1)


def parent(pid: int) -> int | None:
    """None when the process is gone."""
    try:
        return int(status(pid)["PPid"])
    except (OSError, KeyError, ValueError):
        return None


def user_inside(pid: int) -> tuple[int, ...]:
    """Real, effective, saved and file system uid, as the process itself sees them."""
    outside = [int(number) for number in status(pid)["Uid"].split()]
    ranges = [tuple(map(int, line.split())) for line in Path(f"/proc/{pid}/uid_map").read_text().splitlines()]
    return tuple(_translated(uid, ranges) for uid in outside)


def mounts(pid: int) -> tuple[MountPoint, ...]:
    """In the order in which they were made: of two with one target the later one hides the other."""
    points = []
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        place, _, rest = line.partition(" - ")
        fields = place.split()
        points.append(MountPoint(PurePosixPath(_plain(fields[4])), rest.split()[0], frozenset(fields[5].split(","))))
    return tuple(points)


def descendants(pid: int) -> tuple[int, ...]:
    """The process and all below it, the oldest first; those that end meanwhile may be missing."""
    found, waiting = [], [pid]
    while waiting:
        current = waiting.pop(0)
        found.append(current)
        for task in _children_files(current):
            try:
                waiting += [int(word) for word in task.read_text().split()]
            except OSError:
                continue
    return tuple(found)


def _children_files(pid: int) -> list[Path]:
    try:
        return sorted(Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:
        return []


def _translated(uid: int, ranges: list[tuple[int, ...]]) -> int:
    for inside, outside, length in ranges:
        if outside <= uid < outside + length:
            return uid - outside + inside
    return uid


def _plain(text: str) -> str:
    """Without the octal escapes of blanks."""
    return text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
