"""What a check gets to look at."""

from collections.abc import Mapping
from pathlib import Path

from careen.plan.target import Plan, ServicePlan
from careen.prove.launch import Launch
from careen.prove.rootfs import ImageOnDisk
from careen.prove.runner import Container, Ground, Property, Use
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSubject:
    """An image that need not run."""

    plan: Plan
    service: ServicePlan
    image: ImageOnDisk


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSubject:
    """A service that has become healthy, together with the rest of its stack.

    ``lacks`` is what the runner cannot give.
    """

    plan: Plan
    service: ServicePlan
    image: ImageOnDisk
    launch: Launch
    container: Container
    ground: Ground
    lacks: Mapping[Property, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedSubject:
    """A service whose proof is over. ``use`` is that of all its containers; ``imports`` the import audit's folder."""

    service: ServicePlan
    image: ImageOnDisk
    lacks: Mapping[Property, str]
    use: Use
    imports: Path
