"""The installer stays in the shipped image.

uv alone is about 50 MB; poetry, pipenv and their caches are more. Nothing in a finished image installs anything,
except an intruder. Install in a stage of its own, or mount the installer for the one step that needs it:
``RUN --mount=from=ghcr.io/astral-sh/uv:0.9,source=/uv,target=/bin/uv uv sync``.

pip is part of Python's images and not told of here; an image that starts its service with ``uv run`` is: the service
can be started directly. Of stages for development nothing is told.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from careen.dockerfile.actions import CleanUp, Download, Install
from careen.dockerfile.stages import ImageBase
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import ImageFacts, StackFacts
from careen.workspace.known_bases import BaseKind, known_base
from careen.workspace.steps import CopyStep, RunStep

_INSTALLERS = {"uv": 50_000_000, "poetry": 80_000_000, "pdm": 60_000_000, "pipenv": 60_000_000}
_SCRIPTS = (
    ("astral.sh/uv", "uv"),
    ("install.python-poetry.org", "poetry"),
    ("pdm-project.org", "pdm"),
    ("get-poetry", "poetry"),
)


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        if image.stage_is_for_development:
            continue
        told: set[str] = set()
        base = image.known_base
        if base is not None and base.kind is BaseKind.INSTALLER:
            told.add("uv")
            yield rule.finding(
                image.base_place,
                "uv stays in the shipped image: it comes with the base",
                bytes=_INSTALLERS["uv"],
                fix=FixKind.REVIEW,
            )
        for run in image.runs:
            for name in _installed(run) if run.in_image else ():
                if name not in told:
                    told.add(name)
                    yield rule.finding(
                        run.place, f"{name} stays in the shipped image", bytes=_INSTALLERS[name], fix=FixKind.REVIEW
                    )
        yield from _copied(rule, image, told)
        if base is None and (image.source.shipped.name or "") not in {"build", "builder"}:
            yield from _used(rule, image, told)


def _copied(rule: Rule, image: ImageFacts, told: set[str]) -> Iterator[Finding]:
    for copy in image.copies:
        names = {source.rstrip("/").rpartition("/")[2] for source in copy.sources}
        if copy.in_image and copy.origin is not None:
            brought = {*names.intersection(_INSTALLERS), *_along(image, copy)} - {"uv", *told}
            for name in sorted(brought):
                told.add(name)
                yield rule.finding(
                    copy.place, f"{name} stays in the shipped image", bytes=_INSTALLERS[name], fix=FixKind.REVIEW
                )
        brings = (
            "uv" in _along(image, copy)
            or names & {"uv", "uvx"}
            or (copy.target.name == "uv" and copy.origin is not None and "uv" in copy.origin)
        )
        if copy.in_image and copy.origin is not None and brings and "uv" not in told:
            told.add("uv")
            yield rule.finding(copy.place, "uv stays in the shipped image", bytes=_INSTALLERS["uv"], fix=FixKind.REVIEW)


def _along(image: ImageFacts, copy: CopyStep) -> set[str]:
    """Installers that lie in a folder which is copied as a whole: ``COPY --from=build /usr/local /usr/local``."""
    stage = copy.origin_stage
    if stage is None or not any(
        PurePosixPath("/usr/local/bin").is_relative_to(PurePosixPath("/", source)) for source in copy.sources
    ):
        return set()
    ancestry = {ancestor.index for ancestor in image.source.stages.ancestry(stage)}
    runs = [run for run in image.runs if run.stage.index in ancestry]
    found = {name for run in runs for name in _installed(run)}
    base = image.source.stages.image_base(stage)
    known = known_base(base.reference) if isinstance(base, ImageBase) and base.reference else None
    if known is not None:
        return found | ({"uv"} if known.kind is BaseKind.INSTALLER else set())
    placed = any(copy.stage.index in ancestry and copy.target.name in {"uv", "bin"} for copy in image.copies)
    return found if placed else found | {install.manager for run in runs for install in _own(run)}


def _own(run: RunStep) -> Iterator[Install]:
    """Installs by an installer that no mount brings for this step."""
    mounted = any(mount.kind == "bind" and "uv" in mount.target for mount in run.mounts if mount.target)
    return (install for install in run.installs() if install.manager in _INSTALLERS and not mounted)


def _used(rule: Rule, image: ImageFacts, told: set[str]) -> Iterator[Finding]:
    """An installer that nobody brought, and that the shipped stage runs all the same: it is part of the base."""
    for run in image.runs:
        if not run.in_image:
            continue
        for install in _own(run):
            if install.manager not in told:
                told.add(install.manager)
                message = f"{install.manager} stays in the shipped image: it comes with the base"
                yield rule.finding(run.place, message, bytes=_INSTALLERS[install.manager], fix=FixKind.REVIEW)


def _installed(run: RunStep) -> Iterator[str]:
    removed = {package for action in run.actions if isinstance(action, CleanUp) for package in action.packages}
    for install in run.installs():
        if install.manager in {"pip", "uv", "apt", "apk", "pipx"}:
            for package in install.packages:
                name = _bare(package)
                if name in _INSTALLERS and name not in removed:
                    yield name
    for action in run.actions:
        if isinstance(action, Download):
            yield from (name for part, name in _SCRIPTS if any(part in url for url in action.urls))


def _bare(package: str) -> str:
    name = package.strip("\"'")
    for mark in "=[<>~!;@ ":
        name = name.partition(mark)[0]
    return name


RULE = Rule(
    slug="installer-left-in",
    topic=Topic.INSTALLER_LEFT_IN,
    summary="The installer is shipped",
    severity=Severity.LOW,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
