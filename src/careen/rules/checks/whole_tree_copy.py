"""The whole build context is copied into the shipped image.

Tests, notebooks, compose files and whatever lies around come along, and any change of any file rebuilds
every layer above. With an ignore file that lets only the application through, it is fine.
"""

from collections.abc import Iterator

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.ignorefile.causes import cause_of
from careen.rules.ballast import BALLAST
from careen.rules.rule import Rule
from careen.workspace.facts import ContextFacts, StackFacts


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for context in facts.contexts:
        for image in context.images:
            for copy in image.copies:
                whole = any(source in {".", "./", "/", "*"} for source in copy.sources)
                if not whole or copy.origin is not None or not copy.in_image:
                    continue
                needless = _needless(context)
                if needless is not None:
                    yield rule.finding(
                        copy.place,
                        f"the whole context goes into the image, {needless[1]} included",
                        bytes=needless[0],
                        fix=FixKind.REVIEW,
                    )


def _needless(context: ContextFacts) -> tuple[int, str] | None:
    """Bytes that no service runs, and their kinds; None when the ignore file leaves nothing of the kind."""
    weights = [weight for weight in context.measure.by_cause() if weight.cause in BALLAST]
    stray = [file for file in context.measure.sent if _is_tooling(file.path) and cause_of(file.path) not in BALLAST]
    total = sum(weight.bytes for weight in weights) + sum(file.bytes for file in stray)
    kinds = [weight.cause.value for weight in weights[:3]]
    if stray:
        kinds.append("compose and project files")
    return (total, ", ".join(kinds)) if kinds else None


def _is_tooling(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return (
        "dockerfile" in name
        or "compose" in name
        or name in {"makefile", "justfile", "tox.ini", "noxfile.py", ".pre-commit-config.yaml"}
    )


RULE = Rule(
    slug="whole-tree-copy",
    topic=Topic.WHOLE_TREE_COPY,
    summary="The whole build context is copied into the image",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
