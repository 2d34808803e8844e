"""The application is copied before its dependencies are installed.

Then every change of a line of code installs everything again, and every host pulls all dependencies again.
"""

from collections.abc import Iterator

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts
from careen.workspace.steps import CopyStep

_MANIFESTS = (
    "pyproject.toml",
    "uv.lock",
    "poetry.lock",
    "pylock.toml",
    "Pipfile",
    "Pipfile.lock",
    "README.md",
    "setup.py",
    "setup.cfg",
    ".python-version",
    "README.rst",
    "LICENSE",
    "pdm.lock",
    "constraints.txt",
)


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        for run, install in image.installs:
            if not (install.whole_project or install.requirement_files or install.installs_project):
                continue
            if install.manager == "npm":
                continue
            position = run.stage.instructions.index(run.instruction)
            for copy in image.copies:
                earlier = copy.stage.index == run.stage.index and copy.origin is None
                if earlier and run.stage.instructions.index(copy.instruction) < position and _brings_code(copy):
                    yield rule.finding(
                        copy.place,
                        f"the code is copied before {install.manager} installs (line {run.place.line}): "
                        "every change of code installs everything again",
                        fix=FixKind.SAFE,
                    )
                    break
            else:
                continue
            break


def _brings_code(copy: CopyStep) -> bool:
    for source in copy.sources:
        name = source.rstrip("/").rpartition("/")[2]
        if name in {".", ""} or source in {".", "./"}:
            return True
        manifest = name in _MANIFESTS or name.startswith(("requirements", "uv.lock")) or "." in name.lstrip(".")
        if not manifest and "requirements" not in source and not source.startswith("--"):
            return True
    return False


RULE = Rule(
    slug="no-dependency-layer",
    topic=Topic.NO_DEPENDENCY_LAYER,
    summary="Dependencies have no layer of their own",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
