"""The image keeps to its budget."""

from careen.prove.evidence import CheckResult, Evidence, judged
from careen.prove.subjects import ImageSubject

SLUG = "size"
_MEGABYTE = 10**6


def check(subject: ImageSubject) -> CheckResult:
    size, budget = subject.image.total_bytes, subject.service.budget_bytes
    told = f"{size / _MEGABYTE:.1f} MB of {budget / _MEGABYTE:.1f} MB"
    complaints = (f"the image has {told}",) if size > budget else ()
    return judged(SLUG, complaints, Evidence(summary=told))
