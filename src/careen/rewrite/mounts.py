"""Bind mounts that a recast image makes needless, and those that a service still reads."""

from pathlib import PurePosixPath

from careen.plan.mounted import covers
from careen.plan.target import Plan, ServicePlan
from careen.workspace.facts import StackFacts
from careen.workspace.files import normal_path


def removable_mounts(plan: Plan, facts: StackFacts) -> frozenset[tuple[str, str]]:
    """Service and target of mounts that lay the repository's own files over those of the image.

    A folder of data stays mounted when the service's code names it, since the new image copies code only.
    """
    compose = facts.workspace.compose
    found: set[tuple[str, str]] = set()
    for service in facts.built if compose is not None else ():
        described, image = service.service.compose, service.image
        planned = next((each for each in plan.services if each.name == service.name), None)
        if compose is None or described is None or image is None or planned is None:
            continue
        for mount in described.mounts:
            if mount.kind != "bind" or mount.source is None or mount.source.startswith(("/", "~")):
                continue
            host = normal_path(compose.folder / mount.source)
            copies = [copy for copy in image.copies if copy.origin is None and copy.in_image]
            held = any(covers(copy, image.source.context, host, PurePosixPath(mount.target)) for copy in copies)
            read = not _holds_code(planned, plan, host) and _names(planned, plan, facts, host, mount.target)
            if (held and not read) or _is_one_file(planned, plan, host, mount.target):
                found.add((service.name, mount.target))
    return frozenset(found)


def _is_one_file(service: ServicePlan, plan: Plan, host: PurePosixPath, target: str) -> bool:
    """Whether the new image holds the very file, be it in today's or not."""
    return any(
        str(file.destination) == target and normal_path(plan.root / file.source) == host for file in service.application
    )


def _holds_code(service: ServicePlan, plan: Plan, host: PurePosixPath) -> bool:
    return any(normal_path(plan.root / file.source).is_relative_to(host) for file in service.application)


def _names(service: ServicePlan, plan: Plan, facts: StackFacts, host: PurePosixPath, target: str) -> bool:
    """Whether a string of the service's code, or of its settings, names the folder."""
    words = {target.rstrip("/"), host.name}
    if any(word in value for word in words for _, value in (*service.environment, *service.run_environment)):
        return True
    quoted = [f"{quote}{word}{end}" for word in words for quote in "\"'/" for end in "\"'/"]
    for file in service.application:
        if file.source.suffix != ".py":
            continue
        text = facts.workspace.files.text_or_none(normal_path(plan.root / file.source))
        if text is not None and any(word in text for word in quoted):
            return True
    return False
