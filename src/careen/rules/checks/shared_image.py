"""Services that do different work ship one and the same image.

Each of them then carries what any of them needs, and a change for one moves all: the scheduler pulls the models of
the OCR worker. One Dockerfile with a target for each service, over shared lower stages, gives each its own.

Two services of the same kind, such as two workers of the same application, may well share an image.
"""

from collections.abc import Iterator

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.roles import ends_by_itself, entry_of
from careen.rules.rule import Rule
from careen.workspace.facts import ServiceFacts, StackFacts


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        if image.stage_is_for_development:
            continue
        sharing = [service for service in facts.built if service.image is image and not ends_by_itself(facts, service)]
        kinds = {kind for service in sharing if (kind := _kind(service)) is not None}
        if len(kinds) > 1 and image.is_python:
            names = ", ".join(service.name for service in sharing)
            yield rule.finding(
                image.base_place, f"{names} ship one image, though they run different programs", fix=FixKind.REVIEW
            )


def _kind(service: ServiceFacts) -> tuple[str, tuple[str, ...], tuple[str, ...]] | None:
    """What a service runs: its role, its first-party modules, and for scripts their names; of manage.py its command."""
    entry = entry_of(service)
    if entry is None:
        return None
    scripts = tuple(map(str, entry.scripts))
    words = service.launch.argv if service.launch is not None else ()
    for index, word in enumerate(words):
        if word.rpartition("/")[2] == "manage.py":
            scripts += tuple(name for name in words[index + 1 :] if not name.startswith("-"))[:2]
            break
    return entry.role, entry.modules, scripts


RULE = Rule(
    slug="shared-image",
    topic=Topic.SHARED_IMAGE,
    summary="Different services ship the same image",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
