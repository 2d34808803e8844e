"""What is attached to every image: its bill of materials, and the record of what it was made from."""

from collections.abc import Iterable, Mapping, Sequence

from careen.blobs.digest import Descriptor, Digest
from careen.build import record, sbom
from careen.build.engine import BuildOptions
from careen.build.licences import Licence
from careen.oci.config import RunConfig
from careen.oci.images import read_blob
from careen.oci.layout import Layout, LayoutWriter
from careen.plan.target import Plan, ServicePlan
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImage:
    """An image that was just written. ``layers`` are what each is and its diff_id, bottom to top; ``files`` are the
    digests of its own files by their places.
    """

    service: ServicePlan
    reference: str
    manifest: Descriptor
    run: RunConfig
    layers: Sequence[tuple[str, Digest]]
    files: Mapping[str, Digest]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachments:
    """``digests`` are those of wheels, by their distributions; ``licences`` by such digests and by Debian packages."""

    plan: Plan
    options: BuildOptions
    compiler: str
    digests: Mapping[str, Digest]
    licences: Mapping[str, Licence]

    def attach(self, writer: LayoutWriter, image: NewImage) -> None:
        bill = sbom.ImageBill(
            plan=self.plan,
            service=image.service,
            reference=image.reference,
            manifest=image.manifest,
            application_version=self.options.origin.version,
            application_layer=image.layers[-1][1],
            licences=self.licences,
            digests=self.digests,
        )
        writer.attach(image.manifest, sbom.MEDIA_TYPE, bill.render())
        writer.attach(image.manifest, record.MEDIA_TYPE, self._record(image).render())

    def _record(self, image: NewImage) -> record.ImageRecord:
        lock = self.options.origin.lock
        return record.ImageRecord(
            service=image.service.name,
            image=image.reference,
            platform=str(self.plan.platform),
            digest=str(image.manifest.digest),
            lock=str(lock) if lock is not None else "",
            inputs=record.inputs_of(
                self.plan,
                image.service,
                self.options,
                record.Made(
                    files=image.files,
                    digests=self.digests,
                    configuration=_configuration(image.run),
                    compiler=self.compiler,
                ),
            ),
            layers=tuple((what, str(diff_id)) for what, diff_id in image.layers),
        )


def _configuration(run: RunConfig) -> Mapping[str, object]:
    """Variables by the digests of their values, which are nobody's business outside the image."""
    found: dict[str, object] = {
        "user": run.user,
        "entrypoint": run.entrypoint,
        "working directory": run.working_directory,
        "ports": run.exposed_ports,
        "stop signal": run.stop_signal,
        "health check": run.healthcheck.test if run.healthcheck is not None else "none",
    }
    found |= {f"variable {name}": str(Digest.of(value.encode())) for name, value in run.environment}
    return found


def records_in(layout: Layout) -> tuple[record.ImageRecord, ...]:
    """Of every image of a layout that has one; those of another form of record are passed over."""
    found: list[record.ImageRecord] = []
    for data in _attached(layout, record.MEDIA_TYPE):
        try:
            found += record.parse_records(data)
        except record.RecordError:
            continue  # by another version of careen: then there is nothing to compare with
    return tuple(found)


def _attached(layout: Layout, media_type: str) -> Iterable[bytes]:
    for entry in layout.entries:
        if entry.artifact_type == media_type:
            manifest = layout.manifest(entry.descriptor)
            if manifest.subject is not None and len(manifest.layers) == 1:
                yield read_blob(layout, manifest.layers[0])
