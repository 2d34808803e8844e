"""The whole build context is copied into the shipped image.

Tests, notebooks, compose files and whatever lies around come along, and any change of any file rebuilds every layer
above. Copy the folders that the service imports. Where what comes along weighs next to nothing, that is a small fault.

With an ignore file that lets only the application through, it is fine.
"""

from collections.abc import Iterator
from dataclasses import replace

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.ignorefile.causes import Cause
from careen.rules.ballast import BALLAST
from careen.rules.rule import Rule
from careen.text.units import format_bytes
from careen.workspace.facts import ContextFacts, StackFacts

_FELT = 100_000
"""Bytes of an image that somebody would miss; less than that matters for the layers it rebuilds alone."""
_TOOLING = frozenset(
    {"makefile", "justfile", "tox.ini", "noxfile.py", ".pre-commit-config.yaml", ".gitlab-ci.yml", "jenkinsfile"}
)


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for context in facts.contexts:
        for image in context.images:
            if not image.is_python:
                continue
            for copy in image.copies:
                if not copy.takes_whole_context:
                    continue
                if not (copy.in_image or image.carries(copy.stage, copy.target, whole=True)):
                    continue
                needless = _needless(context)
                if needless is not None:
                    finding = rule.finding(
                        copy.place,
                        f"the whole context goes into the image, {needless[1]} included",
                        bytes=needless[0] or None,
                        fix=FixKind.REVIEW,
                    )
                    yield finding if needless[0] >= _FELT else replace(finding, severity=Severity.LOW)


def _needless(context: ContextFacts) -> tuple[int, str] | None:
    """Bytes that no service runs, and their kinds; None when the ignore file leaves nothing of the kind."""
    weights = {cause: count for cause, count in context.sent_bytes_by_cause().items() if cause in BALLAST}
    own = {str(image.source.dockerfile_path) for image in context.images} | {str(context.ignore_path)}
    stray = [
        file
        for file in context.sent
        if file.cause not in BALLAST and _is_tooling(file.path, file.cause) and str(context.path / file.path) not in own
    ]
    kinds = [f"{cause.value} ({format_bytes(count)})" for cause, count in weights.items() if count][:3]
    if stray:
        kinds.append("compose and project files")
    total = sum(weights.values()) + sum(file.bytes for file in stray)
    return (total, ", ".join(kinds)) if kinds else None


def _is_tooling(path: str, cause: Cause) -> bool:
    name = path.rpartition("/")[2].lower()
    return cause is Cause.EDITOR or "dockerfile" in name or "compose" in name or name in _TOOLING


RULE = Rule(
    slug="whole-tree-copy",
    topic=Topic.WHOLE_TREE_COPY,
    summary="The whole build context is copied into the image",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
