"""SIGTERM never reaches the program, because a shell stands in front of it as PID 1.

A stop then takes the whole grace period and ends with SIGKILL: requests break off, Celery tasks are lost
unless they are acknowledged late. ``exec`` in front of the last command, or the exec form, cures it; with an init
(``init: true``, tini) a shell still does not forward the signal.
"""

from collections.abc import Iterator

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for service in facts.built:
        launch = service.launch
        if launch is None or not launch.shell_in_front or not launch.argv:
            continue
        program = launch.argv[0].rpartition("/")[2]
        where = f"{launch.script} does not exec" if launch.script is not None else "a shell stands in front"
        yield rule.finding(
            launch.place,
            f"SIGTERM does not reach {program} in {service.name}: {where}, so a stop ends in SIGKILL",
            service=service.name,
            fix=FixKind.SAFE,
        )


RULE = Rule(
    slug="bad-signal-handling",
    topic=Topic.BAD_SIGNAL_HANDLING,
    summary="A shell keeps SIGTERM from the program",
    severity=Severity.HIGH,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
