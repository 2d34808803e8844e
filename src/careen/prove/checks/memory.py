"""The service keeps within its memory limit, and the peak proposes a better one."""

from careen.prove.evidence import CheckResult, Evidence, judged, skipped
from careen.prove.runner import Property
from careen.prove.subjects import FinishedSubject

SLUG = "memory"
_MEGABYTE = 10**6
_HEADROOM = 1.5
_GRAIN = 16 * _MEGABYTE
_LEAST = 64 * _MEGABYTE


def check(subject: FinishedSubject) -> CheckResult:
    if Property.MEMORY in subject.lacks:
        return skipped(SLUG, subject.lacks[Property.MEMORY])
    use, limit = subject.use, subject.service.limits.memory_bytes
    if use.peak_bytes is None:
        return skipped(SLUG, "the kernel did not say how much memory it took")
    complaints = []
    if use.out_of_memory:
        complaints.append(f"the kernel killed {use.out_of_memory} of its processes at {limit / _MEGABYTE:.0f} MB")
    summary = (
        f"at most {use.peak_bytes / _MEGABYTE:.0f} MB of {limit / _MEGABYTE:.0f} MB; "
        f"{proposed_limit(use.peak_bytes) / _MEGABYTE:.0f} MB would do"
    )
    enough = f"{2 * limit // _MEGABYTE}MB"
    hints = (
        (f'memory = "{enough}" in [tool.careen.services.{subject.service.name}] gives it more',) if complaints else ()
    )
    return judged(SLUG, tuple(complaints), Evidence(summary=summary, hints=hints))


def proposed_limit(peak_bytes: int) -> int:
    """The peak with headroom, in steps that people would write."""
    return max(_LEAST, -(-round(peak_bytes * _HEADROOM) // _GRAIN) * _GRAIN)
