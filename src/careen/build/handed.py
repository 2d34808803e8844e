"""Images that another builder made, taken into a layout: the same form, papers and figures as careen's own."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from careen import __version__
from careen.blobs.digest import Descriptor, Digest
from careen.blobs.store import Store
from careen.build import record, sbom
from careen.build.configuration import HEALTH_ANNOTATION
from careen.build.engine import BuildOptions, BuiltImage, BuiltLayer, BuiltShare
from careen.build.found_bill import FoundBill
from careen.build.handed_layers import HandedLayer, handed_layer
from careen.build.recipe_file import HandedImage, Target
from careen.oci.archive import Archive, ArchiveError
from careen.oci.config import Healthcheck, ImageConfig
from careen.oci.images import choose_manifest, read_config, read_manifest
from careen.oci.layer import packer
from careen.oci.layout import LayoutWriter
from careen.oci.manifest import Manifest
from careen.oci.media_types import CONFIG, MANIFEST
from careen.plan.target import Plan
from careen.size.instructions import layer_instructions
from careen.text.values import dataclass

_NANOSECONDS = 10**9
_DEFAULT = Healthcheck(test=(), interval=30 * _NANOSECONDS, timeout=30 * _NANOSECONDS, retries=3)
"""Docker's own values for what a health check leaves out (Dockerfile reference, HEALTHCHECK)."""

_MOST_NAMED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """``described`` is the builder with its version, ``dockerfile`` the digest of what it was given."""

    plan: Plan
    store: Store
    options: BuildOptions
    described: str
    dockerfile: Digest


@dataclass(frozen=True, slots=True)
class _Taken:
    target: Target
    descriptor: Descriptor
    config: ImageConfig
    layers: tuple[HandedLayer, ...]

    @property
    def distributions(self) -> Mapping[str, str]:
        return {name: version for layer in self.layers for name, version in layer.distributions.items()}

    @property
    def packages(self) -> Mapping[str, str]:
        return {name: version for layer in self.layers for name, version in layer.packages.items()}


def take(
    handed: Handed, targets: Sequence[Target], images: Mapping[str, HandedImage], output: Path
) -> tuple[BuiltImage, ...]:
    """Raises LayoutError, ArchiveError, LayerError, DigestMismatchError; ``output`` then names what it named before."""
    archives = {path: Archive.open(path) for path in {image.archive for image in images.values()}}
    with ExitStack() as stack:
        writer = stack.enter_context(LayoutWriter(output))
        taken = [_take(handed, target, archives[images[target.service].archive], images, writer) for target in targets]
        for item in taken:
            _attach(handed, item, writer)
        writer.finish({item.target.reference: item.descriptor for item in taken})
    users: dict[Digest, list[str]] = {}
    for item in taken:
        for layer in item.layers:
            users.setdefault(layer.diff_id, []).append(item.target.service)
    return tuple(_built(handed.plan, item, users) for item in taken)


def _take(
    handed: Handed, target: Target, archive: Archive, images: Mapping[str, HandedImage], writer: LayoutWriter
) -> _Taken:
    found = archive.images()
    name = images[target.service].name or (next(iter(found)) if len(set(found.values())) == 1 else "")
    if name not in found:
        raise ArchiveError(f"the builder's archive has no image {name or target.reference}")
    manifest = read_manifest(archive, choose_manifest(archive, found[name]))
    config = read_config(archive, manifest)
    if len(config.diff_ids) != len(manifest.layers):
        raise ArchiveError(f"{target.reference} has {len(manifest.layers)} layers and names {len(config.diff_ids)}")
    packing = packer(handed.options.compression)
    layers = tuple(
        handed_layer(archive, layer, diff_id, handed.store, packing)
        for layer, diff_id in zip(manifest.layers, config.diff_ids, strict=True)
    )
    for layer in layers:
        if not writer.has(layer.descriptor):
            writer.add_blob(layer.descriptor, layer.packed)
    health = config.run.healthcheck
    written = Manifest(
        config=writer.put(CONFIG, config.render()),
        layers=tuple(layer.descriptor for layer in layers),
        annotations={HEALTH_ANNOTATION: _health(health)} if health is not None and health.test[:1] == ("CMD",) else {},
    )
    return _Taken(target, writer.put(MANIFEST, written.render()), config, layers)


def _health(check: Healthcheck) -> str:
    """As careen's own engine says it, times in seconds."""
    filled = replace(
        check,
        interval=check.interval or _DEFAULT.interval,
        timeout=check.timeout or _DEFAULT.timeout,
        retries=check.retries or _DEFAULT.retries,
    )
    document = {
        "argv": filled.test[1:],
        "interval": filled.interval / _NANOSECONDS,
        "timeout": filled.timeout / _NANOSECONDS,
        "start_period": filled.start_period / _NANOSECONDS,
        "retries": filled.retries,
    }
    return json.dumps(document, separators=(",", ":"))


def _attach(handed: Handed, item: _Taken, writer: LayoutWriter) -> None:
    bill = FoundBill(
        plan=handed.plan,
        reference=item.target.reference,
        digest=item.descriptor.digest,
        distributions=item.distributions,
        packages=item.packages,
    )
    writer.attach(item.descriptor, sbom.MEDIA_TYPE, bill.render())
    run = item.config.run
    lock = handed.options.origin.lock
    instructions = layer_instructions(item.config)
    made = record.ImageRecord(
        service=item.target.service,
        image=item.target.reference,
        platform=str(handed.plan.platform),
        digest=str(item.descriptor.digest),
        lock=str(lock) if lock is not None else "",
        inputs={
            "careen": {"version": __version__},
            "builder": {"name": handed.described, "Dockerfile": str(handed.dockerfile), "target": item.target.stage},
            "system packages": item.packages,
            "distributions": item.distributions,
            "configuration": {
                "user": run.user,
                "entrypoint": json.dumps(run.entrypoint),
                "working directory": run.working_directory,
                "stop signal": run.stop_signal,
                "health check": json.dumps(run.healthcheck.test) if run.healthcheck is not None else "none",
            },
        },
        layers=tuple(zip(instructions, (str(layer.diff_id) for layer in item.layers), strict=True)),
    )
    writer.attach(item.descriptor, record.MEDIA_TYPE, made.render())


def _built(plan: Plan, item: _Taken, users: Mapping[Digest, Sequence[str]]) -> BuiltImage:
    layers = tuple(
        BuiltLayer(
            digest=layer.descriptor.digest,
            diff_id=layer.diff_id,
            bytes=layer.bytes,
            compressed_bytes=layer.descriptor.size,
            services=tuple(users[layer.diff_id]),
            what=what,
            shares=(BuiltShare(what=what, bytes=layer.bytes, bytecode_bytes=layer.bytecode_bytes),),
        )
        for layer, what in zip(item.layers, layer_instructions(item.config), strict=True)
    )
    return BuiltImage(
        service=item.target.service,
        reference=item.target.reference,
        digest=item.descriptor.digest,
        bytes=sum(layer.bytes for layer in layers),
        compressed_bytes=sum(layer.compressed_bytes for layer in layers),
        layers=layers,
        notes=tuple(_departures(plan, item)),
    )


def _departures(plan: Plan, item: _Taken) -> list[str]:
    """Where the image holds other distributions than its plan."""
    service = item.target.service
    planned = {str(found.name): found.version for found in plan.service(service).distributions}
    there = item.distributions
    notes = []
    lacking = sorted(planned.keys() - there.keys())
    beyond = sorted(there.keys() - planned.keys())
    other = sorted(name for name in planned.keys() & there.keys() if not _same(planned[name], there[name]))
    for words, names in (("lacks", lacking), ("holds beyond its plan", beyond), ("has at other versions", other)):
        if names:
            more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            notes.append(f"{service} {words} {', '.join(names[:_MOST_NAMED])}{more}")
    return notes


def _same(planned: str, there: str) -> bool:
    """Folders escape what a version may have (Binary distribution format, "Escaping and Unicode")."""
    return planned.replace("-", "_") == there.replace("-", "_")
