"""The service does its work without a single capability, and cannot gain any."""

from careen.prove.evidence import CheckResult, Evidence, judged, skipped
from careen.prove.processes import status
from careen.prove.subjects import RunningSubject

SLUG = "privileges"
_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


def check(subject: RunningSubject) -> CheckResult:
    pid = subject.container.process()
    if pid is None:
        return skipped(SLUG, "the service had ended")
    fields = status(pid)
    complaints = [f"{name} is {fields[name]}" for name in _SETS if int(fields.get(name, "0"), 16)]
    if fields.get("NoNewPrivs") != "1":
        complaints.append("it may gain privileges (NoNewPrivs is not set)")
    shown = "\n".join(f"{name}: {fields.get(name, '')}" for name in (*_SETS, "NoNewPrivs"))
    summary = "healthy without any capability, and unable to gain one"
    return judged(SLUG, tuple(complaints), Evidence(summary=summary, output=shown))
