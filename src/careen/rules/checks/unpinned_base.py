"""The base image may be another one tomorrow.

A tag such as ``latest``, or none at all, moves to the next Python or the next Debian without a change in the
repository. A tag with a minor version is a choice many make on purpose, and is not told of.
"""

from collections.abc import Iterator

from careen.dockerfile.stages import ImageBase
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        base = image.base
        if not isinstance(base, ImageBase) or base.reference is None or "@" in base.reference:
            continue
        tag = base.reference.rpartition("/")[2].partition(":")[2]
        if tag in {"", "latest"}:
            yield rule.finding(
                image.base_place,
                f"{base.reference} may be another image tomorrow: it has no fixed tag",
                fix=FixKind.REVIEW,
            )


RULE = Rule(
    slug="unpinned-base",
    topic=Topic.UNPINNED_BASE,
    summary="The base image has no fixed tag",
    severity=Severity.LOW,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
