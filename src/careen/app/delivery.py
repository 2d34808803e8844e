"""Where built images are to be taken: an archive, a running docker or podman, a registry, and papers beside them.

What can be done is said before anything is built; :mod:`careen.app.carrying` does it.
"""

import contextlib
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from careen.app.session import Session
from careen.blobs.digest import Digest
from careen.errors import CareenError, MissingToolError
from careen.oci.reference import ImageReference, InvalidReferenceError

_ASKING_SECONDS = 20.0


class ArchiveFormat(Enum):
    DOCKER = "docker"
    OCI = "oci"


class Engine(Enum):
    """``AUTO`` is docker when its daemon answers, else podman."""

    AUTO = "auto"
    DOCKER = "docker"
    PODMAN = "podman"


class UndeliverableError(CareenError):
    """What was asked for with the images cannot be done with them."""


@dataclass(frozen=True, kw_only=True)
class DeliveryRequest:
    """``push`` is what stands before the names of images in a registry; ``tags`` replace those that names have.

    ``archive_format`` None is docker's, and OCI's for several platforms. ``sbom`` is a folder.
    """

    archive: Path | None = None
    archive_format: ArchiveFormat | None = None
    load: Engine | None = None
    push: str | None = None
    tags: tuple[str, ...] = ()
    sbom: Path | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the layout is all that is wanted."""
        return self.archive is None and self.load is None and self.push is None and self.sbom is None


@dataclass(frozen=True, kw_only=True)
class PushedImage:
    """``uploaded`` are bytes that went over the wire; the others were there, or in a neighbouring repository."""

    reference: str
    digest: str
    uploaded: int
    mounted: int
    present: int


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """What was done. ``engine`` is the one that the ``loaded`` references are in."""

    archive: Path | None = None
    engine: str = ""
    loaded: tuple[str, ...] = ()
    pushed: tuple[PushedImage, ...] = ()
    bills: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Courier:
    """A request that can be fulfilled, as far as that is known before anything is built."""

    session: Session
    request: DeliveryRequest
    archive_format: ArchiveFormat
    engine: Engine | None = None
    program: Path | None = None
    neighbours: dict[Digest, str] = field(default_factory=dict)


def prepare(session: Session, request: DeliveryRequest, *, several: bool) -> Courier:
    """``several`` platforms are to be built. Raises UndeliverableError, InvalidReferenceError, MissingToolError."""
    chosen = request.archive_format or (ArchiveFormat.OCI if several else ArchiveFormat.DOCKER)
    if request.archive is not None and several and chosen is ArchiveFormat.DOCKER:
        raise UndeliverableError(
            "docker's archive holds images for one platform", hints=("add --archive-format oci, or build for one",)
        )
    for tag in request.tags or ("latest",):
        sample = ImageReference.parse(f"{(request.push or 'sample').rstrip('/')}/image:{tag}")
        if request.push is not None and not sample.registry:
            raise InvalidReferenceError(
                f"{request.push!r} names no registry", hints=("write its host first: registry.example/team",)
            )
    if request.load is None:
        return Courier(session=session, request=request, archive_format=chosen)
    engine, program = _engine(request.load)
    return Courier(session=session, request=request, archive_format=chosen, engine=engine, program=program)


def _engine(wanted: Engine) -> tuple[Engine, Path]:
    """Raises MissingToolError."""
    from careen.process.run import find_program, run  # noqa: PLC0415 - few builds are loaded anywhere

    if wanted is Engine.PODMAN:
        return wanted, find_program("podman", package="podman")
    try:
        docker = find_program("docker", package="docker.io")
        answer = run([docker, "version", "--format", "{{.Server.Version}}"], timeout=_ASKING_SECONDS)
        if answer.succeeded:
            return Engine.DOCKER, docker
        problem = MissingToolError(
            f"docker's daemon does not answer: {answer.tail()}", hints=("start it, or use --load=podman",)
        )
    except MissingToolError as error:
        problem = error
    if wanted is Engine.AUTO:
        with contextlib.suppress(MissingToolError):
            return Engine.PODMAN, find_program("podman", package="podman")
        raise MissingToolError(
            "neither docker nor podman is here to load images into",
            hints=(problem.message, "write an archive instead: --archive images.tar"),
        )
    raise problem
