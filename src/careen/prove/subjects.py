"""What a check gets to look at."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from careen.plan.target import Plan, ServicePlan
from careen.prove.launch import Launch
from careen.prove.rootfs import ImageOnDisk
from careen.prove.runner import Container, Ground, Property


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSubject:
    """An image that need not run."""

    plan: Plan
    service: ServicePlan
    image: ImageOnDisk


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSubject:
    """A service that has become healthy, together with the rest of its stack.

    ``lacks`` is what the runner cannot give; ``imports`` the folder of the import audit.
    """

    plan: Plan
    service: ServicePlan
    image: ImageOnDisk
    launch: Launch
    container: Container
    ground: Ground
    lacks: Mapping[Property, str]
    imports: Path
