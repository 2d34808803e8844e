"""Files that no build needs are sent to every build: version control, environments, caches, data, notebooks.

They cost time on each build, and a whole-tree COPY puts them into the image. A few kilobytes are not worth a word.
"""

from collections.abc import Iterator

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.ignorefile.causes import Cause
from careen.rules.ballast import BALLAST
from careen.rules.rule import Rule
from careen.text.units import format_bytes
from careen.workspace.facts import StackFacts

_WORTH_A_WORD = 100_000


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for context in facts.contexts:
        if not any(copy.origin is None for image in context.images for copy in image.copies):
            continue
        weights = [
            weight
            for weight in context.measure.by_cause()
            if weight.cause in BALLAST and weight.cause is not Cause.VIRTUAL_ENVIRONMENT
        ]
        total = sum(weight.bytes for weight in weights)
        if total < _WORTH_A_WORD:
            continue
        shown = ", ".join(f"{weight.cause.value} {format_bytes(weight.bytes)}" for weight in weights[:4])
        yield rule.finding(
            context.place, f"each build is sent what it does not need: {shown}", bytes=total, fix=FixKind.SAFE
        )


RULE = Rule(
    slug="unneeded-context-files",
    topic=Topic.UNNEEDED_CONTEXT_FILES,
    summary="The build context holds files that no build needs",
    severity=Severity.LOW,
    confidence=Confidence.LIKELY,
    since="0.1.0",
    check=check,
)
