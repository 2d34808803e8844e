"""Development dependencies are installed into the shipped image: linters, notebooks, test runners.

uv installs the group ``dev`` unless it is told not to (``--no-dev``, ``UV_NO_DEV=1``), and ``--all-groups`` brings
every other one too; poetry installs every group that is not optional. Nobody runs them there, everybody pulls them,
and each is one more thing to keep free of known flaws.

A project without such groups is not told of, nor is an image that is built for development and says so in the name
of its stage or file.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from careen.dockerfile.actions import Install
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import ImageFacts, StackFacts
from careen.workspace.model import PythonProject
from careen.workspace.steps import RunStep

_FILE = re.compile(r"(?:^|[-_./])(?:dev|develop|development|tests?|testing|lint|linting|docs?)(?:[-_./]|$)")
_ENVIRONMENTS = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONUSERBASE", "PIP_TARGET", "PIP_PREFIX", "PYTHONPATH")
_PLACES = frozenset({"venv", "virtualenv", "--prefix", "--target", "-t", "--root", "--python"})
_GROUPS = re.compile(r"group|extra", re.IGNORECASE)
_DECIDED_LATER = re.compile(r"(?:\$\(|`).*--(?:no-dev|no-default-groups|no-group|only-group|without|only)\b", re.DOTALL)
"""A word such as ``$(test "$ENVIRONMENT" = dev || echo --no-dev)``."""
_EXTRA = frozenset({"dev", "develop", "development", "test", "tests", "testing", "lint", "docs", "all-dev"})


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        if image.stage_is_for_development:
            continue
        project = facts.project_of(image)
        for run, install in image.installs:
            if install.manager in {"npm", "apt", "apk", "dnf", "conda"} or not _ships(image, run):
                continue
            if any(_DECIDED_LATER.search(word) for word in install.command.argv):
                continue
            environment = image.source.stages.environment(run.stage)
            what = _by_files(facts, image, install) or _development(install, project, environment)
            if what is not None:
                yield rule.finding(
                    run.place_of(install.command),
                    f"{install.manager} installs {what} into the image",
                    bytes=facts.dependencies.development_bytes(project, install) if project is not None else None,
                    fix=FixKind.REVIEW if _asked_for(install) else FixKind.SAFE,
                )
        yield from _by_way_of_a_list(rule, image, project)
        yield from _by_argument(rule, image)


def _development(install: Install, project: PythonProject | None, environment: Mapping[str, str]) -> str | None:
    """What comes along that only developers need; None when nothing does."""
    asked_for = _asked_for(install)
    if asked_for:
        return f"the group {asked_for[0]}"
    extra = next((extra for extra in install.extras if extra in _EXTRA), None)
    if extra is not None:
        return f"the extra {extra}"
    if install.manager in {"pip", "uv"} and not install.whole_project:
        extras = [extra for package in install.packages for extra in _extras(package) if extra in _EXTRA]
        return f"the extra {extras[0]}" if extras else None
    if not install.development:
        return None
    if install.manager == "uv":
        if environment.get("UV_NO_DEV", "0").lower() not in {"", "0", "false"}:
            return None
        groups = project.pyproject.groups if project is not None else ()
        if "--all-groups" in install.options:
            return "every dependency group" if groups or project is None else None
        wanted = project.pyproject.default_groups if project is not None else ()
        return "development dependencies" if any(group in groups for group in wanted) else None
    if install.manager == "poetry":
        without = re.split(r"[,\s]+", environment.get("POETRY_WITHOUT", ""))
        groups = project.pyproject.poetry_groups if project is not None else ()
        left = [group for group in groups if group in _EXTRA and group not in without]
        return "development dependencies" if left else None
    return "development dependencies"


def _by_files(facts: StackFacts, image: ImageFacts, install: Install) -> str | None:
    """Lists of requirements whose name says who needs them, or that name such a one."""
    waiting = list(install.requirement_files)
    paths = [facts.dependencies.requirement_file(image.source, name) for name in waiting]
    for name in waiting:
        if _FILE.search(name.removesuffix(".txt")):
            return f"the requirements of developers, {name},"
    for path in paths:
        text = facts.workspace.files.text_or_none(path) if path is not None else None
        for line in (text or "").splitlines():
            words = line.split("#")[0].replace("=", " ").split()
            if words[:1] in (["-r"], ["--requirement"]) and len(words) > 1 and _FILE.search(_stem(words[1])):
                return f"the requirements of developers, {words[1]},"
    return None


def _stem(name: str) -> str:
    return name.removesuffix(".txt")


def _asked_for(install: Install) -> list[str]:
    """Groups of developers named in so many words; pip writes ``pyproject.toml:dev``."""
    return [name for group in install.groups if (name := group.rpartition(":")[2]) in _EXTRA]


def _by_way_of_a_list(rule: Rule, image: ImageFacts, project: PythonProject | None) -> Iterator[Finding]:
    """``uv export`` writes development dependencies into requirements.txt unless told not to, and pip installs them."""
    if not any(install.requirement_files for _, install in image.installs):
        return
    for run in image.runs:
        for command in run.commands:
            words = command.argv[1:]
            if command.name != "uv" or "export" not in words[:3]:
                continue
            excluded = {"--no-dev", "--no-default-groups", "--only-group", "--no-group"}.intersection(words)
            told = dict(command.assignments).get(
                "UV_NO_DEV", image.source.stages.environment(run.stage).get("UV_NO_DEV", "0")
            )
            if excluded or told.lower() not in {"", "0", "false"} or not _has_development(project):
                continue
            yield rule.finding(
                run.place_of(command),
                "uv export lists development dependencies, and the list is installed into the image",
                fix=FixKind.REVIEW,
            )
            break


def _has_development(project: PythonProject | None) -> bool:
    groups = project.pyproject.groups if project is not None else ()
    return project is not None and any(group in groups for group in project.pyproject.default_groups)


def _by_argument(rule: Rule, image: ImageFacts) -> Iterator[Finding]:
    """Groups that a build argument lists, and a script of the RUN turns into options that only it knows."""
    for run, install in image.installs:
        if not (install.whole_project and install.command.unknown and _ships(image, run)):
            continue
        text = run.source.text[run.instruction.span.start : run.instruction.span.end]
        for name, value in image.source.stages.environment(run.stage).items():
            listed = _EXTRA.intersection(re.split(r"[\s,;]+", value))
            if listed and _GROUPS.search(name) and re.search(rf"\$\{{?{re.escape(name)}\b", text):
                yield replace(
                    rule.finding(
                        run.place_of(install.command),
                        f"{install.manager} installs the group {min(listed)}, which {name} lists, into the image",
                        fix=FixKind.REVIEW,
                    ),
                    confidence=Confidence.LIKELY,
                )
                break


def _extras(package: str) -> list[str]:
    """``test`` of ``.[test]`` and of ``package[test]>=1``."""
    _, bracket, rest = package.strip("\"'").partition("[")
    local = package.strip("\"'").startswith((".", "/", "$"))
    return [extra.strip() for extra in rest.partition("]")[0].split(",")] if bracket and local else []


def _ships(image: ImageFacts, run: RunStep) -> bool:
    """Whether what a step installs ends in the image: its own layer does, or a COPY takes it along."""
    if run.in_image:
        return True
    places = [PurePosixPath(place) for place in _places(image, run)]
    return any(
        source.is_relative_to(place) or place.is_relative_to(source)
        for copy in image.copies
        if copy.origin_stage is not None and copy.origin_stage.index == run.stage.index and copy.in_image
        for source in (PurePosixPath("/", source) for source in copy.sources)
        for place in places
    )


def _places(image: ImageFacts, run: RunStep) -> Iterator[str]:
    """Where distributions of a stage may lie: the interpreter's own folders, and whatever looks like an environment."""
    environment = image.source.stages.environment(run.stage)
    yield from ("/usr", "/opt", "/root/.local", "/home", "/venv", "/env")
    yield from (environment[name] for name in _ENVIRONMENTS if environment.get(name, "").startswith("/"))
    yield from (str(run.working_directory / name) for name in ("venv", ".venv", "env", "__pypackages__"))
    for step in image.runs:
        if step.stage.index != run.stage.index:
            continue
        for command in step.commands:
            is_about = not _PLACES.isdisjoint(command.argv) or "/bin/pip" in command.argv[0]
            for word in command.argv if is_about else ():
                name = word.rpartition("=")[2].partition("/bin/pip")[0]
                if name and not name.startswith("-"):
                    yield str(step.working_directory / name)


RULE = Rule(
    slug="dev-dependencies",
    topic=Topic.DEV_DEPENDENCIES,
    summary="Development dependencies are shipped",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
