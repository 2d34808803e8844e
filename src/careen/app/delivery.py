"""Where built images are taken to: an archive, a running docker or podman, a registry, and papers beside them."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from careen.app.session import Session
from careen.blobs.digest import ByteSink, Descriptor, Digest
from careen.build.interpreter import host_architecture
from careen.build.sbom import MEDIA_TYPE as BILL
from careen.errors import CareenError, MissingToolError
from careen.oci.archive_writer import stream_docker_archive, write_docker_archive, write_layout_archive
from careen.oci.images import choose_manifest, read_image, read_manifest
from careen.oci.layout import Layout
from careen.oci.manifest import Index
from careen.oci.media_types import INDEXES
from careen.oci.reference import ImageReference, InvalidReferenceError
from careen.oci.referrers import push_attachments
from careen.oci.transfer import push_image
from careen.platforms import Platform
from careen.process.feed import run_fed
from careen.process.run import find_program, run
from careen.progress import Progress, Step

_LOADING_SECONDS = 3600.0
_ASKING_SECONDS = 20.0
_TOLD_EVERY = 8 << 20


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


def deliver(courier: Courier, layout: Layout) -> Delivered:
    """Raises what writing, loading and pushing raise."""
    request = courier.request
    return Delivered(
        bills=tuple(_write_bills(layout, request.sbom)) if request.sbom is not None else (),
        archive=_archive(courier, layout) if request.archive is not None else None,
        engine=courier.engine.value if courier.engine is not None else "",
        loaded=_load(courier, layout) if courier.engine is not None else (),
        pushed=tuple(_push(courier, layout, request.push)) if request.push is not None else (),
    )


def write_file(path: Path, data: bytes) -> None:
    """Replaced when it is whole. Raises UndeliverableError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as aside:
            try:
                aside.write(data)
                aside.flush()
                Path(aside.name).chmod(0o644)
                Path(aside.name).replace(path)
            except BaseException:
                Path(aside.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise UndeliverableError(f"{path} cannot be written: {error.strerror}") from error


def _manifests(layout: Layout, top: Descriptor) -> Iterator[tuple[str, Descriptor]]:
    """What a name leads to, with the architecture where there are several."""
    if top.media_type not in INDEXES:
        yield "", top
        return
    index = read_image(layout, top)
    if isinstance(index, Index):
        for entry in index.entries:
            yield entry.platform.architecture if entry.platform is not None else "", entry.descriptor


def _write_bills(layout: Layout, folder: Path) -> Iterator[Path]:
    for name, top in sorted(layout.images().items()):
        for architecture, manifest in _manifests(layout, top):
            data = layout.attachment(manifest, BILL)
            if data is not None:
                stem = name.replace("/", "_").replace(":", "_")
                path = folder / f"{stem}{f'.{architecture}' if architecture else ''}.cdx.json"
                write_file(path, data)
                yield path


def _archive(courier: Courier, layout: Layout) -> Path:
    path = courier.request.archive
    assert path is not None  # noqa: S101 - asked for, see deliver
    courier.session.progress(Step("writing the archive", 0, None, str(path)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if courier.archive_format is ArchiveFormat.DOCKER:
            write_docker_archive(layout, _host_names(courier, layout), path)
        else:
            names = {str(reference): top for reference, top in _tops(courier, layout).items()}
            write_layout_archive(layout, names, path)
    except OSError as error:
        raise UndeliverableError(f"{path} cannot be written: {error.strerror}") from error
    return path


def _tops(courier: Courier, layout: Layout) -> Mapping[ImageReference, Descriptor]:
    """What every image is to be called, and what that leads to."""
    found: dict[ImageReference, Descriptor] = {}
    for name, top in layout.images().items():
        reference = ImageReference.parse(name)
        for tag in courier.request.tags or (reference.tag or "latest",):
            found[ImageReference(registry=reference.registry, repository=reference.repository, tag=tag)] = top
    return found


def _host_names(courier: Courier, layout: Layout) -> Mapping[ImageReference, Descriptor]:
    """The same for one platform: the only one, or this machine's."""
    found: dict[ImageReference, Descriptor] = {}
    for reference, top in _tops(courier, layout).items():
        manifests = [manifest for _, manifest in _manifests(layout, top)]
        host = host_architecture()
        if len(manifests) == 1:
            found[reference] = manifests[0]
        elif host is not None:
            found[reference] = choose_manifest(layout, top, Platform(host))
        else:
            raise UndeliverableError("no image is for this machine", hints=("build for one platform",))
    return found


def _load(courier: Courier, layout: Layout) -> tuple[str, ...]:
    assert courier.engine is not None  # noqa: S101 - see deliver
    assert courier.program is not None  # noqa: S101
    names = _host_names(courier, layout)
    manifests = [read_manifest(layout, manifest) for manifest in names.values()]
    total = sum({layer.digest: layer.size for manifest in manifests for layer in manifest.layers}.values())
    phase = f"loading into {courier.engine.value}"

    def write(sink: ByteSink) -> None:
        stream_docker_archive(layout, names, _Metered(sink, phase, total, courier.session.progress))

    run_fed([courier.program, "load", "--quiet"], write, timeout=_LOADING_SECONDS)
    return tuple(sorted(reference.tagged for reference in names))


def _push(courier: Courier, layout: Layout, prefix: str) -> Iterator[PushedImage]:
    for local, top in sorted(_tops(courier, layout).items(), key=lambda item: item[0].tagged):
        name = local.repository.removeprefix("library/")
        reference = ImageReference.parse(f"{prefix.rstrip('/')}/{name}:{local.tag}")
        repository = courier.session.registries.repository(reference)
        done = push_image(repository, layout, top, neighbours=courier.neighbours, progress=courier.session.progress)
        for _, manifest in _manifests(layout, top):
            push_attachments(repository, layout, manifest)
        yield PushedImage(
            reference=str(reference),
            digest=str(done.descriptor.digest),
            uploaded=done.uploaded,
            mounted=done.mounted,
            present=done.present,
        )


class _Metered:
    """Tells how much has been written, in compressed bytes of layers by and large."""

    def __init__(self, sink: ByteSink, phase: str, total: int, progress: Progress) -> None:
        self._sink = sink
        self._phase = phase
        self._total = total
        self._progress = progress
        self._done = 0
        self._told = 0

    def write(self, data: bytes, /) -> object:
        self._done += len(data)
        if self._done - self._told >= _TOLD_EVERY or not self._told:
            self._told = self._done
            self._progress(Step(self._phase, min(self._done, self._total), self._total))
        return self._sink.write(data)
