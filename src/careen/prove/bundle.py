"""A launch as an OCI runtime bundle: ``config.json`` (runtime spec, config.md and config-linux.md).

Docker's defaults where the spec leaves a choice: masked and read-only paths of /proc and /sys, /dev as a tmpfs with
the usual devices, /dev/shm of 64 MB; stricter where careen's plans are: no capability, no new privileges.
"""

import json
import resource
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from careen.plan.target import NumericUser
from careen.prove.launch import Launch, Mount
from careen.text.values import dataclass

_SPECIFICATION = "1.0.2"
_PERIOD_MICROSECONDS = 100_000
_MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
)
_UNWRITABLE = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the kernel's name for it
_OPEN_FILES = 65536
LARGEST_SCRATCH = 256_000_000
"""Bytes of a tmpfs, which counts against the memory limit too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a bundle takes from the machine. ``namespace`` is the network's.

    ``group`` is the control group's path, None for a user, who has none; which limits can be set there is told by
    ``memory``, ``processes``, ``cpu`` and ``swap``. ``only_root`` says that there is no other user to run it as.
    """

    namespace: Path
    group: str | None
    tables: tuple[Mount, ...]
    memory: bool = True
    processes: bool = True
    cpu: bool = True
    swap: bool = True
    only_root: bool = False


def render(launch: Launch, around: Surroundings) -> bytes:
    """``config.json``."""
    return json.dumps(_document(launch, around), indent=1).encode()


def _document(launch: Launch, around: Surroundings) -> Mapping[str, object]:
    return {
        "ociVersion": _SPECIFICATION,
        "process": _process(launch, only_root=around.only_root),
        "root": {"path": str(launch.image.root), "readonly": launch.read_only},
        "hostname": launch.name,
        "mounts": [*_system_mounts(launch, rootless=around.group is None), *_mounts(launch, around)],
        "linux": {
            "namespaces": [
                {"type": "pid"},
                {"type": "ipc"},
                {"type": "uts"},
                {"type": "mount"},
                {"type": "network", "path": str(around.namespace)},
            ],
            **({"cgroupsPath": around.group} if around.group is not None else {}),
            "resources": _resources(launch, around),
            "maskedPaths": list(_MASKED),
            "readonlyPaths": list(_UNWRITABLE),
        },
    }


def _process(launch: Launch, *, only_root: bool) -> Mapping[str, object]:
    uid, gid = (0, 0) if only_root else (launch.user.uid, launch.user.gid)
    nothing: list[str] = []
    capabilities = ("bounding", "effective", "inheritable", "permitted", "ambient")
    return {
        "terminal": False,
        "user": {"uid": uid, "gid": gid, "additionalGids": nothing},
        "args": list(launch.argv),
        "env": [f"{name}={value}" for name, value in environment_of(launch)],
        "cwd": str(launch.working_directory),
        "capabilities": dict.fromkeys(capabilities, nothing),
        "noNewPrivileges": True,
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": open_files(), "hard": open_files()}],
    }


def open_files() -> int:
    """Raising the limit that careen itself has takes a privilege that even root may lack."""
    hardest = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return _OPEN_FILES if hardest == resource.RLIM_INFINITY else min(hardest, _OPEN_FILES)


def environment_of(launch: Launch) -> tuple[tuple[str, str], ...]:
    """The launch's, and what docker adds where it is missing."""
    present = dict(launch.environment)
    defaults = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME": launch.name}
    home = {"HOME": "/root" if launch.user.uid == 0 else "/"}
    return tuple({**defaults, **home, **present}.items())


def _system_mounts(launch: Launch, *, rootless: bool) -> list[Mapping[str, object]]:
    quiet = ["nosuid", "noexec", "nodev"]
    mounts: list[Mapping[str, object]] = [
        _mount("/proc", "proc", quiet),
        _mount("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _mount("/dev/pts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
        _mount("/dev/mqueue", "mqueue", quiet),
    ]
    if launch.shared_memory:
        mounts.append(_mount(_SHARED_MEMORY, "tmpfs", [*quiet, "mode=1777", "size=65536k"]))
    if rootless:
        # A network namespace that was joined and not made owns no new sysfs.
        bind: Mapping[str, object] = {
            "destination": "/sys",
            "type": "none",
            "source": "/sys",
            "options": ["rbind", "nosuid", "noexec", "nodev", "ro"],
        }
        mounts.append(bind)
    else:
        mounts.append(_mount("/sys", "sysfs", [*quiet, "ro"]))
    return mounts


def _mount(destination: str, kind: str, options: list[str]) -> Mapping[str, object]:
    return {"destination": destination, "type": kind, "source": kind, "options": options}


def _mounts(launch: Launch, around: Surroundings) -> list[Mapping[str, object]]:
    user = launch.user
    scratch = [_scratch(path, user if path in launch.volumes else None) for path in launch.writable]
    return [*scratch, *(_bind(mount) for mount in (*around.tables, *launch.mounts))]


def _scratch(path: PurePosixPath, owner: NumericUser | None) -> Mapping[str, object]:
    """A volume has the rights of the image's folder, whatever ``mode`` says (runc), and so its owner, too."""
    options = ["nosuid", "nodev", "mode=1777", f"size={LARGEST_SCRATCH}"]
    if owner is not None:
        options += [f"uid={owner.uid}", f"gid={owner.gid}"]
    return _mount(str(path), "tmpfs", options)


def _bind(mount: Mount) -> Mapping[str, object]:
    rights = ["rw"] if mount.writable else ["ro"]
    options = ["bind", "nosuid", "nodev", *rights]
    return {"destination": str(mount.target), "type": "bind", "source": str(mount.source), "options": options}


def _resources(launch: Launch, around: Surroundings) -> Mapping[str, object]:
    resources: dict[str, object] = {}
    if around.memory:
        limit = launch.limits.memory_bytes
        # Memory and swap together: none beyond the limit, as with docker's `--memory-swap` of the same size.
        resources["memory"] = {"limit": limit, "swap": limit} if around.swap else {"limit": limit}
    if around.processes:
        resources["pids"] = {"limit": launch.limits.pids}
    if around.cpu:
        quota = round(launch.limits.cpus * _PERIOD_MICROSECONDS)
        resources["cpu"] = {"quota": quota, "period": _PERIOD_MICROSECONDS}
    return resources
