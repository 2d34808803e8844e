"""A bind mount puts source over the very files that the image holds.

Then the image is not what runs: a missing file, another version or another owner on the host decides. It is a habit
from development that belongs into an override file (``compose.override.yml``), which is not told of; nor is a service
that is built from a stage for development.

A mount of data, or of configuration that the image does not hold, is fine.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from careen.findings import Confidence, Finding, FixKind, Place, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import ServiceFacts, StackFacts
from careen.workspace.files import normal_path
from careen.workspace.steps import CopyStep


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    compose = facts.workspace.compose
    if compose is None:
        return
    for service in facts.built:
        described = service.service.compose
        if service.image is None or service.image.stage_is_for_development:
            continue
        for mount in described.mounts if described is not None else ():
            if mount.kind != "bind" or mount.source is None or mount.source.startswith(("/", "~")):
                continue
            host = normal_path(compose.folder / mount.source)
            if "override" in mount.place.path.name or not _covers(service, host, PurePosixPath(mount.target)):
                continue
            yield rule.finding(
                Place(mount.place.path, mount.place.line, mount.place.end_line),
                f"{mount.source} is mounted over what the image of {service.name} already holds at {mount.target}",
                service=service.name,
                fix=FixKind.REVIEW,
            )


def _covers(service: ServiceFacts, host: PurePosixPath, target: PurePosixPath) -> bool:
    image = service.image
    if image is None:
        return False
    return any(
        copy.origin is None and copy.in_image and _lands(copy, image.source.context, host, target)
        for copy in image.copies
    )


def _lands(copy: CopyStep, context: PurePosixPath, host: PurePosixPath, target: PurePosixPath) -> bool:
    """Whether the COPY brings the same host path to the same place that the mount covers."""
    for source in copy.sources:
        origin = normal_path(context / source.lstrip("/"))
        if host == origin or host.is_relative_to(origin):
            inside = normal_path(copy.target / host.relative_to(origin))
            if inside == normal_path(target):
                return True
        if origin.is_relative_to(host):
            covered = normal_path(target / origin.relative_to(host))
            if covered in {copy.target, copy.target / origin.name}:
                return True
    return False


RULE = Rule(
    slug="redundant-volume",
    topic=Topic.REDUNDANT_VOLUME,
    summary="A bind mount covers what the image holds",
    severity=Severity.MEDIUM,
    confidence=Confidence.LIKELY,
    since="0.1.0",
    check=check,
)
