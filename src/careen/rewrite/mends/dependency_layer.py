"""The lock is copied and installed before the code, so that a change of code leaves the dependencies alone."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from careen.dockerfile.actions import Install
from careen.findings import Finding, FixKind, Topic
from careen.rewrite.mends.cache_mounts import CACHES
from careen.rewrite.mends.dev_dependencies import without_development
from careen.rewrite.mends.mend import (
    Mend,
    Outcome,
    Topical,
    command_span,
    copy_at,
    lines_before,
    refusal,
    source_of,
    without,
)
from careen.text.edits import Edit
from careen.workspace.facts import ImageFacts, StackFacts
from careen.workspace.steps import CopyStep, RunStep

_LOCKS = {"uv": ("pyproject.toml", "uv.lock"), "poetry": ("pyproject.toml", "poetry.lock")}
_ONLY_DEPENDENCIES = {"uv": "--no-install-project", "poetry": "--no-root"}
_HINT = "copy the lock, install, then copy the code"


def mend(finding: Finding, facts: StackFacts) -> Iterator[Outcome]:
    found = copy_at(facts, finding)
    if found is None:
        return
    image, copy = found
    step = _installing(image, copy)
    if step is None:
        yield refusal(finding, "the step that installs could not be told apart", _HINT)
        return
    run, install = step
    edits = _ahead(facts, image, copy, run, install)
    if edits is None:
        yield refusal(finding, f"the step at line {run.place.line} does more than install what the lock says", _HINT)
        return
    yield Mend(
        finding=finding,
        path=source_of(image).path,
        line=copy.place.line,
        edits=edits,
        disposition=FixKind.SAFE,
        why="a change of code does not install the dependencies again",
    )


def _installing(image: ImageFacts, copy: CopyStep) -> tuple[RunStep, Install] | None:
    for run in image.runs:
        for install in run.installs():
            heavy = install.whole_project or bool(install.requirement_files)
            if heavy and install.manager in {"uv", "poetry", "pip"} and image.precedes(copy, run):
                return run, install
    return None


def _ahead(
    facts: StackFacts, image: ImageFacts, copy: CopyStep, run: RunStep, install: Install
) -> tuple[Edit, ...] | None:
    source = source_of(image)
    span = command_span(run.instruction, install.command)
    if span is None or copy.stage.index != run.stage.index or run.scripts:
        return None
    flags = "".join(f"{flag.text} " for flag in run.instruction.flags)
    if install.manager in CACHES and "type=cache" not in flags and run.user in {None, "root", "0"}:
        flags = f"--mount=type=cache,target={CACHES[install.manager]} {flags}"
    written = " ".join(source.slice(span).replace("\\\n", " ").replace("\\\r\n", " ").split())
    if install.whole_project:
        if len(run.commands) != 1:
            return None  # what stands beside it may be what installing needs: the installer, its settings
        files = [name for name in _LOCKS[install.manager] if _is_there(facts, image, name)]
        if len(files) < 2:
            return None
        if install.development:
            written = without_development(install.manager, written) or written
        only = _ONLY_DEPENDENCIES[install.manager]
        command = written if only in written else f"{written} {only}"
        return (
            lines_before(
                source, copy.instruction, f"COPY {' '.join(files)} {run.working_directory}/", f"RUN {flags}{command}"
            ),
        )
    return _requirements(facts, image, copy, run, install, f"RUN {flags}{written}")


def _requirements(
    facts: StackFacts, image: ImageFacts, copy: CopyStep, run: RunStep, install: Install, step: str
) -> tuple[Edit, ...] | None:
    """``pip install -r``: the step itself moves in front of the code."""
    if len(run.commands) != 1 or install.packages or install.installs_project:
        return None
    source = source_of(image)
    lines: list[str] = []
    for name in install.requirement_files:
        path = PurePosixPath(name)
        if path.is_absolute() or not _is_there(facts, image, name):
            return None
        folder = path.parent
        copied = f"{folder}/" if folder != PurePosixPath() else f"{name}"
        target = run.working_directory / folder
        lines.append(f"COPY {copied} {target}/")
    return (
        lines_before(source, copy.instruction, *dict.fromkeys(lines), step),
        without(source, run.instruction),
    )


def _is_there(facts: StackFacts, image: ImageFacts, name: str) -> bool:
    return facts.workspace.files.exists(image.source.context / name)


MENDER = Topical(Topic.NO_DEPENDENCY_LAYER, mend)
