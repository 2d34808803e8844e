import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from careen.blobs.digest import Digest, DigestMismatchError
from careen.errors import CareenError
from careen.oci.archive import Archive, ArchiveError
from careen.oci.archive_writer import write_docker_archive, write_layout_archive
from careen.oci.config import ImageConfig
from careen.oci.document import ImageDocumentError
from careen.oci.images import choose_manifest, read_config, read_manifest
from careen.oci.layout import Layout, LayoutWriter
from careen.oci.manifest import ImagePlatform, Manifest
from careen.oci.media_types import CONFIG, LAYER, LAYER_GZIP, LAYER_ZSTD, MANIFEST
from careen.oci.reference import ImageReference
from careen.oci.unpack import image_files, read_files
from fakes.images import PACKINGS, Item, layout_of, tar

_WEB = ImageReference.parse("shelf_web:1")
_WORKER = ImageReference.parse("shelf_worker")


def _layout(folder: Path, media_type: str = LAYER_GZIP) -> Layout:
    return layout_of(folder, [Item("base", b"b" * 5000)], [Item("app", b"a")], media_type=media_type)


def _docker_tar(path: Path, config: bytes, layers: dict[str, bytes], extra: dict[str, str] | None = None) -> Path:
    """As another tool would write it; ``extra`` are symbolic links."""
    described = [{"Config": "config.json", "RepoTags": ["app:1", "app:2"], "Layers": [*layers, *(extra or {})]}]
    files = {**layers, "config.json": config, "manifest.json": json.dumps(described).encode()}
    items = [Item(name, data) for name, data in files.items()]
    items += [Item(name, kind=tarfile.SYMTYPE, target=target) for name, target in (extra or {}).items()]
    path.write_bytes(tar(items))
    return path


def _config(*layers: bytes) -> bytes:
    diff_ids = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    document = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    return json.dumps(document).encode()


@pytest.mark.parametrize("media_type", [LAYER, LAYER_GZIP, LAYER_ZSTD])
def test_an_image_survives_dockers_archive(tmp_path: Path, media_type: str) -> None:
    layout = _layout(tmp_path / "image", media_type)
    write_docker_archive(layout, {_WEB: layout.image(), _WORKER: layout.image()}, tmp_path / "images.tar")
    archive = Archive.open(tmp_path / "images.tar")
    assert sorted(archive.images()) == ["shelf_web:1", "shelf_worker:latest"]
    manifest = read_manifest(archive, archive.images()["shelf_web:1"])
    original = layout.manifest(layout.image())
    assert image_files(archive, manifest) == image_files(layout, original)
    assert read_config(archive, manifest) == layout.config(original)
    assert read_files(archive, manifest, lambda _: True).contents == {"base": b"b" * 5000, "app": b"a"}


def test_dockers_archive_is_what_docker_of_any_age_loads(tmp_path: Path) -> None:
    layout = _layout(tmp_path / "image", LAYER_ZSTD)
    write_docker_archive(layout, {_WEB: layout.image(), _WORKER: layout.image()}, tmp_path / "images.tar")
    with tarfile.open(tmp_path / "images.tar") as archive:
        names = archive.getnames()
        assert len(names) == len(set(names)) == 4
        described = json.load(archive.extractfile("manifest.json") or io.BytesIO())
        (image,) = described
        assert image["RepoTags"] == ["shelf_web:1", "shelf_worker:latest"]
        config = (archive.extractfile(image["Config"]) or io.BytesIO()).read()
        assert image["Config"] == hashlib.sha256(config).hexdigest() + ".json"
        for layer, diff_id in zip(image["Layers"], json.loads(config)["rootfs"]["diff_ids"], strict=True):
            data = (archive.extractfile(layer) or io.BytesIO()).read()
            assert f"sha256:{hashlib.sha256(data).hexdigest()}" == diff_id


def test_the_same_images_give_the_same_archive(tmp_path: Path) -> None:
    layout = _layout(tmp_path / "image")
    image = layout.image()
    write_docker_archive(layout, {_WEB: image, _WORKER: image}, tmp_path / "one.tar")
    write_docker_archive(layout, {_WORKER: image, _WEB: image}, tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    write_layout_archive(layout, {"b": image, "a": image}, tmp_path / "three.tar")
    write_layout_archive(layout, {"a": image, "b": image}, tmp_path / "four.tar")
    assert (tmp_path / "three.tar").read_bytes() == (tmp_path / "four.tar").read_bytes()


def test_a_layout_survives_being_a_tar(tmp_path: Path) -> None:
    layout = _layout(tmp_path / "image")
    write_layout_archive(layout, layout.images(), tmp_path / "image.tar")
    archive = Archive.open(tmp_path / "image.tar")
    assert archive.images() == layout.images()
    assert choose_manifest(archive, archive.images()["web"]) == layout.image()
    manifest = read_manifest(archive, archive.images()["web"])
    assert image_files(archive, manifest) == image_files(layout, manifest)
    with tarfile.open(tmp_path / "image.tar") as packed:
        packed.extractall(tmp_path / "again", filter="data")
    assert Layout.open(tmp_path / "again").images() == layout.images()


def test_an_archive_that_cannot_be_finished_leaves_what_was_there(tmp_path: Path) -> None:
    layout = _layout(tmp_path / "image")
    target = tmp_path / "image.tar"
    target.write_bytes(b"before")
    layer = layout.manifest(layout.image()).layers[1]
    layout.blob_path(layer.digest).write_bytes(bytes(layer.size))
    with pytest.raises(DigestMismatchError):
        write_docker_archive(layout, {_WEB: layout.image()}, target)
    with pytest.raises(DigestMismatchError):
        write_layout_archive(layout, layout.images(), target)
    assert target.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image", "image.tar"]


def test_a_layer_that_unpacks_to_something_else_is_not_written(tmp_path: Path) -> None:
    with LayoutWriter(tmp_path / "image") as writer:
        config = ImageConfig(platform=ImagePlatform(architecture="amd64"), diff_ids=(Digest.of(b"promised"),))
        layer = writer.put(LAYER_ZSTD, PACKINGS[LAYER_ZSTD](tar([Item("a")])))
        manifest = Manifest(config=writer.put(CONFIG, config.render()), layers=(layer,))
        layout = writer.finish({"web": writer.put(MANIFEST, manifest.render())})
    with pytest.raises(DigestMismatchError, match="unpacks to"):
        write_docker_archive(layout, {_WEB: layout.image()}, tmp_path / "image.tar")


def test_archives_of_other_tools_are_read(tmp_path: Path) -> None:
    layer, packed = tar([Item("a", b"1")]), tar([Item("b", b"22")])
    path = _docker_tar(
        tmp_path / "other.tar",
        _config(layer, packed, layer),
        {"one/layer.tar": layer, "two.tar.gz": gzip.compress(packed)},
        {"three/layer.tar": "../one/layer.tar"},
    )
    archive = Archive.open(path)
    assert list(archive.images()) == ["app:1", "app:2"]
    manifest = read_manifest(archive, archive.images()["app:2"])
    assert [(file.path, file.size, file.layer) for file in image_files(archive, manifest)] == [("a", 1, 2), ("b", 2, 1)]


def test_an_image_without_a_name_goes_by_its_digest(tmp_path: Path) -> None:
    layer = tar([Item("a", b"1")])
    described = [{"Config": "c", "RepoTags": None, "Layers": ["l"]}]
    items = [Item("manifest.json", json.dumps(described).encode()), Item("c", _config(layer)), Item("l", layer)]
    (tmp_path / "image.tar").write_bytes(tar(items))
    ((name, descriptor),) = Archive.open(tmp_path / "image.tar").images().items()
    assert name == str(descriptor.digest)


def test_a_layer_that_is_not_the_promised_one_is_found_when_it_is_read(tmp_path: Path) -> None:
    layer, other = tar([Item("a", b"1")]), tar([Item("a", b"2")])
    archive = Archive.open(_docker_tar(tmp_path / "x.tar", _config(layer), {"l": other}))
    with pytest.raises(DigestMismatchError):
        image_files(archive, read_manifest(archive, archive.images()["app:1"]))


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([], "neither manifest.json nor index.json"),
        ([Item("manifest.json", b"{}")], "manifest.json is not a list"),
        ([Item("manifest.json", b"[{}]")], r"manifest.json\[0\].Config is missing"),
        ([Item("manifest.json", b'[{"Config": "c"}]')], "lacks 'c'"),
        ([Item("manifest.json", b'[{"Config": "../../etc/passwd"}]')], "lacks '../../etc/passwd'"),
        ([Item("manifest.json", b'[{"Config": "c"}]'), Item("c", b"{}")], "config.architecture is missing"),
        ([Item("index.json", b"{}"), Item("oci-layout", b"{}")], "schemaVersion is missing"),
        ([Item("index.json", b'{"schemaVersion": 2, "manifests": []}'), Item("oci-layout", b"{}")], "is missing"),
        (
            [Item("index.json", b'{"schemaVersion": 2, "manifests": []}'),
             Item("oci-layout", b'{"imageLayoutVersion": "3"}')],
            "version '3'",
        ),
        ([Item("../x")], "climbs out"),
    ],
)  # fmt: skip
def test_what_is_no_image_archive_says_why(tmp_path: Path, items: list[Item], reason: str) -> None:
    (tmp_path / "x.tar").write_bytes(tar(items))
    with pytest.raises((ArchiveError, ImageDocumentError), match=reason):
        Archive.open(tmp_path / "x.tar")


def test_layers_and_configuration_must_agree(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="has 1 layers where its configuration names 0"):
        Archive.open(_docker_tar(tmp_path / "x.tar", _config(), {"l": b""}))
    config = ImageConfig(platform=ImagePlatform(architecture="amd64"), diff_ids=()).render()
    assert Archive.open(_docker_tar(tmp_path / "y.tar", config, {})).images()


def test_a_file_cut_anywhere_is_an_error_or_the_same_image(tmp_path: Path) -> None:
    layout = layout_of(tmp_path / "image", [Item("a", b"1")], media_type=LAYER)
    write_docker_archive(layout, {_WEB: layout.image()}, tmp_path / "whole.tar")
    whole = (tmp_path / "whole.tar").read_bytes()
    expected = Archive.open(tmp_path / "whole.tar").images()
    for length in range(0, len(whole), 97):
        (tmp_path / "cut.tar").write_bytes(whole[:length])
        try:
            assert Archive.open(tmp_path / "cut.tar").images() == expected
        except CareenError as error:
            assert isinstance(error, ArchiveError | ImageDocumentError)  # noqa: PT017 - either outcome is right


def test_a_missing_or_packed_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="cannot be read: No such file"):
        Archive.open(tmp_path / "missing.tar")
    with pytest.raises(ArchiveError, match="cannot be read: Is a directory"):
        Archive.open(tmp_path)
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(tar([Item("manifest.json", b"[]")] * 40)))
    with pytest.raises(ArchiveError, match="is packed") as caught:
        Archive.open(tmp_path / "x.tar.gz")
    assert caught.value.hints == (f"unpack it first: gunzip {tmp_path / 'x.tar.gz'}",)
