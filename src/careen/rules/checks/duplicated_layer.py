"""A recursive chown or chmod stores every file it touches a second time.

A layer holds whole files: changing an owner writes the file again. ``COPY --chown`` and ``COPY --chmod`` cost
nothing. A chown of a folder that is empty at that moment is free.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from careen.dockerfile.actions import ChangeOwner
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import ImageFacts, StackFacts
from careen.workspace.steps import RunStep


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        for run in image.runs:
            if not run.in_image:
                continue
            for action in run.actions:
                if not isinstance(action, ChangeOwner) or not action.recursive:
                    continue
                covered = [path for path in action.paths if _filled_before(image, run, path)]
                if covered:
                    yield rule.finding(
                        run.place,
                        f"{action.program} -R stores everything below {', '.join(covered)} a second time",
                        fix=FixKind.SAFE,
                    )


def _filled_before(image: ImageFacts, run: RunStep, path: str) -> bool:
    """Whether an earlier instruction of the same image put files at or below ``path``."""
    wanted = image.working_directory / path if not path.startswith("/") else PurePosixPath(path)
    for copy in image.copies:
        destination = image.working_directory / copy.destination
        if (
            copy.in_image
            and copy.place.line < run.place.line
            and (destination.is_relative_to(wanted) or wanted.is_relative_to(destination))
        ):
            return True
    for other in image.runs:
        earlier = other.in_image and other.place.line < run.place.line
        synced = any(install.whole_project and install.manager == "uv" for install in other.installs())
        if earlier and synced and image.working_directory.is_relative_to(wanted):
            return True
    return False


RULE = Rule(
    slug="duplicated-layer",
    topic=Topic.DUPLICATED_LAYER,
    summary="A recursive change of owner stores files twice",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
