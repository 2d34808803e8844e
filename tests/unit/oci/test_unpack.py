import gzip
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from careen.blobs.digest import Descriptor, Digest, DigestMismatchError
from careen.oci.config import ImageConfig
from careen.oci.decompress import LayerError
from careen.oci.layer_entries import EntryKind
from careen.oci.layout import Layout, LayoutWriter
from careen.oci.manifest import ImagePlatform, Manifest
from careen.oci.media_types import CONFIG, LAYER, LAYER_GZIP, LAYER_ZSTD, MANIFEST
from careen.oci.unpack import (
    Specials,
    UnpackError,
    UnpackSettings,
    image_files,
    layer_entries,
    read_files,
    unpack,
)
from fakes.images import Item, folder, hard_link, layout_of, symlink, tar

_ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")


def _image(folder_: Path, data: bytes, packed: bytes, media_type: str = LAYER_GZIP) -> tuple[Layout, Manifest]:
    """An image with one layer, whose packing the test made itself."""
    with LayoutWriter(folder_) as writer:
        config = ImageConfig(platform=ImagePlatform(architecture="amd64"), diff_ids=(Digest.of(data),))
        manifest = Manifest(config=writer.put(CONFIG, config.render()), layers=(writer.put(media_type, packed),))
        layout = writer.finish({"web": writer.put(MANIFEST, manifest.render())})
    return layout, manifest


def _unpack(layout: Layout, root: Path, settings: UnpackSettings | None = None) -> None:
    unpack(layout, layout.manifest(layout.image()), root, settings)


@pytest.mark.parametrize("media_type", [LAYER, LAYER_GZIP, LAYER_ZSTD])
def test_layers_are_laid_over_one_another(tmp_path: Path, media_type: str) -> None:
    layout = layout_of(
        tmp_path / "image",
        [
            folder("app/", 0o750),
            Item("app/main.py", b"old" * 1000),
            Item("app/gone", b"x"),
            hard_link("app/same", "app/main.py"),
        ],
        [Item("app/.wh.gone"), Item("app/main.py", b"new", mode=0o600), symlink("run", "app")],
        [Item("run/more", b"more")],
        media_type=media_type,
    )
    _unpack(layout, tmp_path / "root")
    root = tmp_path / "root"
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == [
        "app", "app/main.py", "app/more", "app/same", "run",
    ]  # fmt: skip
    assert (root / "app/main.py").read_bytes() == b"new"
    assert (root / "app/same").read_bytes() == b"old" * 1000
    assert (root / "run").readlink() == Path("app")
    assert (root / "app").stat().st_mode & 0o7777 == 0o750
    assert (root / "app/main.py").stat().st_mode & 0o7777 == 0o600
    assert (root / "app/main.py").stat().st_mtime == 1_700_000_000
    assert (root / "app").stat().st_mtime == 1_700_000_000
    assert (root / "run").lstat().st_mtime == 1_700_000_000


def test_gzip_members_and_zstd_frames_one_after_another_are_one_layer(tmp_path: Path) -> None:
    data = tar([Item("a", b"1" * 3000), Item("b", b"2")])
    parts = [data[:1024], data[1024:5000], data[5000:]]
    frames = zstandard.ZstdCompressor()
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00note"
    packings = {
        LAYER_GZIP: b"".join(gzip.compress(part) for part in parts) + bytes(100),
        LAYER_ZSTD: skippable + b"".join(frames.compress(part) for part in parts),
    }
    for number, (media_type, packed) in enumerate(packings.items()):
        layout, manifest = _image(tmp_path / str(number), data, packed, media_type)
        assert [file.path for file in image_files(layout, manifest)] == ["a", "b"]
        unpack(layout, manifest, tmp_path / f"root-{number}")
        assert (tmp_path / f"root-{number}" / "a").read_bytes() == b"1" * 3000


def test_what_follows_the_end_of_a_tar_belongs_to_the_layer(tmp_path: Path) -> None:
    data = tar([Item("a", b"1")]) + bytes(3_000_000)
    layout, manifest = _image(tmp_path, data, gzip.compress(data))
    assert [file.path for file in image_files(layout, manifest)] == ["a"]


def test_the_packing_is_told_by_the_bytes_not_by_the_name(tmp_path: Path) -> None:
    data = tar([Item("a", b"1")])
    layout, manifest = _image(tmp_path, data, gzip.compress(data), LAYER)
    assert [file.path for file in image_files(layout, manifest)] == ["a"]


@pytest.mark.parametrize(
    "layer",
    [
        [symlink("out", "/"), Item("out/etc/careen-was-here", b"x")],
        [symlink("out", "../../../../../../.."), Item("out/careen-was-here", b"x")],
        [symlink("a", "b"), symlink("b", "{outside}"), Item("a/careen-was-here", b"x")],
        [symlink("file", "{outside}/careen-was-here"), Item("file", b"x")],
        [symlink("file", "{outside}/careen-was-here"), hard_link("other", "file"), Item("other", b"x")],
        [symlink("out", "{outside}"), Item("out/.wh.victim")],
        [symlink("out", "{outside}"), Item("out/.wh..wh..opq")],
        [symlink("out", "{outside}"), folder("out/new/")],
        [symlink("out", "{outside}"), folder("out/"), Item("out/careen-was-here", b"x")],
    ],
)
def test_nothing_is_written_or_removed_outside_of_the_root(tmp_path: Path, layer: list[Item]) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_text("unharmed")
    before = {path: path.lstat().st_mtime_ns for path in (outside, outside / "victim", Path("/"), Path("/etc"))}
    items = [replace(item, target=item.target.format(outside=outside)) for item in layer]
    _unpack(layout_of(tmp_path / "image", items), tmp_path / "root")
    assert [path.name for path in outside.iterdir()] == ["victim"]
    assert (outside / "victim").read_text() == "unharmed"
    assert {path: path.lstat().st_mtime_ns for path in before} == before


def test_a_hard_link_cannot_reach_a_file_outside(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    layout = layout_of(tmp_path / "image", [symlink("up", str(tmp_path)), hard_link("mine", "up/secret")])
    with pytest.raises(LayerError, match="leads to no file"):
        _unpack(layout, tmp_path / "root")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_and_pipes_are_refused_or_passed_over(tmp_path: Path, kind: bytes) -> None:
    layout = layout_of(
        tmp_path / "image", [Item("dev/thing", kind=kind), hard_link("dev/same", "dev/thing")], [Item("dev/.wh.thing")]
    )
    with pytest.raises(UnpackError, match=r"the image has a .*: 'dev/thing'"):
        _unpack(layout, tmp_path / "refused")
    _unpack(layout, tmp_path / "skipped", UnpackSettings(specials=Specials.SKIP))
    assert [path.name for path in (tmp_path / "skipped").rglob("*")] == ["dev"]


def test_pipes_are_made_when_asked(tmp_path: Path) -> None:
    layout = layout_of(tmp_path / "image", [Item("run/pipe", kind=tarfile.FIFOTYPE, mode=0o620)])
    _unpack(layout, tmp_path / "root", UnpackSettings(specials=Specials.MAKE))
    assert (tmp_path / "root/run/pipe").is_fifo()
    assert (tmp_path / "root/run/pipe").stat().st_mode & 0o7777 == 0o620


@_ROOT_ONLY
def test_owners_setuid_bits_and_capabilities_are_those_of_the_image(tmp_path: Path) -> None:
    capability = b"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00".decode("latin-1")
    layout = layout_of(
        tmp_path / "image",
        [
            folder("home/"),
            Item("home/su", b"x", mode=0o4755, owner=1234),
            Item("ping", b"x", mode=0o755, pax={"SCHILY.xattr.security.capability": capability}),
            symlink("link", "home"),
        ],
    )
    _unpack(layout, tmp_path / "root", UnpackSettings(owners=True))
    su = (tmp_path / "root/home/su").stat()
    assert (su.st_uid, su.st_gid, su.st_mode & 0o7777) == (1234, 1234, 0o4755)
    assert os.getxattr(tmp_path / "root/ping", "security.capability") == capability.encode("latin-1")


def test_without_owners_folders_stay_open_to_the_caller(tmp_path: Path) -> None:
    layout = layout_of(tmp_path / "image", [folder("closed/", 0o000), Item("closed/file", b"x", owner=1234)])
    _unpack(layout, tmp_path / "root")
    assert (tmp_path / "root/closed").stat().st_mode & 0o7777 == 0o700
    assert (tmp_path / "root/closed/file").stat().st_uid == os.geteuid()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    layout = layout_of(tmp_path / "image", [Item("a")])
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "mine").write_text("mine")
    with pytest.raises(UnpackError, match="is not empty"):
        _unpack(layout, tmp_path / "root")
    (tmp_path / "link").symlink_to(tmp_path / "image")
    with pytest.raises(UnpackError, match="is not empty"):
        _unpack(layout, tmp_path / "link")


def test_a_name_the_disk_cannot_hold_is_an_error_that_names_it(tmp_path: Path) -> None:
    layout = layout_of(tmp_path / "image", [Item("x" * 300, b"1")])
    with pytest.raises(UnpackError, match="cannot be written: File name too long"):
        _unpack(layout, tmp_path / "root")


def test_a_bomb_is_stopped_at_the_bound(tmp_path: Path) -> None:
    layout = layout_of(tmp_path / "image", [Item("zeros", bytes(3_000_000))], [Item("more", bytes(3_000_000))])
    for largest in (1_000_000, 5_000_000):
        with pytest.raises(LayerError, match="unpacks to more than"):
            _unpack(layout, tmp_path / str(largest), UnpackSettings(largest=largest))


@pytest.mark.parametrize(
    ("kept", "added", "reason"),
    [
        (slice(0, -20), b"", "cannot be unpacked"),
        (slice(0, 1500), bytes(20), "cannot be unpacked"),
        (slice(None), b"rubbish", "cannot be unpacked"),
        (slice(0, 2), b"", "cannot be unpacked"),
        (slice(0, 0), b"<html>not a layer</html>" * 40, "malformed number"),
    ],
)
def test_a_damaged_layer_is_an_error_that_names_it(tmp_path: Path, kept: slice, added: bytes, reason: str) -> None:
    data = tar([Item("a", os.urandom(3000))])
    layout, manifest = _image(tmp_path / "image", data, gzip.compress(data)[kept] + added)
    with pytest.raises(LayerError, match=f"the layer {manifest.layers[0].digest} cannot be read: .*{reason}"):
        image_files(layout, manifest)


def test_a_layer_that_unpacks_to_something_else_than_promised_is_refused(tmp_path: Path) -> None:
    promised, other = tar([Item("a", b"1")]), tar([Item("a", b"2")])
    layout, manifest = _image(tmp_path / "image", promised, gzip.compress(other))
    with pytest.raises(DigestMismatchError, match=f"instead of {Digest.of(promised)}"):
        image_files(layout, manifest)
    cut = zstandard.ZstdCompressor().compress(promised)[:-9]
    layout, manifest = _image(tmp_path / "cut", promised, cut, LAYER_ZSTD)
    with pytest.raises((DigestMismatchError, LayerError)):
        image_files(layout, manifest)


def test_a_configuration_must_name_every_layer(tmp_path: Path) -> None:
    layout = layout_of(tmp_path / "image", [Item("a")], [Item("b")])
    manifest = layout.manifest(layout.image())
    with pytest.raises(LayerError, match="has 1 layers and names 2"):
        image_files(layout, Manifest(config=manifest.config, layers=manifest.layers[:1]))


def test_layers_that_no_registry_holds_are_refused(tmp_path: Path) -> None:
    layout = layout_of(tmp_path / "image", [Item("a")])
    manifest = layout.manifest(layout.image())
    foreign = Descriptor(
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", manifest.layers[0].digest, manifest.layers[0].size
    )
    with pytest.raises(LayerError, match="kept outside of registries"):
        image_files(layout, Manifest(config=manifest.config, layers=(foreign,)))


def test_an_image_is_listed_with_the_layer_each_file_is_from(tmp_path: Path) -> None:
    layout = layout_of(
        tmp_path / "image",
        [folder("app/"), Item("app/a", b"123", owner=7), symlink("link", "app")],
        [Item("app/b", b"12345"), Item("dev/null", kind=tarfile.CHRTYPE)],
    )
    files = image_files(layout, layout.manifest(layout.image()))
    assert [(file.path, file.kind, file.size, file.uid, file.layer) for file in files] == [
        ("app", EntryKind.DIRECTORY, 0, 0, 0),
        ("app/a", EntryKind.FILE, 3, 7, 0),
        ("app/b", EntryKind.FILE, 5, 0, 1),
        ("dev", EntryKind.DIRECTORY, 0, 0, 1),
        ("dev/null", EntryKind.CHARACTER_DEVICE, 0, 0, 1),
        ("link", EntryKind.SYMBOLIC_LINK, 0, 0, 0),
    ]


def test_contents_are_those_of_the_finished_image(tmp_path: Path) -> None:
    layout = layout_of(
        tmp_path / "image",
        [Item("status.d/a", b"old"), Item("status.d/b", b"gone"), Item("status.d/c", b"kept"), Item("other", b"x")],
        [Item("status.d/a", b"new"), Item("status.d/.wh.b"), hard_link("status.d/d", "status.d/c")],
    )
    read = read_files(layout, layout.manifest(layout.image()), lambda path: path.startswith("status.d/"))
    assert read.contents == {"status.d/a": b"new", "status.d/c": b"kept", "status.d/d": b"kept"}
    assert len(read.file_system.files()) == 5


def test_one_layer_says_what_it_removes(tmp_path: Path) -> None:
    layout = layout_of(tmp_path / "image", [Item("a")], [Item(".wh.a"), Item("b", b"12")])
    layer = layout.manifest(layout.image()).layers[1]
    assert [(entry.path, entry.size) for entry in layer_entries(layout, layer)] == [(".wh.a", 0), ("b", 2)]
