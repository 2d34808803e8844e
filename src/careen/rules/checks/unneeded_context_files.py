"""Files that no build needs are sent to every build: version control, caches, tests, notebooks, secrets.

They cost time on each build, and a whole-tree COPY puts them into the image and makes its layer new whenever one of
them changes.

Files that no instruction takes are not counted: BuildKit does not ask for them. A few kilobytes are not worth a word.
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
        weights = {
            cause: count
            for cause, count in context.sent_bytes_by_cause().items()
            if cause in BALLAST and cause is not Cause.VIRTUAL_ENVIRONMENT and count
        }
        total = sum(weights.values())
        if total < _WORTH_A_WORD:
            continue
        told = [item for item in weights.items() if item[1] * 100 >= total or item[0] is Cause.SECRETS]
        shown = ", ".join(f"{cause.value} {format_bytes(count)}" for cause, count in told[:4])
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
