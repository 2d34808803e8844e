"""What is attached to an image: in a layout, in an archive of one, in registries that keep track of it or do not."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from careen.http.client import HttpClient
from careen.http.patience import HttpSettings
from careen.oci.archive import Archive
from careen.oci.archive_writer import write_layout_archive
from careen.oci.layout import Layout, LayoutWriter
from careen.oci.manifest import parse_index, parse_manifest
from careen.oci.reference import ImageReference
from careen.oci.referrers import push_attachments, referrers_tag
from careen.oci.registry import Registries, Repository
from careen.oci.transfer import push_image
from fakes.images import Item, layout_of, put_image, tar
from fakes.registry import FakeRegistry

BOM = "application/vnd.cyclonedx+json"
OTHER = "application/vnd.other+json"


def layout_with(folder: Path, content: bytes = b'{"a": 1}') -> Layout:
    with LayoutWriter(folder) as writer:
        image = put_image(writer, [tar([Item("app", b"app")])])
        writer.attach(image, BOM, content)
        writer.attach(image, OTHER, b"{}")
        return writer.finish({"web": image})


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry().running() as running:
        yield running


@pytest.fixture
def http() -> Iterator[HttpClient]:
    client = HttpClient(HttpSettings(attempts=2, backoff=0.01))
    yield client
    client.close()


def repository(registry: FakeRegistry, http: HttpClient) -> Repository:
    return Registries(http).repository(ImageReference.parse(f"{registry.host}/team/app:1"))


def test_what_is_attached_is_found_by_its_image_and_is_no_image(tmp_path: Path) -> None:
    layout = layout_with(tmp_path / "layout")
    again = Layout.open(layout.folder)
    assert list(again.images()) == ["web"]
    assert again.attachment(again.image(), BOM) == b'{"a": 1}'
    assert again.attachment(again.image(), "application/nothing") is None
    assert len(again.attached(again.image())) == 2


def test_the_manifest_says_what_it_is_and_what_about(tmp_path: Path) -> None:
    layout = layout_with(tmp_path / "layout")
    (entry,) = (entry for entry in layout.attached(layout.image()) if entry.artifact_type == BOM)
    document = json.loads(layout.blob_path(entry.descriptor.digest).read_bytes())
    assert document["artifactType"] == BOM
    assert document["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert document["subject"]["digest"] == str(layout.image().digest)
    assert parse_manifest(json.dumps(document).encode()) == layout.manifest(entry.descriptor)


def test_the_order_in_which_things_are_attached_changes_nothing(tmp_path: Path) -> None:
    first = layout_with(tmp_path / "first")
    with LayoutWriter(tmp_path / "second") as writer:
        image = put_image(writer, [tar([Item("app", b"app")])])
        writer.attach(image, OTHER, b"{}")
        writer.attach(image, BOM, b'{"a": 1}')
        second = writer.finish({"web": image})
    assert (first.folder / "index.json").read_bytes() == (second.folder / "index.json").read_bytes()


def test_what_is_attached_stays_and_goes_with_its_image(tmp_path: Path) -> None:
    layout = layout_with(tmp_path / "layout")
    with LayoutWriter(layout.folder) as writer:
        kept = writer.finish({"other": put_image(writer, [tar([Item("b", b"b")])])}, keep_others=True)
    assert kept.attachment(kept.images()["web"], BOM) == b'{"a": 1}'
    with LayoutWriter(layout.folder) as writer:
        image = put_image(writer, [tar([Item("c", b"c")])])
        replaced = writer.finish({"web": image, "other": image}, keep_others=True)
    assert not [entry for entry in replaced.entries if entry.artifact_type]


def test_an_archive_whose_every_entry_is_unpacked_has_the_images_alone(tmp_path: Path) -> None:
    layout = layout_with(tmp_path / "layout")
    write_layout_archive(layout, layout.images(), tmp_path / "layout.tar")
    archive = Archive.open(tmp_path / "layout.tar")
    assert archive.images() == layout.images()
    with tarfile.open(tmp_path / "layout.tar") as members:
        index = members.extractfile("index.json")
        assert index is not None
        assert len(json.loads(index.read())["manifests"]) == 1


def test_a_registry_that_keeps_track_needs_no_tag(tmp_path: Path, registry: FakeRegistry, http: HttpClient) -> None:
    registry.tracks_subjects = True
    layout = layout_with(tmp_path / "layout")
    push_image(repository(registry, http), layout, layout.image())
    assert push_attachments(repository(registry, http), layout, layout.image()) == 2
    kept = registry.manifests["team/app"]
    assert all(str(entry.descriptor.digest) in kept for entry in layout.attached(layout.image()))
    assert referrers_tag(layout.image().digest) not in kept


def test_for_others_a_tag_lists_it_beside_what_was_listed_before(
    tmp_path: Path, registry: FakeRegistry, http: HttpClient
) -> None:
    first, second = layout_with(tmp_path / "first"), layout_with(tmp_path / "second", b'{"a": 2}')
    assert first.image() == second.image()
    push_image(repository(registry, http), first, first.image())
    for layout in (first, second, second):
        push_attachments(repository(registry, http), layout, layout.image())
    _, data = registry.manifests["team/app"][referrers_tag(first.image().digest)]
    listed = [(entry.artifact_type, entry.descriptor) for entry in parse_index(data).entries]
    wanted = {
        (entry.artifact_type, entry.descriptor)
        for layout in (first, second)
        for entry in layout.attached(layout.image())
    }
    assert set(listed) == wanted
    assert len(listed) == len(wanted) == 3


def test_an_image_without_attachments_asks_nothing(tmp_path: Path, registry: FakeRegistry, http: HttpClient) -> None:
    layout = layout_of(tmp_path / "layout", [Item("a", b"a")])
    assert push_attachments(repository(registry, http), layout, layout.image()) == 0
    assert registry.of("PUT") == []
