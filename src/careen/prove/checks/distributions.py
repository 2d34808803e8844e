"""The image holds the planned distributions, in the planned versions, and no other."""

from careen.prove.evidence import CheckResult, Evidence, judged
from careen.prove.installed import installed
from careen.prove.subjects import ImageSubject

SLUG = "distributions"
_MOST_SHOWN = 10


def check(subject: ImageSubject) -> CheckResult:
    planned = {item.name: item.version for item in subject.service.distributions}
    there: dict[str, set[str]] = {}
    for item in installed(subject.image):
        there.setdefault(item.name, set()).add(item.version)
    complaints = []
    for name, version in planned.items():
        versions = there.get(name, set())
        if not versions:
            complaints.append(f"{name} {version} is planned and not there")
        elif versions != {version}:
            complaints.append(f"{name} is there in {', '.join(sorted(versions))} instead of {version}")
    complaints += [
        f"{name} {', '.join(sorted(versions))} is there and not planned"
        for name, versions in sorted(there.items())
        if name not in planned
    ]
    if len(complaints) > _MOST_SHOWN:
        complaints = [*complaints[:_MOST_SHOWN], f"{len(complaints) - _MOST_SHOWN} more"]
    return judged(SLUG, tuple(complaints), Evidence(summary=f"the {len(planned)} planned ones, and no other"))
