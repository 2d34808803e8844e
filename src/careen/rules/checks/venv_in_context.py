"""A virtual environment of the host is sent with the context.

It is heavy, holds links to the host's interpreter, and a whole-tree COPY puts it over the one that the image made:
one project sent 439 MB with every build. A line ``.venv`` in the ignore file cures it, ``**/.venv`` where environments
lie deeper.

Where no instruction takes the folder that holds it, BuildKit does not ask for it, and nothing is told.
"""

import re
from collections.abc import Iterator

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.ignorefile.causes import Cause, folder_cause
from careen.rules.rule import Rule
from careen.text.units import format_bytes
from careen.workspace.facts import StackFacts

_SIGNS = re.compile(r"(?:^|/)(?:pyvenv\.cfg|site-packages/|bin/activate|Scripts/activate|bin/python[\d.]*$)")


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for context in facts.contexts:
        files = [file for file in context.sent if file.cause is Cause.VIRTUAL_ENVIRONMENT]
        if not any(_SIGNS.search(file.path) for file in files):
            continue  # a package of code that is called venv
        if files:
            total = sum(file.bytes for file in files)
            heaviest = max(files, key=lambda file: (file.bytes, file.path))
            yield rule.finding(
                context.place,
                f"{_folder(heaviest.path)} of the host, {format_bytes(total)}, is sent to every build",
                bytes=total or None,
                fix=FixKind.SAFE,
            )


def _folder(path: str) -> str:
    parts = path.split("/")
    for index, name in enumerate(parts[:-1]):
        if folder_cause(name, None) is Cause.VIRTUAL_ENVIRONMENT:
            return "/".join(parts[: index + 1])
    return parts[0]


RULE = Rule(
    slug="venv-in-context",
    topic=Topic.VENV_IN_CONTEXT,
    summary="The host's virtual environment is in the build context",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
