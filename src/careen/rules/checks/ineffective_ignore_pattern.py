"""A line of the ignore file that does not do what it looks like.

An ignore file is no .gitignore: a bare name reaches only the top of the context, a comment needs a line of its own,
braces are no alternatives, and a later ``!`` line may bring everything back. What the line seemed to keep out is
sent to every build, and copied into images.

A line for what is not there today, such as a log or a cache, is foresight; so is one that another line repeats.
"""

from collections.abc import Iterator
from dataclasses import replace

from careen.findings import Confidence, Finding, FixKind, Place, Severity, Topic
from careen.ignorefile.review import FaultKind
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts

_WITHOUT_EFFECT = frozenset({FaultKind.MATCHES_NOTHING, FaultKind.REINCLUDES_NOTHING})


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for context in facts.contexts:
        ignore = context.images[0].source.ignore
        if ignore is None or not any(copy.origin is None for image in context.images for copy in image.copies):
            continue
        for fault in context.ignore_faults:
            path = ignore.source.path if ignore.source is not None else context.ignore_path
            finding = rule.finding(
                Place(path, fault.pattern.line, fault.pattern.line),
                f"`{fault.pattern.text}`: {fault.explanation}",
                bytes=fault.bytes or None,
                fix=FixKind.REVIEW,
            )
            if fault.kind in _WITHOUT_EFFECT:
                finding = replace(finding, confidence=Confidence.POSSIBLE)
            yield finding


RULE = Rule(
    slug="ineffective-ignore-pattern",
    topic=Topic.INEFFECTIVE_IGNORE_PATTERN,
    summary="A line of the ignore file does not do what it looks like",
    severity=Severity.LOW,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
