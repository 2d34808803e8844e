"""A cache mount that keeps nothing.

It is mounted where the installer does not look, or the installer is told to keep no downloads, or it may not write
there. The build then downloads everything each time, while everybody believes otherwise: one project's dependency
layer took sixteen minutes for months, because the mount's path was wrong.

A mount at a folder above the installer's own is fine; so is one for a second installer in the same step.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from careen.dockerfile.actions import CleanUp, Install
from careen.dockerfile.mounts import Mount
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts
from careen.workspace.installers import PYTHON_INSTALLERS, cache_folder, keeps_nothing
from careen.workspace.steps import RunStep

_LONGEST_CLEAN_UP = 5
"""Words: ``uv cache clean``, ``python -m pip cache purge``; with names behind it only those go."""
_OTHER_CACHES = (
    "npm yarn pnpm bun node_modules next go go-build mod cargo registry target apt lib apk dnf huggingface ccache "
    "sccache maven m2 gradle playwright nltk_data"
)
_OTHER_WORDS = frozenset(_OTHER_CACHES.split())


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        for run in image.runs:
            caches = [mount for mount in run.mounts if mount.kind == "cache" and mount.target]
            installs = [install for install in run.installs() if install.manager in PYTHON_INSTALLERS | {"apt"}]
            if not caches or not installs:
                continue
            environment = image.source.stages.environment_at(run.stage, run.instruction)
            for install in installs:
                reason = _reason(run, install, caches, environment)
                if reason is not None:
                    finding = rule.finding(run.place, reason, fix=FixKind.SAFE)
                    known_user = (run.user or "root").partition(":")[0] in {"root", "0"}
                    yield finding if known_user else replace(finding, confidence=Confidence.LIKELY)
                    break


def _reason(run: RunStep, install: Install, caches: list[Mount], environment: Mapping[str, str]) -> str | None:
    folder = cache_folder(install, run, environment)
    if folder is None:
        return None
    targets = [_absolute(mount.target or "", run) for mount in caches]
    covering = [
        mount
        for mount, target in zip(caches, targets, strict=True)
        if folder.is_relative_to(target) or target.is_relative_to(folder)
    ]
    if not covering:
        if any(_is_for_other_things(target, run, install) for target in targets):
            return None
        where = ", ".join(map(str, targets))
        return (
            f"the cache is mounted at {where}, and {install.manager} keeps its downloads in {folder}: nothing is kept"
        )
    off = keeps_nothing(install, environment)
    if off is not None and install.manager != "apt":
        return f"{off} tells {install.manager} to keep no downloads, so the cache mount stays empty"
    emptied = _emptied(run, install, folder)
    if emptied is not None:
        return f"`{emptied}` empties the cache mount in the same step"
    if install.manager != "apt" and not any(_may_write(mount, run) for mount in covering):
        return f"the cache mount belongs to root, and {run.user} installs: {install.manager} cannot keep anything there"
    if install.manager == "apt" and folder in {_absolute(m.target or "", run) for m in covering}:
        touched = "docker-clean" in run.instruction.line.text or "Keep-Downloaded-Packages" in run.instruction.line.text
        return None if touched else _docker_clean(run)
    return None


def _emptied(run: RunStep, install: Install, folder: PurePosixPath) -> str | None:
    """The command that removes what the mount has, as ``rm -rf /root/.cache`` and ``uv cache clean`` do."""
    for action in run.actions:
        if not isinstance(action, CleanUp):
            continue
        words = action.command.argv
        removed = [run.working_directory / path.removesuffix("/*") for path in action.paths]
        own = install.manager in words[:3] or (words[0].startswith("/") and install.manager in words[0])
        cleaned = own and "cache" in words[:4] and ("clean" in words or "purge" in words) and not action.packages
        if (cleaned and len(words) <= _LONGEST_CLEAN_UP) or any(folder.is_relative_to(path) for path in removed):
            return " ".join(words)
    return None


def _may_write(mount: Mount, run: RunStep) -> bool:
    """Whether the user of a step may write into a cache mount, which is root's with mode 0755 unless told otherwise."""
    name = (run.user or "root").partition(":")[0]
    if name in {"root", "0"} or mount.owner not in {None, "0", "root"}:
        return True
    return mount.mode is not None and mount.mode[-1:] in {"2", "3", "6", "7"}


def _docker_clean(run: RunStep) -> str | None:
    """Debian's and Ubuntu's images have apt delete what it downloaded, unless an earlier step changed that."""
    text = run.source.text[: run.instruction.span.start]
    if "docker-clean" in text or "Keep-Downloaded-Packages" in text:
        return None
    return "the image's own docker-clean makes apt delete its downloads, so the cache mount stays empty"


def _absolute(target: str, run: RunStep) -> PurePosixPath:
    return run.working_directory / target  # BuildKit expands no `~`


def _is_for_other_things(target: PurePosixPath, run: RunStep, install: Install) -> bool:
    """A cache of something else, which says nothing about this installer."""
    words = {part.lstrip(".") for part in target.parts}
    if install.manager == "apt":
        return "apt" not in words
    others = {other.manager for other in run.installs()} - {install.manager}
    return bool(words & (_OTHER_WORDS | others)) and install.manager not in words


RULE = Rule(
    slug="ineffective-cache-mount",
    topic=Topic.INEFFECTIVE_CACHE_MOUNT,
    summary="A cache mount keeps nothing",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
