"""A bind mount puts source over the very files that the image holds.

Then the image is not what runs: a missing file, another version or another owner on the host decides. It is a habit
from development that belongs into an override file (``compose.override.yml``), which is not told of; nor is a service
that is built from a stage or a Dockerfile for development.

A mount of data, or of configuration that the image does not hold, is fine.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from careen.findings import Confidence, Finding, FixKind, Place, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import ImageFacts, ServiceFacts, StackFacts
from careen.workspace.files import normal_path
from careen.workspace.steps import CopyStep

_DEVELOPMENT = frozenset({"dev", "devel", "development", "debug", "local", "test", "tests"})


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
            target = PurePosixPath(mount.target)
            if "override" in mount.place.path.name or _is_for_development(service.image):
                continue
            if not _covers_installed(service, facts, host, target):
                # What is not in the repository is made when the service runs: data.
                present = facts.workspace.files.exists(host) or facts.workspace.files.is_folder(host)
                if not present or not _covers(service, host, target):
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
        copy.origin is None
        and (copy.in_image or _arrives_unmoved(image, copy, target))
        and _lands(copy, image.source.context, host, target)
        for copy in image.copies
    )


def _covers_installed(service: ServiceFacts, facts: StackFacts, host: PurePosixPath, target: PurePosixPath) -> bool:
    """Whether the mount hides an installed package, or the very script that the image starts with."""
    image = service.image
    if image is None:
        return False
    if target.parent.name in {"site-packages", "dist-packages"}:
        return True
    effective = [value for value in (image.entrypoint, image.command) if value is not None]
    starts = any(str(target) in value.arguments for value in effective)
    return starts and facts.workspace.files.exists(host)


def _is_for_development(image: ImageFacts) -> bool:
    """Whether the Dockerfile says by its name that it is not what production gets."""
    words = set(re.split(r"[._-]", image.source.dockerfile_path.name.lower()))
    return not _DEVELOPMENT.isdisjoint(words)


def _arrives_unmoved(image: ImageFacts, copy: CopyStep, target: PurePosixPath) -> bool:
    """Whether another stage's copy is taken into the image, to the same place."""
    return any(
        taken.in_image
        and taken.origin_stage is not None
        and copy.stage in image.source.stages.ancestry(taken.origin_stage)
        and any(
            target.is_relative_to(PurePosixPath("/", source)) and PurePosixPath("/", source) == taken.target
            for source in taken.sources
        )
        for taken in image.copies
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
