"""Dependencies are installed in the very stage that is shipped.

What installing needs stays in the image: the installer, its cache, headers, compilers. Install in a stage of its
own and copy the environment from it. A stage that only inherits the installing one (``FROM builder``) does not help:
it ships every layer of it.

Installing wheels that another stage built, from a folder and without an index, is fine, and so is an image that is
built for developers and says so in the name of its stage or file.
"""

from collections.abc import Iterator

from careen.dockerfile.actions import Install
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import ImageFacts, StackFacts
from careen.workspace.installers import PYTHON_INSTALLERS, is_heavy
from careen.workspace.steps import RunStep


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        if image.stage_is_for_development:
            continue
        for run, install in image.installs:
            if not run.in_image or install.manager not in PYTHON_INSTALLERS | {"conda"}:
                continue
            if not is_heavy(install) and (image.is_multi_stage or not install.packages):
                continue
            if _from_another_stage(image, run, install):
                continue
            inherited = run.stage.index != image.source.shipped.index
            how = (
                f"stage {run.stage.name or run.stage.index}, which is shipped by inheritance"
                if inherited
                else "the stage that is shipped"
            )
            yield rule.finding(
                image.base_place,
                f"{install.manager} installs into {how} (line {run.place.line}), "
                "so everything that installing needs is shipped too",
                fix=FixKind.REVIEW,
            )
            break


def _from_another_stage(image: ImageFacts, run: RunStep, install: Install) -> bool:
    """Whether the distributions come as wheels from a stage that is not shipped."""
    folders = [
        *(run.working_directory / (mount.target or "") for mount in run.mounts if mount.source_stage is not None),
        *(copy.target for copy in image.copies if copy.origin_stage is not None and image.precedes(copy, run)),
    ]
    local = [run.working_directory / package for package in install.packages if _is_local(package)]
    wheels = len(local) == len(install.packages) and not install.requirement_files and not install.installs_project
    if wheels and local:
        return all(any(path.is_relative_to(folder) for folder in folders) for path in local)
    return bool(folders) and not {"--no-index", "--find-links"}.isdisjoint(install.options)


def _is_local(package: str) -> bool:
    return package.startswith(("/", "./", "*")) or package.endswith(".whl")


RULE = Rule(
    slug="no-multi-stage",
    topic=Topic.NO_MULTI_STAGE,
    summary="Installing and shipping happen in one stage",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
