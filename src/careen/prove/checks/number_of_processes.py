"""The service keeps within its number of processes and threads."""

from careen.prove.evidence import CheckResult, Evidence, judged, skipped
from careen.prove.runner import Property
from careen.prove.subjects import FinishedSubject

SLUG = "number-of-processes"


def check(subject: FinishedSubject) -> CheckResult:
    if Property.PROCESSES in subject.lacks:
        return skipped(SLUG, subject.lacks[Property.PROCESSES])
    refused, limit = subject.use.refused_processes, subject.service.limits.pids
    if refused is None:
        return skipped(SLUG, "the kernel did not count refused processes")
    complaints = (f"{refused} new processes or threads were refused at the limit of {limit}",) if refused else ()
    return judged(SLUG, complaints, Evidence(summary=f"never more than {limit}"))
