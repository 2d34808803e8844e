"""What is attached to an image, taken to where the image is (distribution spec, "Pushing manifests with subject").

A registry that keeps track of it says so; for any other the attachments are listed in an index under a tag that is made
of the image's digest (the spec's referrers tag schema).
"""

from collections.abc import Iterable
from dataclasses import replace

from careen.blobs.digest import Descriptor, Digest
from careen.oci.images import read_blob
from careen.oci.layout import Layout
from careen.oci.manifest import Index, IndexEntry, parse_index
from careen.oci.media_types import INDEX
from careen.oci.registry import Repository
from careen.oci.registry_errors import NotInRegistryError
from careen.oci.upload import upload_blob

_UNDERSTOOD = "oci-subject"
"""The header of the answer by which a registry says that it keeps track."""


def push_attachments(repository: Repository, layout: Layout, subject: Descriptor) -> int:
    """How many there are; the image itself must be there. Raises RegistryError, TransferError, or what reading does."""
    attached = layout.attached(subject)
    untracked = []
    for entry in attached:
        manifest = layout.manifest(entry.descriptor)
        for blob in (manifest.config, *manifest.layers):
            _push_blob(repository, layout, blob)
        data = read_blob(layout, entry.descriptor)
        answer = repository.put_manifest(str(entry.descriptor.digest), entry.descriptor, data)
        if _UNDERSTOOD not in answer.headers:
            untracked.append(replace(entry, annotations=manifest.annotations))
    if untracked:
        _list(repository, subject.digest, untracked)
    return len(attached)


def referrers_tag(digest: Digest) -> str:
    return f"sha256-{digest.hex}"


def _push_blob(repository: Repository, layout: Layout, blob: Descriptor) -> None:
    if repository.has_blob(blob):
        return
    begun = repository.begin_upload(blob)
    if begun is not None:
        upload_blob(repository, layout, blob, begun, lambda _: None)


def _list(repository: Repository, subject: Digest, entries: Iterable[IndexEntry]) -> None:
    """Adds to what others have attached; two at once may lose one, which the spec knows of."""
    tag = referrers_tag(subject)
    try:
        before = parse_index(repository.manifest(tag)[1]).entries
    except NotInRegistryError:
        before = ()
    added = {entry.descriptor.digest: entry for entry in entries}
    merged = (*(entry for entry in before if entry.descriptor.digest not in added), *added.values())
    if merged == before:
        return
    data = Index(entries=merged).render()
    repository.put_manifest(tag, Descriptor(INDEX, Digest.of(data), len(data)), data)
