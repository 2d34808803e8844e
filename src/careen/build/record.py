"""What an image was made from, by digest, so that two records tell why two images differ::

    {"schema": "careen.record/1", "service": "api", "image": "shelf_api", "platform": "linux/amd64",
     "digest": "sha256:…", "lock": "sha256:…",
     "inputs": {"careen": {"version": "0.1.0"}, "options": {"compression": "gzip", …},
                "base packages": {"libc6": "2.36-9+deb12u10 sha256:…"}, "distributions": {"celery": "5.4.0 sha256:…"},
                "files": {"/app/shelf/api.py": "sha256:…"}, "configuration": {"User": "10001:10001", …}},
     "layers": [{"what": "debian:bookworm", "diff_id": "sha256:…"}]}

Times and places of a build are no part of it, so the same inputs give the same record. The lock is named for whoever
looks for it; what an image takes of it stands in the inputs.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from careen import __version__
from careen.blobs.digest import Digest
from careen.build.engine import BuildOptions
from careen.errors import CareenError
from careen.oci.document import render_document
from careen.plan.target import DebianBase, ImageBase, Plan, PlannedDistribution, ServicePlan
from careen.text.values import dataclass

MEDIA_TYPE = "application/vnd.careen.record+json"
SCHEMA = "careen.record/1"
LARGEST = 64 << 20
"""Bytes of a file of records."""

KEPT = "kept"
"""The value of what has none: libraries and modules that trimming must leave."""

_MOST_NAMED = 6

Inputs = Mapping[str, Mapping[str, str]]


class RecordError(CareenError):
    """A file holds no records of builds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    """``inputs`` are digests, versions and values by what they are of, in sections; ``layers`` pairs of what and
    diff_id, bottom to top.
    """

    service: str
    image: str
    platform: str
    digest: str
    lock: str
    inputs: Inputs
    layers: tuple[tuple[str, str], ...]

    def document(self) -> dict[str, object]:
        return {
            "schema": SCHEMA,
            "service": self.service,
            "image": self.image,
            "platform": self.platform,
            "digest": self.digest,
            "lock": self.lock,
            "inputs": {section: dict(values) for section, values in self.inputs.items()},
            "layers": [{"what": what, "diff_id": diff_id} for what, diff_id in self.layers],
        }

    def render(self) -> bytes:
        return render_document(self.document())


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What only whoever built knows: ``files`` are digests by their places in the image, ``digests`` those of wheels
    by their distributions.
    """

    files: Mapping[str, Digest]
    digests: Mapping[str, Digest]
    configuration: Mapping[str, object]
    compiler: str


def inputs_of(plan: Plan, service: ServicePlan, options: BuildOptions, made: Made) -> Inputs:
    base = plan.base
    system = [package for layer in plan.system_layers_of(service.name) for package in layer.packages]
    origin = options.origin
    described = {"version": origin.version, "source": origin.source, "revision": origin.revision}
    return {
        "careen": {"version": __version__},
        "options": {
            "bytecode": made.compiler or "none",
            "compression": options.compression.value,
            "trimming": options.trimming.value,
            "SOURCE_DATE_EPOCH": str(plan.source_date_epoch),
        },
        "project": {name: value for name, value in described.items() if value},
        "base": _base(base),
        "base packages": {package.name: f"{package.version} {package.digest}" for package in base.packages},
        "kept libraries": dict.fromkeys(base.kept_libraries, KEPT),
        "kept modules": dict.fromkeys(base.kept_modules, KEPT),
        "system packages": {package.name: f"{package.version} {package.digest}" for package in system},
        "distributions": {item.name: _distribution(item, made.digests) for item in service.distributions},
        "files": {path: str(digest) for path, digest in made.files.items()},
        "configuration": {
            name: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            for name, value in made.configuration.items()
        },
    }


def _base(base: DebianBase | ImageBase) -> Mapping[str, str]:
    python = {"python": str(base.runtime.version)}
    if isinstance(base, ImageBase):
        return {"image": f"{base.label} {base.manifest}", **python}
    return {"release": base.release, **python}


def _distribution(item: PlannedDistribution, digests: Mapping[str, Digest]) -> str:
    return f"{item.version} {digests[item.name]}"


def differences(before: ImageRecord, after: ImageRecord) -> tuple[str, ...]:
    """Why the two images differ, a sentence a cause; none where nothing that is recorded does."""
    found: list[str] = []
    for section in dict.fromkeys((*before.inputs, *after.inputs)):
        old, new = before.inputs.get(section, {}), after.inputs.get(section, {})
        changes = [_change(section, name, old.get(name), new.get(name)) for name in _changed(old, new)]
        found += changes[:_MOST_NAMED]
        if len(changes) > _MOST_NAMED:
            found.append(f"{section}: {len(changes) - _MOST_NAMED} more changed")
    return tuple(found)


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def _change(section: str, name: str, old: str | None, new: str | None) -> str:
    what = f"{section}: {name}"
    bare = section == "files" or KEPT in (old, new)
    if old is None:
        return f"{what} is new" if bare else f"{what} {_short(new)} is new"
    if new is None:
        return f"{what} is gone" if bare else f"{what} {_short(old)} is gone"
    if bare:
        return f"{what} changed"
    first, second = _short(old), _short(new)
    return f"{what} {first} has other bytes" if first == second else f"{what} {first} -> {second}"


def _short(value: str | None) -> str:
    """A version without its digest; other values cut to what a line takes."""
    plain = (value or "").partition(" sha256:")[0]
    return plain if len(plain) <= 60 else f"{plain[:59]}…"


def render_records(records: Sequence[ImageRecord]) -> bytes:
    """A file of records, for people's eyes and version control too."""
    ordered = sorted(records, key=lambda record: (record.service, record.platform))
    document = {"schema": SCHEMA, "images": [record.document() for record in ordered]}
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def parse_records(data: bytes) -> tuple[ImageRecord, ...]:
    """Of a file, or of one image. Raises RecordError."""
    try:
        document = json.loads(data)
        if document["schema"] != SCHEMA:
            raise RecordError(f"records of another form: {str(document['schema'])[:60]!r}")
        return tuple(_record(fields) for fields in document.get("images", [document]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RecordError(f"not a record of a build: {str(error)[:80]}") from error


def _record(fields: Mapping[str, object]) -> ImageRecord:
    inputs, layers = fields["inputs"], fields["layers"]
    if not isinstance(inputs, dict) or not isinstance(layers, list):
        raise TypeError("inputs or layers")
    return ImageRecord(
        service=str(fields["service"]),
        image=str(fields["image"]),
        platform=str(fields["platform"]),
        digest=str(fields["digest"]),
        lock=str(fields["lock"]),
        inputs={str(name): {str(key): str(value) for key, value in values.items()} for name, values in inputs.items()},
        layers=tuple((str(layer["what"]), str(layer["diff_id"])) for layer in layers),
    )


def matching(records: Sequence[ImageRecord]) -> Mapping[tuple[str, str], ImageRecord]:
    """By service and platform."""
    return {(record.service, record.platform): record for record in records}


def explained(
    before: Sequence[ImageRecord], after: Sequence[ImageRecord]
) -> Iterator[tuple[ImageRecord, tuple[str, ...]]]:
    """Images that are others than before, with why. An image that was not there before is not among them."""
    old = matching(before)
    for record in after:
        earlier = old.get((record.service, record.platform))
        if earlier is not None and earlier.digest != record.digest:
            yield record, differences(earlier, record)
