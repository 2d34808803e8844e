"""Nothing, or too little, is kept out of the build context.

Without an ignore file the context is the folder: version control, environments, secrets. A builder without BuildKit
reads all of it before the first step, BuildKit all that some COPY takes.

The file that counts is the one at the root of the context that compose names, or the one called after the
Dockerfile beside it; a ``.dockerignore`` anywhere else is read by nobody. A context of which single files and folders
are taken needs less of an ignore file, and one that holds nothing but what the image needs none.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import ContextFacts, StackFacts

_PROBES = {
    ".git": ".git/HEAD",
    ".venv": ".venv/bin/python",
    "__pycache__": "src/package/__pycache__/module.pyc",
    ".env": ".env",
}


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for context in facts.contexts:
        if not any(copy.origin is None and copy.sources for image in context.images for copy in image.copies):
            continue
        ignore = context.images[0].source.ignore
        if ignore is None:
            yield from _missing(rule, context)
        elif context.is_taken_whole:
            open_doors = [name for name, probe in _PROBES.items() if not ignore.excludes(probe)]
            if len(open_doors) > 1:
                yield rule.finding(
                    context.place, f"the ignore file lets {', '.join(open_doors)} through", fix=FixKind.SAFE
                )


def _missing(rule: Rule, context: ContextFacts) -> Iterator[Finding]:
    sent = (
        "the whole folder is sent to every build" if context.is_taken_whole else "whatever lies in its folders is sent"
    )
    finding = rule.finding(
        context.taker.base_place,
        f"no .dockerignore for the context {context.path}: {sent}{_read_by_nobody(context)}",
        fix=FixKind.SAFE,
    )
    if context.is_taken_whole:
        yield finding
    elif any(file.path.count("/") for file in context.sent):
        yield replace(finding, confidence=Confidence.LIKELY)


def _read_by_nobody(context: ContextFacts) -> str:
    """A .dockerignore beside the Dockerfile, or above the context, that somebody believes in."""
    folders = {image.source.dockerfile_path.parent for image in context.images} | {PurePosixPath()}
    stray = [folder / ".dockerignore" for folder in sorted(folders) if folder != context.path]
    found = [path for path in stray if context.workspace.files.exists(path)]
    return f"; {found[0]} is not read for this context" if found else ""


RULE = Rule(
    slug="weak-dockerignore",
    topic=Topic.WEAK_DOCKERIGNORE,
    summary="The ignore file is missing or lets the usual ballast through",
    severity=Severity.LOW,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
