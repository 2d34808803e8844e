"""Image manifests and indexes (image spec, manifest.md and image-index.md), and docker's schema 2 of the same meaning.

::

    {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
     "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:…", "size": 702},
     "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:…", "size": 32654}],
     "annotations": {"org.opencontainers.image.created": "1970-01-01T00:00:00Z"}}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from careen.blobs.digest import Descriptor
from careen.errors import CareenError
from careen.oci.document import Fields, ImageDocumentError, descriptor_document, read_document, render_document
from careen.oci.media_types import DOCKER_SCHEMA_1, INDEX, INDEXES, MANIFEST, MANIFESTS
from careen.platforms import Platform

_VERSION = 2


class PlatformNotOfferedError(CareenError):
    """An image index has nothing for the platform."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePlatform:
    """What an image says it is for; anything a registry may hold, not only what careen builds."""

    architecture: str
    operating_system: str = "linux"
    variant: str = ""
    operating_system_version: str = ""

    @classmethod
    def of(cls, platform: Platform) -> "ImagePlatform":
        return cls(architecture=platform.architecture.value)

    def fits(self, platform: Platform) -> bool:
        return (self.operating_system, self.architecture) == ("linux", platform.architecture.value)

    def __str__(self) -> str:
        return "/".join(part for part in (self.operating_system, self.architecture, self.variant) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One image for one platform; ``layers`` bottom to top.

    With an ``artifact_type`` it is no image but something that is kept like one, such as a bill of materials; its
    layers are that, and ``subject`` is the image that it is about.
    """

    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)
    media_type: str = MANIFEST
    artifact_type: str = ""
    subject: Descriptor | None = None

    def render(self) -> bytes:
        document: dict[str, object] = {
            "schemaVersion": _VERSION,
            "mediaType": self.media_type,
            "config": descriptor_document(self.config),
            "layers": [descriptor_document(layer) for layer in self.layers],
        }
        if self.artifact_type:
            document["artifactType"] = self.artifact_type
        if self.subject is not None:
            document["subject"] = descriptor_document(self.subject)
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        return render_document(document)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry:
    """``descriptor`` points at a manifest, or at another index; with an ``artifact_type``, at what is no image."""

    descriptor: Descriptor
    platform: ImagePlatform | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    entries: tuple[IndexEntry, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)
    media_type: str = INDEX

    def choose(self, platform: Platform) -> Descriptor:
        """The first that fits; the only one there is, when it does not say what for. Raises PlatformNotOfferedError."""
        for entry in self.entries:
            if entry.platform is not None and entry.platform.fits(platform):
                return entry.descriptor
        if len(self.entries) == 1 and self.entries[0].platform is None:
            return self.entries[0].descriptor
        offered = sorted({str(entry.platform) for entry in self.entries if entry.platform is not None})
        raise PlatformNotOfferedError(
            f"the image has nothing for {platform}", hints=(f"it offers {', '.join(offered)}",) if offered else ()
        )

    def render(self) -> bytes:
        document: dict[str, object] = {
            "schemaVersion": _VERSION,
            "mediaType": self.media_type,
            "manifests": [_entry_document(entry) for entry in self.entries],
        }
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        return render_document(document)


def parse_image(data: bytes, media_type: str = "") -> Manifest | Index:
    """Either one; ``media_type`` is what the one who handed it out calls it. Raises ImageDocumentError."""
    fields = read_document(data, "manifest")
    if (fields.number("schemaVersion"), media_type in DOCKER_SCHEMA_1) != (_VERSION, False):
        raise ImageDocumentError(
            "the image is in docker's first format, which no registry takes any more", hints=("push it anew",)
        )
    if "manifests" in fields and ("layers" in fields or "config" in fields):
        raise ImageDocumentError("a document is manifest and index at once, so readers differ on what the image is")
    says = fields.text("mediaType", "")
    if says and media_type and says != media_type:
        raise ImageDocumentError(f"a manifest calls itself {says[:100]!r} and is handed out as {media_type[:100]!r}")
    kind = says or media_type
    if kind in INDEXES or (not kind and "manifests" in fields):
        return _index(fields, kind or INDEX)
    if kind in MANIFESTS or (not kind and "layers" in fields):
        return _manifest(fields, kind or MANIFEST)
    raise ImageDocumentError(f"neither a manifest nor an index: {kind[:100]!r}")


def parse_manifest(data: bytes, media_type: str = "") -> Manifest:
    """Raises ImageDocumentError, also for an index."""
    found = parse_image(data, media_type)
    if not isinstance(found, Manifest):
        raise ImageDocumentError("the image is an index of several platforms, not a manifest")
    return found


def parse_index(data: bytes, media_type: str = "") -> Index:
    """Raises ImageDocumentError, also for a manifest."""
    found = parse_image(data, media_type)
    if not isinstance(found, Index):
        raise ImageDocumentError("the image is a manifest, not an index")
    return found


def _manifest(fields: Fields, media_type: str) -> Manifest:
    return Manifest(
        config=fields.fields("config").descriptor(),
        layers=tuple(layer.descriptor() for layer in fields.fields_list("layers")),
        annotations=fields.text_map("annotations"),
        media_type=media_type,
        artifact_type=fields.text("artifactType", ""),
        subject=fields.fields("subject").descriptor() if "subject" in fields else None,
    )


def _index(fields: Fields, media_type: str) -> Index:
    return Index(
        entries=tuple(_entry(entry) for entry in fields.fields_list("manifests")),
        annotations=fields.text_map("annotations"),
        media_type=media_type,
    )


def _entry(fields: Fields) -> IndexEntry:
    platform = None
    if "platform" in fields:
        found = fields.fields("platform")
        platform = ImagePlatform(
            architecture=found.text("architecture"),
            operating_system=found.text("os"),
            variant=found.text("variant", ""),
            operating_system_version=found.text("os.version", ""),
        )
    return IndexEntry(
        descriptor=fields.descriptor(),
        platform=platform,
        annotations=fields.text_map("annotations"),
        artifact_type=fields.text("artifactType", ""),
    )


def _entry_document(entry: IndexEntry) -> dict[str, object]:
    document = descriptor_document(entry.descriptor)
    if entry.artifact_type:
        document["artifactType"] = entry.artifact_type
    if entry.platform is not None:
        platform = {"architecture": entry.platform.architecture, "os": entry.platform.operating_system}
        if entry.platform.variant:
            platform["variant"] = entry.platform.variant
        if entry.platform.operating_system_version:
            platform["os.version"] = entry.platform.operating_system_version
        document["platform"] = platform
    if entry.annotations:
        document["annotations"] = dict(entry.annotations)
    return document
