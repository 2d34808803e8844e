"""The image keeps to its budget."""

from careen.prove.evidence import CheckResult, Evidence, judged
from careen.prove.subjects import ImageSubject

SLUG = "size"
_MEGABYTE = 10**6
_GRAIN = 50
_MOST = 3


def check(subject: ImageSubject) -> CheckResult:
    size, budget = subject.image.total_bytes, subject.service.budget_bytes
    told = f"{size / _MEGABYTE:.1f} MB of {budget / _MEGABYTE:.1f} MB"
    complaints = (f"the image has {told}",) if size > budget else ()
    return judged(SLUG, complaints, Evidence(summary=told, hints=_hints(subject) if complaints else ()))


def _hints(subject: ImageSubject) -> tuple[str, ...]:
    service = subject.service
    heaviest = sorted(service.distributions, key=lambda item: -(item.installed_bytes or 0))[:_MOST]
    named = ", ".join(f"{item.name} {(item.installed_bytes or 0) / _MEGABYTE:.0f} MB" for item in heaviest)
    enough = -(-subject.image.total_bytes // (_GRAIN * _MEGABYTE)) * _GRAIN
    return (
        *((f"the heaviest that it holds: {named}",) if named else ()),
        f'budget = "{enough}MB" in [tool.careen.services.{service.name}] allows it',
    )
