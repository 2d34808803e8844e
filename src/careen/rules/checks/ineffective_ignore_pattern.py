"""A line of the ignore file that does not do what it looks like.

An ignore file is no .gitignore: a bare name reaches only the top of the context, a comment needs a line of its own,
braces are no alternatives, and a later ``!`` line may bring everything back. What the line seemed to keep out is
sent to every build, and copied into images.

A line for what is not there today, such as a log or a cache, is foresight; so is one for what
``.gitignore`` names too, and one that another line repeats.
"""

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import PurePosixPath

from careen.findings import Confidence, Finding, FixKind, Place, Severity, Topic
from careen.ignorefile.review import FaultKind, PatternFault
from careen.rules.rule import Rule
from careen.workspace.facts import ContextFacts, StackFacts

_WITHOUT_EFFECT = frozenset({FaultKind.MATCHES_NOTHING, FaultKind.LEFT_BEHIND, FaultKind.REINCLUDES_NOTHING})
_SHOWN = 8


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for context in facts.contexts:
        ignore = context.images[0].source.ignore
        if ignore is None or not context.taken:
            continue
        path = ignore.source.path if ignore.source is not None else context.ignore_path
        made = _made_here(context)
        faults = [fault for fault in context.ignore_faults if not _is_foresight(fault, made)]
        idle = [fault for fault in faults if fault.kind in _WITHOUT_EFFECT]
        for fault in faults:
            if fault not in idle:
                yield rule.finding(
                    Place(path, fault.pattern.line, fault.pattern.line),
                    f"`{fault.pattern.text}`: {fault.explanation}",
                    bytes=fault.bytes or None,
                    fix=FixKind.REVIEW,
                )
        if idle:
            finding = rule.finding(
                Place(path, idle[0].pattern.line, idle[0].pattern.line), _idle_lines(idle), fix=FixKind.REVIEW
            )
            yield replace(finding, confidence=Confidence.POSSIBLE)


def _made_here(context: ContextFacts) -> frozenset[str]:
    """What version control is told to pass over, because somebody makes it."""
    files = context.workspace.files
    texts = (files.text_or_none(folder / ".gitignore") for folder in dict.fromkeys((context.path, PurePosixPath())))
    lines = (line.strip() for text in texts if text is not None for line in text.splitlines())
    found = [line for line in lines if line and line[0] not in "#!"]
    return frozenset(line.removeprefix("**/").strip("/") for line in found) | {
        line.rstrip("/") for line in found if line.startswith("/")
    }


def _is_foresight(fault: PatternFault, made: frozenset[str]) -> bool:
    pattern = fault.pattern
    if fault.kind not in _WITHOUT_EFFECT:
        # It is made at the top, and what lies deeper has the name by chance.
        return fault.kind is FaultKind.ROOT_ONLY and f"/{pattern.cleaned}" in made
    if pattern.text.lstrip().startswith("#"):
        return True
    cleaned = pattern.cleaned.removeprefix("**/").strip("/")
    parts = cleaned.split("/")
    if fault.kind is FaultKind.LEFT_BEHIND:
        return not made.isdisjoint({cleaned, parts[0]})
    return not made.isdisjoint({cleaned, parts[0], parts[-1]}) or any(fnmatch(parts[-1], name) for name in made)


def _idle_lines(faults: list[PatternFault]) -> str:
    """One finding for all of them: they cost nothing but the belief that something is kept out."""
    shown = ", ".join(f"`{fault.pattern.text}` (line {fault.pattern.line})" for fault in faults[:_SHOWN])
    if len(faults) == 1:
        return f"{shown} does nothing: {faults[0].explanation}"
    more = f" and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return f"{shown}{more} do nothing: nothing in this context has these names"


RULE = Rule(
    slug="ineffective-ignore-pattern",
    topic=Topic.INEFFECTIVE_IGNORE_PATTERN,
    summary="A line of the ignore file does not do what it looks like",
    severity=Severity.LOW,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
