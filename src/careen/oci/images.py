"""Where images are: names that lead to descriptors, and bytes by their descriptors."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from careen.blobs.digest import Descriptor
from careen.oci.config import ImageConfig, parse_config
from careen.oci.document import LARGEST_DOCUMENT, ImageDocumentError
from careen.oci.manifest import ImagePlatform, Index, Manifest, parse_image
from careen.oci.media_types import INDEXES, MANIFESTS
from careen.platforms import Platform

_DEEPEST = 4


class BlobReader(Protocol):
    """Reads once, front to back."""

    def read(self, size: int = -1, /) -> bytes:
        """Fewer bytes than asked only at the end. Raises DigestMismatchError at the first sign of a wrong blob."""
        ...


class Images(Protocol):
    """A layout, an archive, or a registry's repository."""

    def images(self) -> Mapping[str, Descriptor]:
        """Names and what they point at, a manifest or an index."""
        ...

    def open_blob(self, descriptor: Descriptor) -> AbstractContextManager[BlobReader]:
        """Size and digest are verified while it is read. Raises CareenError when it is not there."""
        ...


def read_blob(images: Images, descriptor: Descriptor) -> bytes:
    """A document. Raises ImageDocumentError when it is too large, DigestMismatchError when it is another."""
    if descriptor.size > LARGEST_DOCUMENT:
        raise ImageDocumentError(f"{descriptor.digest} has {descriptor.size} bytes, more than any document needs")
    with images.open_blob(descriptor) as stream:
        return stream.read()


def read_image(images: Images, descriptor: Descriptor) -> Manifest | Index:
    return parse_image(read_blob(images, descriptor), descriptor.media_type)


def choose_manifest(images: Images, descriptor: Descriptor, platform: Platform | None = None) -> Descriptor:
    """Follows indexes down to the manifest for the platform; without one, to the only manifest there is.

    Raises PlatformNotOfferedError or ImageDocumentError.
    """
    for _ in range(_DEEPEST):
        if descriptor.media_type not in INDEXES:
            return descriptor
        index = read_image(images, descriptor)
        if not isinstance(index, Index):
            raise ImageDocumentError(f"{descriptor.digest} is called an index and is none")
        if platform is not None:
            descriptor = index.choose(platform)
        else:
            real = [entry for entry in index.entries if not _is_attestation(entry.platform)]
            if len(real) != 1:
                offered = ", ".join(str(entry.platform) for entry in real)
                raise ImageDocumentError(
                    f"the image is for {len(real)} platforms", hints=(f"name one of them: {offered}",)
                )
            descriptor = real[0].descriptor
    raise ImageDocumentError("the image is an index of indexes of indexes")


def read_manifest(images: Images, descriptor: Descriptor) -> Manifest:
    found = read_image(images, descriptor)
    if not isinstance(found, Manifest):
        raise ImageDocumentError("the image is an index of several platforms, not a manifest")
    return found


def read_config(images: Images, manifest: Manifest) -> ImageConfig:
    return parse_config(read_blob(images, manifest.config))


def reachable_from(images: Images, descriptor: Descriptor, depth: int = 0) -> Iterator[Descriptor]:
    """What an image consists of: blobs before the manifests that name them. Raises ImageDocumentError."""
    if depth > _DEEPEST:
        raise ImageDocumentError("the image is an index of indexes of indexes")
    if descriptor.media_type in MANIFESTS | INDEXES:
        match read_image(images, descriptor):
            case Index(entries=entries):
                for entry in entries:
                    yield from reachable_from(images, entry.descriptor, depth + 1)
            case Manifest(config=config, layers=layers):
                yield config
                yield from layers
    yield descriptor


def _is_attestation(platform: ImagePlatform | None) -> bool:
    """BuildKit puts provenance beside the images, under a platform that is none."""
    return platform is not None and platform.operating_system == "unknown"
