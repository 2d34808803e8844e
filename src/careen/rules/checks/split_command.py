"""A command in compose is written for a shell, and no shell runs it.

Compose splits a string into words and drops, without a word of it, what stands behind an unquoted ``&``, ``;``, ``|``,
``<`` or ``>``: of ``migrate && serve`` only ``migrate`` is started, of ``worker & beat`` only the worker, and an
address ends at its first ``&``. ``sh -c cd /app && serve`` is no better. Put the whole line behind ``sh -c`` in
quotes, with ``exec`` before the last command, or make it a start script.

Fine as it is: a sign inside quotes, and a command written as a list. Where only an output is sent to a file, nothing
but that file is lost, and the finding is a small one.
"""

from collections.abc import Iterator
from dataclasses import replace

from careen.findings import Confidence, Finding, Place, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts

_MOST_LETTERS = 60


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for service in facts.services:
        compose = service.service.compose
        for command in (compose.entrypoint, compose.command) if compose is not None else ():
            if command is None or not command.dropped.strip("&;|<> "):
                continue
            lost = " ".join(command.dropped.split())
            shown = lost if len(lost) <= _MOST_LETTERS else f"{lost[:_MOST_LETTERS]}..."
            finding = rule.finding(
                Place(command.place.path, command.place.line, command.place.end_line),
                f"compose runs no shell and leaves out all from `{shown}` on in {service.name}",
                service=service.name,
            )
            redirects = lost[0] in "<>" and not any(sign in lost for sign in ("&&", ";", "|"))
            yield replace(finding, severity=Severity.LOW) if redirects else finding


RULE = Rule(
    slug="split-command",
    topic=Topic.SPLIT_COMMAND,
    summary="A command in compose is written for a shell that does not run it",
    severity=Severity.HIGH,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
