"""Nothing, or too little, is kept out of the build context.

Without an ignore file the context is the folder: version control, environments, secrets. The builder reads
all of it before the first step.
"""

from collections.abc import Iterator

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts

_PROBES = {
    ".git": ".git/HEAD",
    ".venv": ".venv/bin/python",
    "__pycache__": "src/package/__pycache__/module.pyc",
    ".env": ".env",
}


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for context in facts.contexts:
        if not any(copy.origin is None for image in context.images for copy in image.copies):
            continue
        ignore = context.images[0].source.ignore
        if ignore is None:
            yield rule.finding(
                context.place,
                f"no .dockerignore for the context {context.path}: the whole folder is sent to every build",
                fix=FixKind.SAFE,
            )
            continue
        open_doors = [name for name, probe in _PROBES.items() if not ignore.excludes(probe)]
        if len(open_doors) > 1:
            yield rule.finding(
                context.place,
                f"the ignore file lets {', '.join(open_doors)} through",
                fix=FixKind.SAFE,
            )


RULE = Rule(
    slug="weak-dockerignore",
    topic=Topic.WEAK_DOCKERIGNORE,
    summary="The ignore file is missing or lets the usual ballast through",
    severity=Severity.LOW,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
