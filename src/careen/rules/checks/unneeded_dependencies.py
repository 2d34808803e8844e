"""A service carries dependencies that only other services import.

The OCR engine of one worker is pulled, scanned and patched for every other service too. Groups in pyproject.toml (PEP
735), one for each service, and ``uv sync --only-group`` give each its own.

Told from the import graphs of the services that share an image: what one reaches and another does not. Without
another service to compare with, nothing is said here; ``careen plan`` knows more.
"""

import sys
from collections.abc import Iterator

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.python.imports import Start, reach
from careen.rules.roles import ends_by_itself, entry_of
from careen.rules.rule import Rule
from careen.workspace.facts import ServiceFacts, StackFacts

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
    return {name for name in {*names, *entry.programs} if name not in sys.stdlib_module_names}


RULE = Rule(
    slug="unneeded-dependencies",
    topic=Topic.UNNEEDED_DEPENDENCIES,
    summary="A service carries dependencies that only others need",
    severity=Severity.MEDIUM,
    confidence=Confidence.LIKELY,
    since="0.1.0",
    check=check,
)
