"""A full image for what a slim or minimal one runs as well.

A full Python image carries compilers, headers and version control: a gigabyte that every host pulls and every
scanner reports on. Even a slim image brings a shell, a package manager and Perl. It costs nothing when the
image is a builder that is not shipped, or one for developers and tests whose stage or file says so.
"""

from collections.abc import Iterator
from dataclasses import replace

from careen.dockerfile.stages import ImageBase
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.text.units import format_bytes
from careen.workspace.facts import ImageFacts, StackFacts
from careen.workspace.known_bases import BaseKind

_MINIMAL_BYTES = 35_000_000
"""A composed base with the interpreter, by and large."""


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        base, known = image.base, image.known_base
        if not isinstance(base, ImageBase) or known is None or not image.is_python or image.stage_is_for_development:
            continue
        found = _finding(rule, image, base.reference or base.written, known.kind, known.bytes)
        if found is not None:
            yield found


def _finding(rule: Rule, image: ImageFacts, name: str, kind: BaseKind, size: int | None) -> Finding | None:
    excess = None if size is None else size - _MINIMAL_BYTES
    weight = "" if size is None else f", {format_bytes(size)}"
    if kind in {BaseKind.FULL, BaseKind.INSTALLER, BaseKind.GPU_DEVELOPMENT}:
        return rule.finding(
            image.base_place,
            f"{name} is {kind.value}{weight} before anything is added",
            bytes=excess,
            fix=FixKind.REVIEW,
        )
    if kind is BaseKind.SLIM:
        finding = rule.finding(
            image.base_place,
            f"{name} is {kind.value}{weight}; a base with only the interpreter is about {format_bytes(_MINIMAL_BYTES)}",
            bytes=excess,
            fix=FixKind.REVIEW,
        )
        return replace(finding, severity=Severity.LOW, confidence=Confidence.CERTAIN)
    return None


RULE = Rule(
    slug="oversized-base",
    topic=Topic.OVERSIZED_BASE,
    summary="The shipped stage stands on a larger image than it needs",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
