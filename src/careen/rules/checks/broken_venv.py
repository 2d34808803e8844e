"""A virtual environment is copied to where its interpreter is not.

``bin/python`` of an environment is a link to the interpreter that made it, and packages lie in a folder named after
its minor version. In a stage whose interpreter has another place or version the link leads nowhere, or imports
fail: the container ends with "no such file or directory" before the first line of code. Scripts in ``bin`` name
their interpreter by its full path, so an environment must also keep its own path.

Both stages from the same Python image, and the same path on both sides of the COPY, are fine.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from careen.dockerfile.stages import ImageBase, Stage
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import ImageFacts, StackFacts
from careen.workspace.lifetimes import BasePython, base_python, system_python
from careen.workspace.steps import CopyStep

_NAMES = frozenset({".venv", "venv", "env", "virtualenv", ".virtualenv"})


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        for copy in image.copies:
            if not copy.in_image or copy.origin_stage is None or not _takes_environment(image, copy):
                continue
            made_by = _interpreter(image, copy.origin_stage)
            found_there = _interpreter(image, copy.stage)
            if made_by is None or found_there is None or _brings_interpreter(image, copy.origin_stage):
                continue
            if made_by.minor is not None and found_there.minor is not None and made_by.minor != found_there.minor:
                reason = f"it was made for Python 3.{made_by.minor}, and this stage has 3.{found_there.minor}"
            elif made_by.folder != found_there.folder:
                reason = (
                    f"its python is a link into {made_by.folder}, and this stage has Python in {found_there.folder}"
                )
            else:
                moved = _moved(copy)
                if moved is not None:
                    finding = rule.finding(
                        copy.place,
                        f"the environment moves from {moved[0]} to {moved[1]}, and its scripts name the old path",
                        fix=FixKind.SAFE,
                    )
                    yield replace(finding, confidence=Confidence.LIKELY, severity=Severity.MEDIUM)
                continue
            yield rule.finding(copy.place, f"the copied environment cannot start: {reason}", fix=FixKind.REVIEW)


def _environments(image: ImageFacts, stage: Stage) -> set[PurePosixPath]:
    """Where environments lie in a stage: by their names, by commands that make one, by variables that name one."""
    found: set[PurePosixPath] = set()
    ancestry = {ancestor.index for ancestor in image.source.stages.ancestry(stage)}
    variables = image.source.stages.environment(stage)
    for name in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"):
        if variables.get(name, "").startswith("/"):
            found.add(PurePosixPath(variables[name]))
    for run in image.runs:
        if run.stage.index not in ancestry:
            continue
        for command in run.commands:
            words = command.argv
            making = words[1:3] == ("-m", "venv") or command.name == "virtualenv" or words[:2] == ("uv", "venv")
            if making and not words[-1].startswith("-"):
                found.add(run.working_directory / words[-1])
    return found


def _takes_environment(image: ImageFacts, copy: CopyStep) -> bool:
    stage = copy.origin_stage
    if stage is None:
        return False
    known = _environments(image, stage)
    return any(PurePosixPath(source).name in _NAMES or PurePosixPath("/", source) in known for source in copy.sources)


def _interpreter(image: ImageFacts, stage: Stage) -> BasePython | None:
    """The Python of a stage: that of its base image, else the one that the distribution's package manager brought."""
    base = image.source.stages.image_base(stage)
    if not isinstance(base, ImageBase) or base.reference is None:
        return None
    found = base_python(base.reference)
    if found is not None:
        return found
    ancestry = {ancestor.index for ancestor in image.source.stages.ancestry(stage)}
    for run in image.runs:
        if run.stage.index in ancestry:
            for install in run.installs():
                if install.manager in {"apt", "apk"} and any(name.startswith("python3") for name in install.packages):
                    return system_python(base.reference)
    return None


def _brings_interpreter(image: ImageFacts, stage: Stage) -> bool:
    """Whether an interpreter of uv's own, or one made on the spot, may be what the environment links to."""
    ancestry = {ancestor.index for ancestor in image.source.stages.ancestry(stage)}
    variables = image.source.stages.environment(stage)
    if variables.get("UV_PYTHON_PREFERENCE") == "only-managed" or "UV_PYTHON_INSTALL_DIR" in variables:
        return True
    return any(
        command.argv[:3] == ("uv", "python", "install") or "--copies" in command.argv or "--relocatable" in command.argv
        for run in image.runs
        if run.stage.index in ancestry
        for command in run.commands
    )


def _moved(copy: CopyStep) -> tuple[str, str] | None:
    if len(copy.sources) != 1:
        return None
    source = PurePosixPath("/", copy.sources[0])
    return None if source == copy.target else (str(source), str(copy.target))


RULE = Rule(
    slug="broken-venv",
    topic=Topic.BROKEN_VENV,
    summary="A copied virtual environment does not find its interpreter",
    severity=Severity.HIGH,
    confidence=Confidence.LIKELY,
    since="0.1.0",
    check=check,
)
