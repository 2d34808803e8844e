"""The image carries the CUDA build of a library, and no service has a GPU.

On Linux the plain ``torch`` from the package index is the CUDA build: with the nvidia libraries it needs it is 2.8 GB
at least, several times the rest of most images. Without a GPU nothing of that runs. The CPU build comes from its own
index, which uv is told by an index and a source entry in pyproject.toml, pip by ``--index-url``.

A service that reserves a GPU in compose, or stands on a CUDA base, may need it and is not told of; that another
service of the stack has a GPU makes no difference.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from careen.dockerfile.stages import ImageBase
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.text.units import format_bytes
from careen.workspace.facts import ImageFacts, StackFacts
from careen.workspace.installers import PYTHON_INSTALLERS
from careen.workspace.known_bases import BaseKind
from careen.workspace.steps import RunStep


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        if _has_gpu(facts, image):
            continue
        found = _first(facts, image)
        if found is None:
            continue
        run, message, count, confidence = found
        finding = rule.finding(run.place, message, bytes=count, fix=FixKind.REVIEW)
        yield replace(finding, confidence=confidence)


def _first(facts: StackFacts, image: ImageFacts) -> tuple[RunStep, str, int, Confidence] | None:
    for run, install in image.installs:
        # What a build argument switches on is somebody's choice.
        if install.manager not in PYTHON_INSTALLERS | {"conda"} or install.command.conditional:
            continue
        if not (run.in_image or _taken_from(image, run)):
            continue
        found = facts.dependencies.gpu_build(image.source, facts.project_of(image), install)
        if found is not None and not _told_otherwise(image):
            weight = f"at least {format_bytes(found.bytes)}"
            message = f"{found.reason}: {weight} of CUDA libraries, and no service that runs it has a GPU"
            return run, message, found.bytes, Confidence.CERTAIN if found.locked else Confidence.LIKELY
    return None


def _taken_from(image: ImageFacts, run: RunStep) -> bool:
    """Whether a folder of the stage, or of one that inherits it, is taken: a single file is no environment."""
    for copy in image.copies:
        if copy.origin_stage is None or run.stage not in image.source.stages.ancestry(copy.origin_stage):
            continue
        if any(not PurePosixPath(source).suffix.strip(".0123456789") for source in copy.sources):
            return True
    return False


def _told_otherwise(image: ImageFacts) -> bool:
    """Whether an index of CPU builds is named in this install, in an earlier one, or in a variable."""
    words = [word for _, other in image.installs for word in other.command.argv]
    words += [word for run in image.runs if run.scripts for command in run.commands for word in command.argv]
    words += image.environment.values()
    for run, _ in image.installs:  # a builder's variables are not the image's
        words += image.source.stages.environment(run.stage).values()
    return any("/cpu" in word or word in {"--torch-backend=cpu", "cpu"} or "+cpu" in word for word in words)


def _has_gpu(facts: StackFacts, image: ImageFacts) -> bool:
    if image.known_base is not None and image.known_base.kind in {BaseKind.GPU_RUNTIME, BaseKind.GPU_DEVELOPMENT}:
        return True
    name = (image.base.reference or image.base.written) if isinstance(image.base, ImageBase) else ""
    if any(word in name.lower() for word in ("cuda", "nvidia", "rocm", "neuron", "pytorch", "tritonserver", "vllm")):
        return True
    return any(
        service.service.compose is not None and service.service.compose.limits.gpus
        for service in facts.services
        if service.image is image
    )


RULE = Rule(
    slug="unreachable-gpu-build",
    topic=Topic.UNREACHABLE_GPU_BUILD,
    summary="A CUDA build is shipped where there is no GPU",
    severity=Severity.HIGH,
    confidence=Confidence.LIKELY,
    since="0.1.0",
    check=check,
)
