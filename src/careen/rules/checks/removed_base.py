"""The base gets no more fixes, or is not published any more.

Flaws found from then on stay in every image built upon it, and a build on a new machine may not find the base at
all. Python ends a minor version after five years, Debian's long term support ends a release after five,
distroless drops an image when its Debian moves on: ``python3-debian12`` has been gone since May 2026.

A mirror of your own that is still maintained under the old name is the exception: say so in a remark.
"""

from collections.abc import Iterator

from careen.dockerfile.stages import ImageBase
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts
from careen.workspace.lifetimes import end_of_life


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        for stage in image.stages:
            if not isinstance(stage.base, ImageBase) or stage.base.reference is None:
                continue
            reason = end_of_life(stage.base.reference)
            if reason is not None:
                yield rule.finding(image.place(stage.start), f"{stage.base.reference}: {reason}", fix=FixKind.REVIEW)


RULE = Rule(
    slug="removed-base",
    topic=Topic.REMOVED_BASE,
    summary="The base image gets no more fixes",
    severity=Severity.HIGH,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
