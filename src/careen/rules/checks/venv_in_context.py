"""A virtual environment of the host is sent with the context.

It is heavy, holds links to the host's interpreter, and a whole-tree COPY puts it over the one that the image made.
"""

from collections.abc import Iterator

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.ignorefile.causes import Cause
from careen.rules.rule import Rule
from careen.text.units import format_bytes
from careen.workspace.facts import StackFacts


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for context in facts.contexts:
        if not any(copy.origin is None for image in context.images for copy in image.copies):
            continue
        for weight in context.measure.by_cause():
            if weight.cause is Cause.VIRTUAL_ENVIRONMENT:
                folder = weight.heaviest[0].path.split("/")[0]
                yield rule.finding(
                    context.place,
                    f"{folder} of the host, {format_bytes(weight.bytes)}, is sent to every build",
                    bytes=weight.bytes,
                    fix=FixKind.SAFE,
                )


RULE = Rule(
    slug="venv-in-context",
    topic=Topic.VENV_IN_CONTEXT,
    summary="The host's virtual environment is in the build context",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
