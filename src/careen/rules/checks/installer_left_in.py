"""The installer stays in the shipped image.

uv alone is about 50 MB; pip, poetry and their caches are more. Nothing in a finished image installs anything,
except an intruder.
"""

from collections.abc import Iterator

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts

_INSTALLERS = {"uv": 50_000_000, "poetry": 80_000_000, "pdm": 60_000_000, "pipenv": 60_000_000}


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        for run, install in image.installs:
            for package in install.packages:
                name = package.partition("=")[0].partition("[")[0].partition("<")[0].partition(">")[0].strip("\"'")
                if run.in_image and install.manager in {"pip", "apt", "apk"} and name in _INSTALLERS:
                    yield rule.finding(
                        run.place, f"{name} stays in the shipped image", bytes=_INSTALLERS[name], fix=FixKind.REVIEW
                    )
        for copy in image.copies:
            names = [source.rpartition("/")[2] for source in copy.sources]
            if copy.in_image and copy.origin is not None and any(name in {"uv", "uvx"} for name in names):
                yield rule.finding(
                    copy.place, "uv stays in the shipped image", bytes=_INSTALLERS["uv"], fix=FixKind.REVIEW
                )


RULE = Rule(
    slug="installer-left-in",
    topic=Topic.INSTALLER_LEFT_IN,
    summary="The installer is shipped",
    severity=Severity.LOW,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
