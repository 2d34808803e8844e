"""SIGTERM never reaches the program, because a shell stands in front of it as PID 1.

A stop then takes the whole grace period and ends with SIGKILL: requests break off, Celery tasks are lost unless they
are acknowledged late. ``exec`` in front of the last command, or the exec form, cures it. An init (``init: true``,
tini) does not: it signals the shell, not what the shell waits for.

Fine as they are: a string ``command:`` in compose, which is split and not run by a shell; ``bash -c`` and Alpine's
``sh -c`` with the program as last command, which give way to it; dumb-init and ``tini -g``, which signal the whole
group; a script that execs, or that starts the program behind itself and waits with a trap for the signal (while a
shell waits for a program in front, its traps wait too).
"""

from collections.abc import Iterator
from dataclasses import replace

from careen.dockerfile.stages import ImageBase
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.roles import ends_by_itself
from careen.rules.rule import Rule
from careen.workspace.facts import ServiceFacts, StackFacts


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for service in facts.services:
        launch = service.launch
        if launch is None or not launch.shell_in_front or not launch.argv:
            continue
        program = launch.argv[0].rpartition("/")[2]
        if ends_by_itself(facts, service) or not program or program.startswith("$"):
            continue
        where = f"{launch.script} does not exec it" if launch.script is not None else "a shell stands in front of it"
        finding = rule.finding(
            launch.place,
            f"SIGTERM does not reach {program} in {service.name}: {where}, so a stop ends in SIGKILL",
            service=service.name,
            fix=FixKind.SAFE,
        )
        yield finding if _shell_is_known(service) else replace(finding, confidence=Confidence.LIKELY)


def _shell_is_known(service: ServiceFacts) -> bool:
    """Whether the base is one whose /bin/sh careen knows to stay in front."""
    image = service.image
    return image is not None and (image.known_base is not None or not isinstance(image.base, ImageBase))


RULE = Rule(
    slug="bad-signal-handling",
    topic=Topic.BAD_SIGNAL_HANDLING,
    summary="A shell keeps SIGTERM from the program",
    severity=Severity.HIGH,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
