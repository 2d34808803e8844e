"""Who builds, where that is not careen itself."""

from enum import Enum

from careen.text.values import dataclass


class BuilderKind(Enum):
    DOCKER = "docker"
    BUILDAH = "buildah"


@dataclass(frozen=True, kw_only=True)
class BuilderChoice:
    """``name`` is a builder of buildx's; ``options`` are handed to the builder as they are."""

    kind: BuilderKind
    name: str | None = None
    options: tuple[str, ...] = ()
