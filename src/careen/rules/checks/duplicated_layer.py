"""A recursive chown or chmod stores every file it touches a second time.

A layer holds whole files: changing an owner writes the file again. One project's image went from 18 to 9 GB by one
line. ``COPY --chown`` and ``COPY --chmod`` cost nothing, and so does installing as the right user.

A change of a folder that is empty at that moment is free, and so is one in the very RUN that made the files.
Of a few small files nothing is told.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from careen.dockerfile.actions import ChangeOwner, CopyFiles
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import ContextFacts, ImageFacts, StackFacts
from careen.workspace.installers import is_heavy
from careen.workspace.steps import CopyStep, RunStep

_UNKNOWN = -1
_FELT = 16_384
"""Less than that is not felt: a start script, a folder with a placeholder in it."""


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for context in facts.contexts:
        for image in context.images:
            for run in image.runs:
                if not run.in_image:
                    continue
                for action, paths in _changes(run):
                    filled = {
                        path: weight
                        for path in paths
                        if (weight := _filled(facts, context, image, run, action, path)) is not None
                    }
                    if any(weight == _UNKNOWN or weight >= _FELT for weight in filled.values()):
                        yield rule.finding(
                            run.place_of(action.command),
                            f"{action.program} -R stores everything below {', '.join(filled)} a second time",
                            bytes=sum(weight for weight in filled.values() if weight != _UNKNOWN) or None,
                            fix=FixKind.SAFE,
                        )


def _changes(run: RunStep) -> Iterator[tuple[ChangeOwner, list[str]]]:
    """Recursive changes with their paths. A layer stores once what several of its changes touch: the widest is told."""
    told: list[PurePosixPath] = []
    for action in run.actions:
        if not isinstance(action, ChangeOwner) or not action.recursive:
            continue
        places = {path: run.working_directory / path for path in action.paths}
        yield action, [path for path, place in places.items() if not _is_below(place, _others(run, place) | {*told})]
        told += places.values()


def _others(run: RunStep, place: PurePosixPath) -> set[PurePosixPath]:
    changes = (action for action in run.actions if isinstance(action, ChangeOwner) and action.recursive)
    return {run.working_directory / path for action in changes for path in action.paths} - {place}


def _is_below(place: PurePosixPath, folders: set[PurePosixPath]) -> bool:
    return any(place.is_relative_to(folder) for folder in folders)


def _filled(
    facts: StackFacts, context: ContextFacts, image: ImageFacts, run: RunStep, action: ChangeOwner, path: str
) -> int | None:
    """The bytes known to have been put at or below ``path`` by earlier layers; None when nothing was.

    -1 when something was put there of which nobody can tell the weight.
    """
    wanted = run.working_directory / path
    some_only = "--from" in action.command.argv or any(word.startswith("--from=") for word in action.command.argv)
    weights = [
        _copied_bytes(context, copy, wanted)
        for copy in image.copies
        if copy.in_image and image.precedes(copy, run) and not (some_only and copy.owner is not None)
    ]
    for other in image.runs:
        if not other.in_image or not image.precedes(other, run):
            continue
        for install in other.installs():
            folder = other.working_directory if install.whole_project else _environment(image, other)
            if is_heavy(install) and folder is not None and folder.is_relative_to(wanted):
                weight = facts.dependencies.installed_bytes(facts.project_of(image), install)
                weights.append(_UNKNOWN if weight is None else weight)
        if any(made.is_relative_to(wanted) for made in _made(image, other)):
            weights.append(_UNKNOWN)
    known = [weight for weight in weights if weight is not None]
    if _UNKNOWN in known:
        least = sum(weight for weight in known if weight != _UNKNOWN)
        return least if least >= _FELT else _UNKNOWN
    return sum(known) if known else None


def _made(image: ImageFacts, run: RunStep) -> Iterator[PurePosixPath]:
    """Folders that a step fills: by copying whole ones, with an environment, or with Django's static files."""
    for command in run.commands:
        if command.argv[1:3] == ("-m", "venv") and not command.argv[-1].startswith("-"):
            yield run.working_directory / command.argv[-1]
    for action in run.actions:
        if isinstance(action, CopyFiles) and _is_recursive(action):
            yield run.working_directory / action.destination
    static = image.source.stages.environment(run.stage).get("STATIC_ROOT", "")
    if static.startswith("/") and any("collectstatic" in command.argv for command in run.commands):
        yield PurePosixPath(static)


def _is_recursive(action: CopyFiles) -> bool:
    return any(
        word.startswith("-") and not word.startswith("--") and set("rRa") & set(word) for word in action.command.argv
    )


def _environment(image: ImageFacts, run: RunStep) -> PurePosixPath | None:
    named = image.source.stages.environment(run.stage).get("VIRTUAL_ENV")
    return PurePosixPath(named) if named else None


def _copied_bytes(context: ContextFacts, copy: CopyStep, wanted: PurePosixPath) -> int | None:
    """What a COPY puts at or below a path; None when that is nothing, or when nobody can tell that it is anything."""
    if copy.target.is_relative_to(wanted):
        if copy.origin is not None:
            return _UNKNOWN
        files = [(source.strip("/"), file) for source in copy.sources for file in context.files_at(source)]
        weight = sum(file.bytes for _, file in files)
        # A whole folder grows, however little it is today.
        grows = any(file.path != source for source, file in files)
        return _UNKNOWN if weight < _FELT and (grows or not weight) else weight
    if copy.origin is not None or not wanted.is_relative_to(copy.target):
        return None
    inside = wanted.relative_to(copy.target)
    found = [
        file.bytes
        for source in copy.sources
        for file in context.files_at(str(PurePosixPath(source.strip("/") or ".") / inside))
    ]
    return sum(found) if found else None


RULE = Rule(
    slug="duplicated-layer",
    topic=Topic.DUPLICATED_LAYER,
    summary="A recursive change of owner stores files twice",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
