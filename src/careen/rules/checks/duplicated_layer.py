"""A recursive chown or chmod stores every file it touches a second time.

A layer holds whole files: changing an owner writes the file again. One project's image went from 18 to 9 GB by one
line. ``COPY --chown`` and ``COPY --chmod`` cost nothing, and so does installing as the right user.

A change of a folder that is empty at that moment is free, and so is one in the very RUN that made the files.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from careen.dockerfile.actions import ChangeOwner
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.installers import is_heavy
from careen.rules.rule import Rule
from careen.workspace.facts import ContextFacts, ImageFacts, StackFacts
from careen.workspace.steps import CopyStep, RunStep


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for context in facts.contexts:
        for image in context.images:
            for run in image.runs:
                if not run.in_image:
                    continue
                for action in run.actions:
                    if not isinstance(action, ChangeOwner) or not action.recursive:
                        continue
                    filled = {
                        path: weight
                        for path in action.paths
                        if (weight := _filled(facts, context, image, run, path)) is not None
                    }
                    if filled:
                        yield rule.finding(
                            run.place_of(action.command),
                            f"{action.program} -R stores everything below {', '.join(filled)} a second time",
                            bytes=sum(filled.values()) or None,
                            fix=FixKind.SAFE,
                        )


def _filled(facts: StackFacts, context: ContextFacts, image: ImageFacts, run: RunStep, path: str) -> int | None:
    """The bytes known to have been put at or below ``path`` by earlier layers; None when nothing was."""
    wanted = run.working_directory / path
    total: int | None = None
    for copy in image.copies:
        if copy.in_image and image.precedes(copy, run) and _overlap(copy.target, wanted):
            total = (total or 0) + _copied_bytes(context, copy)
    for other in image.runs:
        if not other.in_image or not image.precedes(other, run):
            continue
        for install in other.installs():
            folder = other.working_directory if install.whole_project else _environment(image, other)
            if is_heavy(install) and folder is not None and _overlap(folder, wanted):
                total = (total or 0) + (facts.dependencies.installed_bytes(facts.project_of(image), install) or 0)
    return total


def _overlap(first: PurePosixPath, second: PurePosixPath) -> bool:
    return first.is_relative_to(second) or (second.is_relative_to(first) and first != PurePosixPath("/"))


def _environment(image: ImageFacts, run: RunStep) -> PurePosixPath | None:
    named = image.source.stages.environment(run.stage).get("VIRTUAL_ENV")
    return PurePosixPath(named) if named else None


def _copied_bytes(context: ContextFacts, copy: CopyStep) -> int:
    if copy.origin is not None:
        return 0
    return sum(file.bytes for source in copy.sources for file in context.files_at(source))


RULE = Rule(
    slug="duplicated-layer",
    topic=Topic.DUPLICATED_LAYER,
    summary="A recursive change of owner stores files twice",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
