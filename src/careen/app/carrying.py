"""Takes built images out of their layout: into an archive, a running docker or podman, a registry."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from careen.app.delivery import ArchiveFormat, Courier, Delivered, PushedImage, UndeliverableError
from careen.app.outputs import write_file, writing
from careen.blobs.digest import ByteSink, Descriptor
from careen.build.interpreter import host_architecture
from careen.build.sbom import MEDIA_TYPE as BILL
from careen.oci.archive_writer import stream_docker_archive, write_docker_archive, write_layout_archive
from careen.oci.images import choose_manifest, read_image, read_manifest
from careen.oci.layout import Layout
from careen.oci.manifest import Index
from careen.oci.media_types import INDEXES
from careen.oci.reference import ImageReference
from careen.oci.referrers import push_attachments
from careen.oci.transfer import push_image
from careen.platforms import Platform
from careen.process.feed import run_fed
from careen.progress import Progress, Step

_LOADING_SECONDS = 3600.0
_TOLD_EVERY = 8 << 20


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
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if courier.archive_format is ArchiveFormat.DOCKER:
            write_docker_archive(layout, _host_names(courier, layout), path)
        else:
            names = {str(reference): top for reference, top in _tops(courier, layout).items()}
            write_layout_archive(layout, names, path)
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
