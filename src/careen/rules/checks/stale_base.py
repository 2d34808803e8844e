"""The base is pinned to a patch release that its series has left behind.

A pin keeps builds alike, and keeps the flaws that later patch releases of Python repaired, with the Debian packages
of that day. Pin the minor version and let the patch move, or pin a digest and have a bot raise it.

A patch release is fine while it is the newest; which that is, careen knows as of its own release.
"""

from collections.abc import Iterator

from careen.dockerfile.stages import ImageBase
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts
from careen.workspace.lifetimes import end_of_life, patches_behind


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        for stage in image.stages:
            reference = stage.base.reference if isinstance(stage.base, ImageBase) else None
            if reference is None or stage.index not in image.ancestry or end_of_life(reference) is not None:
                continue
            found = patches_behind(reference)
            if found is not None:
                pinned, newest = found
                yield rule.finding(
                    image.place(stage.start),
                    f"{reference} stays at Python {pinned} and misses the fixes up to {newest}",
                    fix=FixKind.REVIEW,
                )


RULE = Rule(
    slug="stale-base",
    topic=Topic.STALE_BASE,
    summary="The base image is pinned to an old patch release",
    severity=Severity.LOW,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
