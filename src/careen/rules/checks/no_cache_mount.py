"""An installer downloads everything again whenever its layer is rebuilt.

A cache mount keeps downloads between builds without putting them into the image. Where the layer is never
rebuilt, or the build machine is new each time, it gains nothing.
"""

from collections.abc import Iterator

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts

_PYTHON_MANAGERS = frozenset({"pip", "uv", "poetry", "pdm", "pipenv"})
_MOST_SINGLE_PACKAGES = 2
"""Installing the installer itself is not worth a word."""


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        for run in image.runs:
            if any(mount.kind == "cache" for mount in run.mounts):
                continue
            for install in run.installs():
                heavy = install.whole_project or install.requirement_files or install.installs_project
                if install.manager in _PYTHON_MANAGERS and (heavy or len(install.packages) > _MOST_SINGLE_PACKAGES):
                    yield rule.finding(
                        run.place,
                        f"{install.manager} downloads every distribution again whenever this layer is rebuilt",
                        fix=FixKind.SAFE,
                    )
                    break


RULE = Rule(
    slug="no-cache-mount",
    topic=Topic.NO_CACHE_MOUNT,
    summary="Dependencies are installed without a cache mount",
    severity=Severity.LOW,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
