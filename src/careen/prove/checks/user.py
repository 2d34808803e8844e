"""The image names its user by number, and it is not root: orchestrators can only check numbers."""

import re

from careen.prove.evidence import CheckResult, Evidence, judged, skipped
from careen.prove.processes import user_inside
from careen.prove.runner import Property
from careen.prove.subjects import RunningSubject

SLUG = "user"
_NUMERIC = re.compile(r"\d+(?::\d+)?")


def check(subject: RunningSubject) -> CheckResult:
    named = subject.image.config.run.user
    complaints = []
    if not named:
        complaints.append("the image names no user, so it runs as root")
    elif not _NUMERIC.fullmatch(named):
        complaints.append(f"the image names its user {named!r}, which is no number")
    if subject.launch.user.uid == 0 and named:
        complaints.append("the image runs as root")
    seen = ""
    if not complaints and Property.USER in subject.lacks:
        return skipped(SLUG, subject.lacks[Property.USER])
    pid = subject.container.process()
    if Property.USER not in subject.lacks and pid is not None:
        users = user_inside(pid)
        seen = f"Uid: {' '.join(map(str, users))}"
        if set(users) != {subject.launch.user.uid}:
            complaints.append(f"its process runs as {users}")
    return judged(SLUG, tuple(complaints), Evidence(summary=f"runs as {named}", output=seen))
