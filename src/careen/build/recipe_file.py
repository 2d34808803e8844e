"""What is asked of a builder that works from a Dockerfile, and what it hands back."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Protocol

from careen.dockerfile.tree import Dockerfile
from careen.errors import CareenError, ExitCode
from careen.platforms import Platform
from careen.progress import Progress
from careen.text.values import dataclass

LONGEST_BUILD_SECONDS = 3600.0
USUAL_BUILD_SECONDS = 300.0
"""What a build may take before it is told as slow."""


class BuilderFailedError(CareenError):
    """A step of the Dockerfile failed, or the builder did before it came to one."""

    exit_code = ExitCode.FINDINGS


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The image of a service: the stage that it is, and what it is to be called."""

    service: str
    stage: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeFile:
    """A Dockerfile with its context on this disk. ``options`` are handed to the builder as they are.

    ``platform`` is None for the one that the builder runs on; ``environment`` is the caller's.
    """

    context: Path
    path: Path
    dockerfile: Dockerfile
    targets: tuple[Target, ...]
    platform: Platform | None = None
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HandedImage:
    """An archive, and the name of the image in it; without one, the only image that it has."""

    archive: Path
    name: str = ""


class Builder(Protocol):
    """``engine`` is what it is called in reports, ``described`` its name with its version."""

    @property
    def engine(self) -> str: ...

    @property
    def described(self) -> str: ...

    def build(self, recipe: RecipeFile, folder: Path, progress: Progress) -> None:
        """All targets. ``folder`` is for what it keeps until it hands over. Raises BuilderFailedError."""

    def hand_over(self, recipe: RecipeFile, folder: Path) -> Mapping[str, HandedImage]:
        """The images by their services, in archives in ``folder``."""
