"""Control groups: where this machine mounts them, and what they count (cgroup-v1/memory.rst, cgroup-v2.rst)."""

import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from careen.errors import MissingToolError
from careen.plan.target import Limits
from careen.text.values import dataclass

_MOUNTS = Path("/proc/self/mountinfo")
_CONTROLLERS = frozenset({"memory", "pids", "cpu"})
_SAMPLE_SECONDS = 0.2
_PERIOD = 100_000
"""Microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchies:
    """``unified`` is version 2's root and holds the controllers in ``version_two``; ``version_one`` has a root each.

    ``all_roots`` are those of every mounted hierarchy, also the ones without a controller of interest; ``closed`` those
    that are mounted read-only, as inside most containers: no group can be made there.
    """

    version_one: Mapping[str, Path]
    unified: Path | None
    version_two: frozenset[str]
    all_roots: tuple[Path, ...]
    closed: tuple[Path, ...] = ()

    def root_of(self, controller: str) -> Path | None:
        if controller in self.version_one:
            return self.version_one[controller]
        return self.unified if controller in self.version_two else None

    @property
    def swap(self) -> bool:
        """Whether swap is counted, so that it can be limited."""
        root = self.root_of("memory")
        if root is None:
            return False
        return "memory" not in self.version_one or (root / "memory.memsw.limit_in_bytes").exists()


@lru_cache(maxsize=1)
def hierarchies() -> Hierarchies:
    return read_hierarchies(_MOUNTS.read_text())


def read_hierarchies(mountinfo: str) -> Hierarchies:
    """From the text of /proc/self/mountinfo (proc(5)); for version 2 the root's ``cgroup.controllers`` is read too."""
    version_one: dict[str, Path] = {}
    unified: Path | None = None
    mounts: dict[Path, tuple[bool, str, str]] = {}
    for line in mountinfo.splitlines():
        place, _, rest = line.partition(" - ")
        fields = place.split()
        kind, _, options = rest.split()[:3]
        # What is mounted later lies above what was mounted there before.
        mounts[Path(fields[4])] = ("ro" in fields[5].split(","), kind, options)
    roots = {point: mount for point, mount in mounts.items() if mount[1] in {"cgroup", "cgroup2"}}
    for point, (closed, kind, options) in roots.items():
        if closed:
            continue
        if kind == "cgroup2":
            unified = unified or point
        else:
            for option in _CONTROLLERS.intersection(options.split(",")):
                version_one.setdefault(option, point)
    offered = _read(unified / "cgroup.controllers").split() if unified is not None else []
    return Hierarchies(
        version_one=version_one,
        unified=unified,
        version_two=_CONTROLLERS.intersection(offered) - version_one.keys(),
        all_roots=tuple(point for point, (closed, _, _) in roots.items() if not closed),
        closed=tuple(point for point, (closed, _, _) in roots.items() if closed),
    )


def demand_open_groups(program: str) -> None:
    """For programs that make a group in every hierarchy, and give up when one refuses. Raises MissingToolError."""
    if closed := hierarchies().closed:
        raise MissingToolError(
            f"{program} can make no control group here: {closed[0]} is mounted read-only",
            hints=("use --runner bwrap, which does without", "or mount it writable"),
        )


def group_of(pid: int) -> str | None:
    """The control group of a process, below every hierarchy's root (cgroups(7)); None when it is gone."""
    found: dict[str, str] = {}
    for line in _read(Path(f"/proc/{pid}/cgroup")).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        found.update(dict.fromkeys(controllers.split(","), path))
    return found.get("memory", found.get("pids", found.get("")))


def members(group: str) -> frozenset[int]:
    """The processes in a control group itself, not in those below it."""
    root = hierarchies().root_of("pids") or hierarchies().root_of("memory")
    words = _read(root / group.lstrip("/") / "cgroup.procs").split() if root is not None else []
    return frozenset(int(word) for word in words if word.isdigit())


class LimitedGroup:
    """A control group made by hand, for runners that make none. Takes root. Raises OSError."""

    def __init__(self, path: str, limits: Limits) -> None:
        """``path`` is below every hierarchy's root and must have been noted for removal."""
        at = hierarchies()
        self._members: list[Path] = []
        first = {controller for controller in _CONTROLLERS if controller in at.version_one}
        values = _values(limits, first)
        for controller in sorted(_CONTROLLERS):
            root = at.root_of(controller)
            if root is None:
                continue
            group = root / path.lstrip("/")
            group.mkdir(parents=True, exist_ok=True)
            if controller not in first:
                _hand_down(root, group, controller)
            for name, value in values[controller]:
                if (group / name).exists():
                    (group / name).write_text(value)
            if group / "cgroup.procs" not in self._members:
                self._members.append(group / "cgroup.procs")

    def joining(self) -> tuple[str, ...]:
        """Words that, put before a command, run it in the group."""
        script = (
            'for group in "$@"; do shift; [ "$group" = -- ] && break; echo $$ > "$group" || exit 1; done; exec "$@"'
        )
        return ("sh", "-c", script, "sh", *map(str, self._members), "--")


def _values(limits: Limits, first: set[str]) -> Mapping[str, list[tuple[str, str]]]:
    """What to write where, in order."""
    memory, quota = str(limits.memory_bytes), round(limits.cpus * _PERIOD)
    one = [("memory.limit_in_bytes", memory), ("memory.memsw.limit_in_bytes", memory)]
    two = [("memory.max", memory), ("memory.swap.max", "0")]
    processor_one = [("cpu.cfs_period_us", str(_PERIOD)), ("cpu.cfs_quota_us", str(quota))]
    return {
        "memory": one if "memory" in first else two,
        "pids": [("pids.max", str(limits.pids))],
        "cpu": processor_one if "cpu" in first else [("cpu.max", f"{quota} {_PERIOD}")],
    }


def _hand_down(root: Path, group: Path, controller: str) -> None:
    """Version 2 offers a controller in a group only when all groups above it let it through."""
    for above in reversed(group.relative_to(root).parents):
        (root / above / "cgroup.subtree_control").write_text(f"+{controller}")


class GroupWatch:
    """Follows one control group: what its processes hold in memory, sampled, and what the kernel counts itself.

    The page cache is left out, since it is given back under pressure; files in a tmpfs are counted.
    """

    def __init__(self, group: str) -> None:
        at = hierarchies()
        relative = group.lstrip("/")
        memory, pids = at.root_of("memory"), at.root_of("pids")
        self._memory = memory / relative if memory is not None else None
        self._pids = pids / relative if pids is not None else None
        self._first = "memory" in at.version_one
        self._peak: int | None = None
        self._killed: int | None = None
        self._refused: int | None = None

    def count(self) -> None:
        """Looks again; keeps the last figures when the group is gone."""
        if self._memory is not None:
            counted = read_numbers(_read(self._memory / "memory.stat"))
            names = ("total_rss", "total_shmem") if self._first else ("anon", "shmem")
            if counted:
                self._peak = max(self._peak or 0, sum(counted.get(name, 0) for name in names))
            events = read_numbers(_read(self._memory / ("memory.oom_control" if self._first else "memory.events")))
            self._killed = events.get("oom_kill", self._killed)
        if self._pids is not None:
            self._refused = read_numbers(_read(self._pids / "pids.events")).get("max", self._refused)

    @property
    def peak_bytes(self) -> int | None:
        return self._peak

    @property
    def out_of_memory(self) -> int | None:
        """How many of its processes the kernel has killed for want of memory."""
        return self._killed

    @property
    def refused_processes(self) -> int | None:
        """How often a new process was refused because there were too many."""
        return self._refused


class Sampler:
    """Samples many watches from one thread, until it is closed."""

    def __init__(self) -> None:
        self._watches: list[GroupWatch] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def add(self, watch: GroupWatch) -> None:
        self._watches.append(watch)

    def drop(self, watch: GroupWatch) -> None:
        if watch in self._watches:
            self._watches.remove(watch)

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            for watch in tuple(self._watches):
                watch.count()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def read_numbers(text: str) -> Mapping[str, int]:
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
