"""Development dependencies are installed into the shipped image: linters, notebooks, test runners.

uv installs the group ``dev`` unless it is told not to; ``--all-groups`` brings every other one too.
"""

from collections.abc import Iterator

from careen.dockerfile.actions import Install
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import ImageFacts, StackFacts
from careen.workspace.model import PythonProject
from careen.workspace.steps import RunStep


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        project = next((s.service.project for s in facts.services if s.image is image), None)
        for run, install in image.installs:
            if not install.development or install.manager == "npm" or not _ships(image, run):
                continue
            if not _has_development(install, project) or image.environment.get("UV_NO_DEV", "0") not in {"", "0"}:
                continue
            what = "every dependency group" if "--all-groups" in install.options else "development dependencies"
            yield rule.finding(run.place, f"{install.manager} installs {what} into the image", fix=FixKind.SAFE)


def _has_development(install: Install, project: PythonProject | None) -> bool:
    if install.manager != "uv" or not install.whole_project:
        return True
    if project is None:
        return True
    groups = project.pyproject.groups
    if "--all-groups" in install.options:
        return bool(groups)
    return any(group in groups for group in project.pyproject.default_groups)


def _ships(image: ImageFacts, run: RunStep) -> bool:
    """Whether what a step installs ends in the image: its own layer does, or a COPY takes it along."""
    names = {str(run.stage.index), run.stage.name}
    return run.in_image or any(copy.in_image and copy.origin in names for copy in image.copies)


RULE = Rule(
    slug="dev-dependencies",
    topic=Topic.DEV_DEPENDENCIES,
    summary="Development dependencies are shipped",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
