"""The service works although it can write nowhere but into its tmpfs folders."""

from pathlib import PurePosixPath

from careen.prove.evidence import CheckResult, Evidence, judged, skipped
from careen.prove.processes import mounts
from careen.prove.runner import Property
from careen.prove.subjects import RunningSubject

SLUG = "read-only-root"
_ROOT = PurePosixPath("/")
_KERNEL = frozenset({"proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2", "devtmpfs"})


def check(subject: RunningSubject) -> CheckResult:
    if Property.READ_ONLY in subject.lacks:
        return skipped(SLUG, subject.lacks[Property.READ_ONLY])
    if not subject.service.read_only:
        return skipped(SLUG, f"its code needs a root that it can write to: {subject.service.beside[0]}")
    pid = subject.container.process()
    if pid is None:
        return skipped(SLUG, "the service had ended")
    points = {point.target: point for point in mounts(pid)}
    granted = {mount.target for mount in subject.launch.mounts if mount.writable}
    complaints = ["its root is writable"] if _ROOT not in points or points[_ROOT].writable else []
    writable = [
        point
        for target, point in points.items()
        if point.writable and target != _ROOT and target not in granted and point.kind not in _KERNEL
    ]
    complaints += [f"{point.target} is writable and no tmpfs" for point in writable if not _is_scratch(point.kind)]
    scratch = [str(point.target) for point in writable if _is_scratch(point.kind) and not _is_device(point.target)]
    summary = f"healthy on a read-only root with tmpfs at {', '.join(sorted(scratch)) or 'no place'}"
    return judged(SLUG, tuple(complaints), Evidence(summary=summary))


def _is_scratch(kind: str) -> bool:
    return kind in {"tmpfs", "ramfs"}


def _is_device(target: PurePosixPath) -> bool:
    return target.is_relative_to("/dev") or target.is_relative_to("/proc") or target.is_relative_to("/sys")
