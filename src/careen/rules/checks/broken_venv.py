"""A virtual environment is copied to where its interpreter is not.

``bin/python`` of an environment is a link to the interpreter that made it, and packages lie in a folder named after
its minor version. In a stage whose interpreter has another place or version the link leads nowhere, or imports
fail: the container ends with "no such file or directory" before the first line of code. Scripts in ``bin`` name
their interpreter by its full path, so an environment must also keep its own path.

The same holds for an interpreter that uv fetched in the one stage, for a stage without Python, and between Alpine and
the others, whose C libraries differ. Both stages from the same Python image, and the same path on both sides of the
COPY, are fine.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from careen.dockerfile.stages import ImageBase, ScratchBase, Stage
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import ImageFacts, StackFacts
from careen.workspace.lifetimes import BasePython, base_python, system_python
from careen.workspace.steps import CopyStep

_MINOR = re.compile(r"(?:python)?3\.(?P<minor>\d+)(?:\.\d+)?")
_NAMES = frozenset({".venv", "venv", "env", "virtualenv", ".virtualenv"})


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        for copy in image.copies:
            if not copy.in_image or copy.origin_stage is None or not _takes_environment(image, copy):
                continue
            if _brings_interpreter(image, copy.origin_stage):
                continue
            made_by = _interpreter(image, copy.origin_stage)
            found_there = _interpreter(image, copy.stage)
            if found_there is None and _is_bare(image, copy):
                reason = "this stage has no Python at all"
            elif found_there is not None and _is_fetched(image, copy.origin_stage, made_by):
                reason = "uv fetched an interpreter of its own for it, which stays behind in the other stage"
            elif made_by is None or found_there is None:
                continue
            elif made_by.minor is not None and found_there.minor is not None and made_by.minor != found_there.minor:
                reason = f"it was made for Python 3.{made_by.minor}, and this stage has 3.{found_there.minor}"
            elif _is_musl(image, copy.origin_stage) != _is_musl(image, copy.stage):
                reason = (
                    "Alpine's C library is another one, and what was compiled for the one does not load in the other"
                )
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
            fails = "does not work" if reason.startswith("Alpine") else "cannot start"
            yield rule.finding(copy.place, f"the copied environment {fails}: {reason}", fix=FixKind.REVIEW)


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
            if words[:2] == ("uv", "sync") and not variables.get("UV_PROJECT_ENVIRONMENT"):
                found.add(run.working_directory / ".venv")
            making = words[1:3] == ("-m", "venv") or command.name == "virtualenv" or words[:2] == ("uv", "venv")
            if making and not words[-1].startswith("-"):
                found.add(run.working_directory / words[-1])
    return found


def _takes_environment(image: ImageFacts, copy: CopyStep) -> bool:
    stage = copy.origin_stage
    if stage is None:
        return False
    known = _environments(image, stage)
    return any(
        PurePosixPath(source).name in _NAMES
        or any(environment.is_relative_to(PurePosixPath("/", source)) for environment in known)
        for source in copy.sources
    )


def _is_bare(image: ImageFacts, copy: CopyStep) -> bool:
    """Whether the stage stands on a distribution without Python, and nothing brings one."""
    base = image.source.stages.image_base(copy.stage)
    if isinstance(base, ScratchBase):
        return False
    name = (base.reference or "").partition("@")[0]
    family, _, tag = name.rpartition("/")[2].partition(":")
    if family not in {"debian", "ubuntu", "alpine", "busybox"} or not tag:
        return False
    ancestry = {ancestor.index for ancestor in image.source.stages.ancestry(copy.stage)}
    runs = [run for run in image.runs if run.stage.index in ancestry]
    brought = any(
        other.stage.index in ancestry and other is not copy and other.origin is not None for other in image.copies
    )
    return not brought and not any(
        "python" in word for run in runs for command in run.commands for word in command.argv
    )


def _is_fetched(image: ImageFacts, stage: Stage, python: BasePython | None) -> bool:
    """Whether uv fetched the interpreter: on its own image without Python, or for a version that the base has not."""
    ancestry = {ancestor.index for ancestor in image.source.stages.ancestry(stage)}
    commands = [command for run in image.runs if run.stage.index in ancestry for command in run.commands]
    makes = [command.argv for command in commands if command.argv[:2] in {("uv", "sync"), ("uv", "venv")}]
    if not makes or image.source.stages.environment(stage).get("UV_PYTHON_DOWNLOADS", "") in {"never", "0", "false"}:
        return False
    base = image.source.stages.image_base(stage)
    if python is None:
        reference = base.reference if isinstance(base, ImageBase) else None
        return reference is not None and "astral-sh/uv:" in reference
    asked = [words[index + 1] for words in makes for index, word in enumerate(words[:-1]) if word in {"-p", "--python"}]
    return any(
        (match := _MINOR.fullmatch(version)) is not None and python.minor not in {None, int(match["minor"])}
        for version in asked
    )


def _is_musl(image: ImageFacts, stage: Stage) -> bool:
    base = image.source.stages.image_base(stage)
    return isinstance(base, ImageBase) and "alpine" in (base.reference or "")


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
    if source.name not in _NAMES and not (copy.target.name in _NAMES or "venv" in source.name):
        return None
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
