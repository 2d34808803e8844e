"""The base image may be another one tomorrow.

A tag such as ``latest``, ``3`` or ``slim``, or none at all, moves to the next Python or the next Debian without a
change in the repository: wheels are missing, system packages have other names, and nobody knows what changed.

A tag with a minor version, such as ``python:3.12-slim``, is a choice that many make on purpose, and is not told of;
neither is a base that a digest pins.
"""

import re
from collections.abc import Iterator

from careen.dockerfile.stages import ImageBase
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts

_MOVING = frozenset(
    {"", "latest", "edge", "nightly", "stable", "rolling", "main", "master", "dev", "devel", "current", "lts"}
)
_FIRST_WORDS = frozenset({"latest", "edge", "nightly", "stable", "rolling"})
_FLAVOUR_WORDS = (
    "alpine slim debian fedora ubuntu centos ubi python builder base bin full runtime prod production release "
    "mainline perl cpu"
)
_FLAVOURS = frozenset(_FLAVOUR_WORDS.split())
"""What says how an image is made, and nothing of its version."""
_MINOR = re.compile(r"\d+\.\d+")


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        for stage in image.stages:
            reference = stage.base.reference if isinstance(stage.base, ImageBase) else None
            if reference is None or "@" in reference:
                continue
            name, _, tag = reference.rpartition("/")[2].partition(":")
            if (
                tag in _MOVING
                or _tells_no_version(reference, tag)
                or (name == "python" and _MINOR.search(tag.partition("-")[0]) is None)
            ):
                why = f"its tag {tag} moves on by itself" if tag else "it has no tag"
                yield rule.finding(
                    image.place(stage.start), f"{reference} may be another image tomorrow: {why}", fix=FixKind.REVIEW
                )


def _tells_no_version(reference: str, tag: str) -> bool:
    """``stable-slim``, ``alpine``, and a tag that repeats the image's own name; what was built here is no base."""
    words = re.split(r"[-_.]", tag.lower())
    if any(map(str.isdigit, tag)):
        return False
    if words[0] in _FIRST_WORDS:
        return True
    own = set(re.split(r"[-_./:]", reference.rpartition(":")[0].lower()))
    return not reference.startswith("localhost/") and all(word in _FLAVOURS or word in own for word in words)


RULE = Rule(
    slug="unpinned-base",
    topic=Topic.UNPINNED_BASE,
    summary="The base image has no fixed tag",
    severity=Severity.LOW,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
