"""The application is copied before its dependencies are installed.

Then every change of a line of code installs everything again, and every host pulls all dependencies again. Copy (or
bind-mount) the manifest and the lock first, install, and copy the code after.

An image that installs its dependencies first and the project itself after the code is fine, and so is one whose base
has them already: another Dockerfile of the repository, in a folder of the base's name. Programs that the building
steps run are no code of the application either.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from careen.dockerfile.mounts import Mount
from careen.dockerfile.stages import ImageBase
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import ContextFacts, ImageFacts, StackFacts
from careen.workspace.installers import PYTHON_INSTALLERS, is_heavy
from careen.workspace.steps import CopyStep, RunStep

_MANIFEST_NAMES = (
    "pyproject.toml uv.lock poetry.lock pylock.toml pdm.lock pipfile pipfile.lock readme.md readme.rst setup.py "
    "setup.cfg .python-version license license.md constraints.txt manifest.in poetry.toml uv.toml pip.conf hatch.toml "
    "version package.json package-lock.json yarn.lock pnpm-lock.yaml makefile justfile"
)
_NO_CODE = (".txt", ".toml", ".lock", ".cfg", ".sh")
_MANIFESTS = frozenset(_MANIFEST_NAMES.split())


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for context in facts.contexts:
        for image in context.images:
            if _stands_on_dependencies(facts, image):
                continue
            for run, manager in _first_installs(image):
                if any(_binds_all(mount) for mount in run.mounts):
                    yield rule.finding(
                        run.place,
                        f"{manager} installs with the whole context bound: every change of any file installs everything"
                        " again",
                        fix=FixKind.REVIEW,
                    )
                    continue
                copy = next(
                    (
                        copy
                        for copy in image.copies
                        if image.precedes(copy, run) and _brings_code(context, copy) and not _are_run(copy, image)
                    ),
                    None,
                )
                if copy is not None:
                    yield rule.finding(
                        copy.place,
                        f"the code is copied before {manager} installs (line {run.place.line}): "
                        "every change of code installs everything again",
                        fix=FixKind.SAFE,
                    )


def _stands_on_dependencies(facts: StackFacts, image: ImageFacts) -> bool:
    """Whether the base is the project's own and installs: ``shop/base-python-deps`` of the folder ``python-deps``."""
    if not isinstance(image.base, ImageBase) or image.known_base is not None:
        return False
    name = (image.base.reference or image.base.written).rpartition("/")[2].partition("@")[0].partition(":")[0]
    for other in facts.images:
        folder = other.source.dockerfile_path.parent.name
        if other is not image and folder and (name == folder or name.endswith(f"-{folder}")):
            return any(each.manager in PYTHON_INSTALLERS and is_heavy(each) for _, each in other.installs)
    return False


def _binds_all(mount: Mount) -> bool:
    return mount.kind == "bind" and mount.source_stage is None and (mount.source or "").strip("/") in {"", "."}


def _first_installs(image: ImageFacts) -> Iterator[tuple[RunStep, str]]:
    """The first heavy install of each line of stages: what comes later finds dependencies in place."""
    served: list[RunStep] = []
    for run in image.runs:
        install = next((each for each in run.installs() if each.manager in PYTHON_INSTALLERS and is_heavy(each)), None)
        if install is None or any(image.precedes(earlier, run) for earlier in served):
            continue
        served.append(run)
        yield run, install.manager


def _are_run(copy: CopyStep, image: ImageFacts) -> bool:
    """Whether every module that is copied is one that some RUN names: ``python /tools/patch.py``."""
    names = [PurePosixPath(source).name for source in copy.sources]
    texts = [run.instruction.line.text.split() for run in image.runs]
    modules = [name for name in names if not name.endswith(_NO_CODE)]
    return all(name.endswith(".py") and any(str(copy.target / name) in text for text in texts) for name in modules)


def _brings_code(context: ContextFacts, copy: CopyStep) -> bool:
    """Whether a change of a module changes what this COPY brings."""
    if copy.origin is not None:
        return False
    if copy.takes_whole_context:
        return True
    for source in copy.sources:
        name = source.rstrip("/").rpartition("/")[2].lower()
        if name.rstrip("*") in _MANIFESTS or "requirements" in source.lower() or "uv.lock" in name:
            continue
        files = context.files_at(source)
        code = [
            file
            for file in files
            if file.path.endswith(".py")
            and not file.path.endswith(("setup.py", "/_version.py"))
            and not f"/{file.path}".rpartition("/")[0].endswith("/bin")  # commands, no modules
        ]
        if (
            len(code) > 1
            or (code and len(files) > 1)
            or any(file.path.count("/") and file.bytes > _STUB for file in code)
        ):
            return True
    return False


_STUB = 2000
"""Bytes; a small module is often copied alone so that the build backend finds the version in it."""


RULE = Rule(
    slug="no-dependency-layer",
    topic=Topic.NO_DEPENDENCY_LAYER,
    summary="Dependencies have no layer of their own",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
