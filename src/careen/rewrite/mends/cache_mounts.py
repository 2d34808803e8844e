"""``RUN --mount=type=cache`` at the place where the installer of the step keeps its cache."""

import re
from collections.abc import Iterator

from careen.dockerfile.tree import Instruction
from careen.findings import Finding, FixKind, Topic
from careen.rewrite.mends.mend import (
    Mend,
    Outcome,
    Topical,
    after_keyword,
    command_span,
    lines_before,
    refusal,
    run_at,
    source_of,
)
from careen.text.edits import Edit
from careen.text.source import Span
from careen.workspace.facts import ImageFacts, StackFacts
from careen.workspace.steps import RunStep

CACHES = {
    "uv": "/root/.cache/uv",
    "pip": "/root/.cache/pip",
    "poetry": "/root/.cache/pypoetry",
    "pdm": "/root/.cache/pdm",
    "pipenv": "/root/.cache/pipenv",
}
_OFF = re.compile(r"\s--no-cache(?:-dir)?(?=\s|$)")
_SWITCHES = ("PIP_NO_CACHE_DIR", "UV_NO_CACHE", "POETRY_CACHE_DIR", "UV_CACHE_DIR", "PIP_CACHE_DIR")


def mend(finding: Finding, facts: StackFacts) -> Iterator[Outcome]:
    found = run_at(facts, finding)
    if found is None:
        return
    image, run = found
    environment = image.source.stages.environment_at(run.stage, run.instruction)
    install = next((each for each in run.installs() if each.manager in CACHES), None)
    if install is None:
        return
    if run.user not in {None, "root", "0"}:
        yield refusal(finding, f"the cache of {run.user} is not where root's is", "mount the cache by hand")
        return
    switched = [name for name in _SWITCHES if name in environment]
    if switched:
        yield refusal(finding, f"{switched[0]} says where the cache is, or that there is none", "take it out first")
        return
    source = source_of(image)
    edits = [after_keyword(run.instruction, f"--mount=type=cache,target={CACHES[install.manager]}")]
    for each in run.installs():  # one that keeps nothing leaves the mount as it found it
        span = command_span(run.instruction, each.command) if each.manager == install.manager else None
        off = _OFF.search(source.slice(span)) if span is not None else None
        if span is not None and off is not None:
            edits.append(Edit(Span(span.start + off.start(), span.start + off.end()), ""))
    if install.manager == "uv" and "UV_LINK_MODE" not in environment and "--link-mode" not in install.options:
        # The cache is another file system than the image: links cannot cross, and uv would warn at every file.
        edits.append(lines_before(source, _first_of_stage(image, run), "ENV UV_LINK_MODE=copy"))
    yield Mend(
        finding=finding,
        path=source.path,
        line=run.place.line,
        edits=tuple(edits),
        disposition=FixKind.SAFE,
        why=f"{install.manager} keeps what it downloaded from build to build",
    )


def _first_of_stage(image: ImageFacts, run: RunStep) -> Instruction:
    """The COPY that comes first before a step, in front of which another repair may install too; else the step."""
    before = [
        copy
        for copy in image.copies
        if copy.stage.index == run.stage.index and copy.origin is None and copy.order < run.order
    ]
    return min(before, key=lambda copy: copy.order).instruction if before else run.instruction


MENDER = Topical(Topic.NO_CACHE_MOUNT, mend)
