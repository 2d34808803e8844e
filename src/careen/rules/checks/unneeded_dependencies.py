"""A service carries dependencies that only other services import.

The OCR engine of one worker is pulled, scanned and patched for every other service too. Groups in pyproject.toml (PEP
735), one for each service, and ``uv sync --only-group`` give each its own.

Told from the import graphs of the services that share an image: what one reaches and another does not. Without
another service to compare with, nothing is said here, nor of a large project that Django or Celery puts together
from settings; ``careen plan`` knows more.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.python.imports import Start, reach
from careen.rules.roles import ends_by_itself, entry_of
from careen.rules.rule import Rule
from careen.workspace.facts import ServiceFacts, StackFacts
from careen.workspace.sources import HastySources

_SHOWN = 4


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        if image.stage_is_for_development:
            continue
        sharing = [service for service in facts.built if service.image is image and not ends_by_itself(facts, service)]
        place = next(
            (run.place for run, install in image.installs if install.whole_project or install.requirement_files), None
        )
        if len(sharing) <= 1 or place is None:
            continue
        needs = {service.name: names for service in sharing if (names := _imports(facts, service)) is not None}
        for name, own in needs.items():
            foreign = sorted(set().union(*needs.values()) - own)
            if foreign:
                more = f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else ""
                yield rule.finding(
                    place,
                    f"{name} gets every dependency, though only others import {', '.join(foreign[:_SHOWN])}{more}",
                    service=name,
                    fix=FixKind.REVIEW,
                )


def _imports(facts: StackFacts, service: ServiceFacts) -> set[str] | None:
    """Top-level names from outside that the service's code and command reach; None when that is not known."""
    project = service.service.project
    entry = entry_of(service)
    if project is None or entry is None:
        return None
    sources = facts.modules(project.folder)
    if not any(sources.tree.is_first_party(module) for module in entry.modules):
        return None
    found = reach(sources, Start(modules=entry.modules))
    names = {imported.module.partition(".")[0] for imported in found.external if not imported.typing_only}
    if isinstance(sources, HastySources) and _finds_modules_by_itself(
        names, facts, project.folder, found.modules.values()
    ):
        return None
    programs = {program.partition(".")[0] for program in entry.programs}
    return {name for name in names | programs if name not in sys.stdlib_module_names}


def _finds_modules_by_itself(
    names: set[str], facts: StackFacts, folder: PurePosixPath, reached: Iterable[PurePosixPath]
) -> bool:
    """Whether Django's settings or Celery's search decide what is loaded, which a hasty reading does not see."""
    texts = (facts.workspace.files.text_or_none(folder / path) for path in reached)
    return "django" in names or any("autodiscover_tasks" in text for text in texts if text is not None)


RULE = Rule(
    slug="unneeded-dependencies",
    topic=Topic.UNNEEDED_DEPENDENCIES,
    summary="A service carries dependencies that only others need",
    severity=Severity.MEDIUM,
    confidence=Confidence.LIKELY,
    since="0.1.0",
    check=check,
)
