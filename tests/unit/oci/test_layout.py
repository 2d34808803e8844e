import json
import os
from pathlib import Path

import pytest

from careen.blobs.digest import Descriptor, Digest, DigestMismatchError
from careen.oci.document import ImageDocumentError
from careen.oci.layout import Layout, LayoutError, LayoutWriter
from careen.oci.manifest import ImagePlatform, Index, IndexEntry, PlatformNotOfferedError
from careen.oci.media_types import INDEX, LAYER
from careen.platforms import Platform
from fakes.images import Item, layout_of, put_image, tar

_HELLO = tar([Item("etc/hello", b"hello")])


def _blobs(folder: Path) -> set[str]:
    return {path.name for path in (folder / "blobs" / "sha256").iterdir()}


def test_a_layout_that_was_written_is_read(tmp_path: Path) -> None:
    with LayoutWriter(tmp_path / "out") as writer:
        written = put_image(writer, [_HELLO])
        writer.finish({"web": written})
    layout = Layout.open(tmp_path / "out")
    assert layout.images() == {"web": written}
    manifest = layout.manifest(layout.image())
    config = layout.config(manifest)
    assert config.diff_ids == (Digest.of(_HELLO),)
    with layout.open_blob(manifest.layers[0]) as blob:
        assert len(blob.read()) == manifest.layers[0].size
    assert json.loads((tmp_path / "out" / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert _blobs(tmp_path / "out") == {
        digest.hex for digest in (written.digest, manifest.config.digest, manifest.layers[0].digest)
    }
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"oci-layout", "index.json", "blobs"}


def test_the_same_images_give_the_same_bytes_in_whatever_order_they_come(tmp_path: Path) -> None:
    for name, order in (("one", ["a", "b"]), ("two", ["b", "a"])):
        with LayoutWriter(tmp_path / name) as writer:
            images = {image: put_image(writer, [tar([Item(image, b"x")])]) for image in order}
            writer.finish(images)
    assert (tmp_path / "one/index.json").read_bytes() == (tmp_path / "two/index.json").read_bytes()
    assert _blobs(tmp_path / "one") == _blobs(tmp_path / "two")


@pytest.mark.parametrize("damage", ["", "other bytes", "another mode", "a link"])
def test_a_document_that_is_there_is_left_alone_and_a_damaged_one_written_anew(damage: str, tmp_path: Path) -> None:
    with LayoutWriter(tmp_path / "out") as writer:
        descriptor = writer.put(INDEX, b"{}")
        place = Layout(tmp_path / "out", ()).blob_path(descriptor.digest)
        match damage:
            case "other bytes":
                place.write_bytes(b"[]")
            case "another mode":
                place.chmod(0o600)
            case "a link":
                place.rename(tmp_path / "elsewhere")
                place.symlink_to(tmp_path / "elsewhere")
        before = place.lstat().st_ino
        assert writer.put(INDEX, b"{}") == descriptor
    assert (place.lstat().st_ino == before) is (damage == "")
    assert (place.read_bytes(), place.lstat().st_mode & 0o777, place.is_symlink()) == (b"{}", 0o644, False)


def test_a_blob_of_the_same_file_system_is_linked(tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(_HELLO)
    descriptor = Descriptor(LAYER, Digest.of(_HELLO), len(_HELLO))
    with LayoutWriter(tmp_path / "out") as writer:
        writer.add_blob(descriptor, blob)
        writer.add_blob(descriptor, blob)
        assert writer.has(descriptor)
    place = Layout(tmp_path / "out", ()).blob_path(descriptor.digest)
    assert place.samefile(blob)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"oci-layout", "blobs"}


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no second file system at /dev/shm")
def test_a_blob_of_another_file_system_is_copied_and_verified(tmp_path: Path) -> None:
    foreign = Path("/dev/shm") / f"careen-test-{os.getpid()}"
    if Path("/dev/shm").stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("/dev/shm is no other file system than the temporary folder's")
    try:
        foreign.write_bytes(_HELLO)
        right = Descriptor(LAYER, Digest.of(_HELLO), len(_HELLO))
        wrong = Descriptor(LAYER, Digest.of(b"other"), len(_HELLO))
        with LayoutWriter(tmp_path / "out") as writer:
            writer.add_blob(right, foreign)
            with pytest.raises(DigestMismatchError, match="holds other bytes"):
                writer.add_blob(wrong, foreign)
    finally:
        foreign.unlink()
    assert _blobs(tmp_path / "out") == {right.digest.hex}


def test_a_blob_of_another_size_is_refused(tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(_HELLO)
    with LayoutWriter(tmp_path / "out") as writer, pytest.raises(DigestMismatchError, match="instead of 3"):
        writer.add_blob(Descriptor(LAYER, Digest.of(_HELLO), 3), blob)


def test_a_received_blob_counts_only_when_it_is_the_promised_one(tmp_path: Path) -> None:
    descriptor = Descriptor(LAYER, Digest.of(b"right"), 5)
    with LayoutWriter(tmp_path / "out") as writer:
        with pytest.raises(DigestMismatchError), writer.receive(descriptor) as sink:
            sink.write(b"wrong")
        assert not writer.has(descriptor)
        with pytest.raises(ZeroDivisionError), writer.receive(descriptor) as sink:
            sink.write(bytes([1 // sink.size]))
        assert not writer.has(descriptor)
        with writer.receive(descriptor) as sink:
            sink.write(b"right")
        assert writer.has(descriptor)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"oci-layout", "blobs"}


def test_an_image_that_lacks_a_blob_is_not_named(tmp_path: Path) -> None:
    with LayoutWriter(tmp_path / "out") as writer:
        image = put_image(writer, [_HELLO])
        layer = Layout(tmp_path / "out", ()).manifest(image).layers[0]
        Layout(tmp_path / "out", ()).blob_path(layer.digest).unlink()
        with pytest.raises(LayoutError, match=f"lacks the blob {layer.digest}"):
            writer.finish({"web": image})
    assert not (tmp_path / "out" / "index.json").exists()


def test_finishing_anew_removes_what_no_image_needs_any_more(tmp_path: Path) -> None:
    layout_of(tmp_path / "out", [Item("a", b"1")], name="old")
    (tmp_path / "out" / ".new-left-by-a-killed-run").write_bytes(b"half")
    layout = layout_of(tmp_path / "out", [Item("b", b"2")], name="new")
    assert list(layout.images()) == ["new"]
    assert len(_blobs(tmp_path / "out")) == 3
    assert not list((tmp_path / "out").glob(".new-*"))


def test_other_images_stay_when_asked(tmp_path: Path) -> None:
    layout_of(tmp_path / "out", [Item("a", b"1")], name="web")
    layout_of(tmp_path / "out", [Item("b", b"2")], name="gone")
    layout_of(tmp_path / "out", [Item("a", b"1")], name="web")
    with LayoutWriter(tmp_path / "out") as writer:
        image = put_image(writer, [_HELLO])
        layout = writer.finish({"worker": image}, keep_others=True)
    assert sorted(layout.images()) == ["web", "worker"]
    assert len(_blobs(tmp_path / "out")) == 6


def test_two_writers_of_one_folder_do_not_mix(tmp_path: Path) -> None:
    with LayoutWriter(tmp_path / "out"), pytest.raises(LayoutError, match="another run is writing"):
        LayoutWriter(tmp_path / "out")
    LayoutWriter(tmp_path / "out").close()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(LayoutError, match="not empty and not an image layout"):
        LayoutWriter(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_blobs_that_were_damaged_are_found_when_they_are_read(tmp_path: Path) -> None:
    layout = layout_of(tmp_path / "out", [Item("a", b"1" * 5000)], media_type=LAYER)
    layer = layout.manifest(layout.image()).layers[0]
    path = layout.blob_path(layer.digest)
    data = bytearray(path.read_bytes())
    data[600] ^= 1
    path.write_bytes(data)
    with layout.open_blob(layer) as blob:
        assert blob.read(layer.size - 1) == data[:-1]
        with pytest.raises(DigestMismatchError, match="holds other bytes"):
            blob.read(1)
    path.write_bytes(data[:-1])
    with pytest.raises(DigestMismatchError, match="instead of"), layout.open_blob(layer):
        pass
    path.unlink()
    with pytest.raises(LayoutError, match="lacks the blob"), layout.open_blob(layer):
        pass
    os.mkfifo(path)
    with pytest.raises(LayoutError, match="lacks the blob"), layout.open_blob(layer):
        pass


def test_one_of_several_images_is_asked_for_by_name(tmp_path: Path) -> None:
    with LayoutWriter(tmp_path / "out") as writer:
        web, worker = put_image(writer, [_HELLO]), put_image(writer, [])
        layout = writer.finish({"web": web, "worker": worker})
    assert layout.image("worker") == worker
    with pytest.raises(LayoutError, match="has several images") as caught:
        layout.image()
    assert caught.value.hints == ("it has web, worker",)
    with pytest.raises(LayoutError, match="has no image flower"):
        layout.image("flower")


def test_an_image_of_several_platforms_is_followed_to_its_manifest(tmp_path: Path) -> None:
    with LayoutWriter(tmp_path / "out") as writer:
        entries = tuple(
            IndexEntry(
                descriptor=put_image(writer, [_HELLO], architecture=name), platform=ImagePlatform(architecture=name)
            )
            for name in ("amd64", "arm64")
        )
        layout = writer.finish({"web": writer.put(INDEX, Index(entries=entries).render())})
    assert layout.image(platform=Platform.parse("linux/arm64")) == entries[1].descriptor
    with pytest.raises(ImageDocumentError, match="is for 2 platforms"):
        layout.image()
    assert len(_blobs(tmp_path / "out")) == 6
    with LayoutWriter(tmp_path / "out") as writer:
        layout = writer.finish({"web": writer.put(INDEX, Index(entries=entries[:1]).render())})
    assert layout.image() == entries[0].descriptor
    with pytest.raises(PlatformNotOfferedError):
        layout.image(platform=Platform.parse("linux/arm64"))
    assert layout.index(layout.images()["web"]).entries == entries[:1]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("oci-layout", b"{}", "imageLayoutVersion is missing"),
        ("oci-layout", b'{"imageLayoutVersion": "2.0.0"}', "version '2.0.0'"),
        ("index.json", b"{}", "schemaVersion is missing"),
        ("index.json", b"nonsense", "not a JSON document"),
    ],
)
def test_a_malformed_layout_says_what_is_wrong(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    layout_of(tmp_path / "out", [Item("a")])
    (tmp_path / "out" / name).write_bytes(data)
    with pytest.raises((LayoutError, ImageDocumentError), match=reason):
        Layout.open(tmp_path / "out")


def test_a_folder_that_is_no_layout_is_named(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="is not an image layout: oci-layout cannot be read"):
        Layout.open(tmp_path)
