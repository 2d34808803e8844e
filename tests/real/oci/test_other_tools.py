"""careen's layouts, archives and unpacking beside skopeo, umoci, podman and docker."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Protocol

import pytest

from careen.oci.archive import Archive
from careen.oci.archive_writer import write_docker_archive, write_layout_archive
from careen.oci.config import parse_config
from careen.oci.images import Images, read_blob, read_config, read_manifest
from careen.oci.layout import Layout
from careen.oci.media_types import LAYER, LAYER_GZIP, LAYER_ZSTD
from careen.oci.reference import ImageReference
from careen.oci.unpack import UnpackSettings, image_files, unpack
from fakes.images import Item, folder, hard_link, layout_of, symlink

pytestmark = pytest.mark.real

_LOWER = [
    folder("usr/"),
    folder("usr/lib/", 0o755),
    Item("usr/lib/libx.so.1", b"library" * 3000, mode=0o755),
    symlink("usr/lib/libx.so", "libx.so.1"),
    symlink("lib", "usr/lib"),
    symlink("absolute", "/usr/lib"),
    hard_link("usr/lib/same", "usr/lib/libx.so.1"),
    folder("var/cache/"),
    Item("var/cache/old", b"old"),
    Item("var/cache/sub/old", b"old"),
    Item("etc/gone", b"gone"),
    Item("etc/" + "n" * 150, b"long name", mode=0o600, owner=1000),
    Item("bin/su", b"su", mode=0o4755),
    folder("tmp/", 0o1777),
    Item("turns/into/file", b"x"),
    Item("turns-into-folder", b"x"),
]
_UPPER = [
    Item("etc/.wh.gone"),
    folder("var/cache/", 0o700),
    Item("var/cache/.wh..wh..opq"),
    Item("var/cache/new", b"new"),
    Item("usr/lib/libx.so.1", b"changed"),
    Item("turns/.wh.into"),
    Item("turns/into", b"file"),
    folder("turns-into-folder/"),
    Item("turns-into-folder/file", b"y"),
    Item("new/deep/file", b"z"),
]


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _run(*argv: str | Path) -> bytes:
    done = subprocess.run([str(word) for word in argv], capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def _facts(images: Images, name: str) -> tuple[object, object]:
    manifest = read_manifest(images, images.images()[name])
    return image_files(images, manifest), read_config(images, manifest)


@pytest.mark.parametrize("media_type", [LAYER, LAYER_GZIP, LAYER_ZSTD])
def test_skopeo_reads_the_layout(tmp_path: Path, media_type: str) -> None:
    layout = layout_of(tmp_path / "image", _LOWER, _UPPER, media_type=media_type)
    shown = json.loads(_run(_tool("skopeo"), "inspect", f"oci:{tmp_path / 'image'}:web"))
    assert shown["Digest"] == str(layout.image().digest)
    config = _run(_tool("skopeo"), "inspect", "--config", "--raw", f"oci:{tmp_path / 'image'}:web")
    assert parse_config(config) == layout.config(layout.manifest(layout.image()))


@pytest.mark.parametrize("media_type", [LAYER, LAYER_GZIP, LAYER_ZSTD])
def test_skopeo_reads_the_archives_and_writes_ones_that_are_read(tmp_path: Path, media_type: str) -> None:
    skopeo = _tool("skopeo")
    layout = layout_of(tmp_path / "image", _LOWER, _UPPER, media_type=media_type)
    expected = _facts(layout, "web")
    write_docker_archive(layout, {ImageReference.parse("app:1"): layout.image()}, tmp_path / "docker.tar")
    write_layout_archive(layout, {"app:1": layout.image()}, tmp_path / "oci.tar")
    sources = {"docker-archive": tmp_path / "docker.tar", "oci-archive": tmp_path / "oci.tar"}
    for kind, path in sources.items():
        copy, docker, packed = tmp_path / f"{kind}-copy", tmp_path / f"{kind}-docker.tar", tmp_path / f"{kind}-oci.tar"
        source = f"{kind}:{path}:app:1"
        _run(skopeo, "copy", source, f"oci:{copy}:again")
        _run(skopeo, "copy", source, f"oci-archive:{packed}:again")
        assert _facts(Layout.open(copy), "again") == expected
        assert _facts(Archive.open(packed), "again") == expected
        if (kind, media_type) == ("oci-archive", LAYER_ZSTD):
            continue  # which skopeo does not turn into docker's form
        _run(skopeo, "copy", source, f"docker-archive:{docker}:app:2")
        ((name, _),) = Archive.open(docker).images().items()
        assert _facts(Archive.open(docker), name) == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")
@pytest.mark.parametrize("media_type", [LAYER_GZIP, LAYER_ZSTD])
def test_umoci_unpacks_to_the_same_root(tmp_path: Path, media_type: str) -> None:
    umoci = _tool("umoci")
    layout = layout_of(tmp_path / "image", _LOWER, _UPPER, media_type=media_type)
    if media_type == LAYER_ZSTD:  # umoci 0.4 knows gzip only, so the same image goes to it in that form
        layout_of(tmp_path / "for-umoci", _LOWER, _UPPER)
    source = tmp_path / ("for-umoci" if media_type == LAYER_ZSTD else "image")
    _run(umoci, "unpack", "--image", f"{source}:web", tmp_path / "bundle")
    unpack(layout, layout.manifest(layout.image()), tmp_path / "root", UnpackSettings(owners=True))
    ours, theirs = _tree(tmp_path / "root"), _tree(tmp_path / "bundle/rootfs")
    assert ours.keys() == theirs.keys()
    assert ours == theirs


def _tree(root: Path) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    names: dict[int, str] = {}
    made = {
        "etc",
        "var",
        "bin",
        "turns",
        "new",
        "new/deep",
        "var/cache/sub",
    }  # taken for granted: no times of their own
    for path in sorted(root.rglob("*")):
        name, state = str(path.relative_to(root)), path.lstat()
        content = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        time = 0 if name in made else state.st_mtime_ns
        twin = names.setdefault(state.st_ino, name)
        found[name] = (state.st_mode, state.st_uid, state.st_gid, time, content, twin)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="podman's storage here takes root")
@pytest.mark.parametrize("media_type", [LAYER, LAYER_GZIP, LAYER_ZSTD])
def test_podman_loads_dockers_archive(tmp_path: Path, media_type: str) -> None:
    podman = _tool("podman")
    layout = layout_of(tmp_path / "image", _LOWER, _UPPER, media_type=media_type)
    write_docker_archive(layout, {ImageReference.parse("localhost/app:1"): layout.image()}, tmp_path / "docker.tar")
    with tempfile.TemporaryDirectory() as short:  # podman takes no long paths
        storage = (podman, "--root", f"{short}/root", "--runroot", f"{short}/run", "--storage-driver", "vfs")
        assert b"localhost/app:1" in _run(*storage, "load", "-i", tmp_path / "docker.tar")
        (shown,) = json.loads(_run(*storage, "image", "inspect", "localhost/app:1"))
        assert shown["Id"] == layout.manifest(layout.image()).config.digest.hex


class _Docker(Protocol):
    def run(self, *words: str) -> str: ...


@pytest.mark.parametrize("media_type", [LAYER, LAYER_GZIP, LAYER_ZSTD])
def test_docker_loads_its_archive(tmp_path: Path, media_type: str, docker: _Docker) -> None:
    layout = layout_of(tmp_path / "image", _LOWER, _UPPER, media_type=media_type)
    write_docker_archive(layout, {ImageReference.parse("team/app:1"): layout.image()}, tmp_path / "docker.tar")
    assert "team/app:1" in docker.run("load", "-i", str(tmp_path / "docker.tar"))
    assert docker.run("image", "inspect", "-f", "{{.Id}}", "team/app:1") == str(
        layout.manifest(layout.image()).config.digest
    )
    docker.run("save", "-o", str(tmp_path / "saved.tar"), "team/app:1")
    assert _facts(Archive.open(tmp_path / "saved.tar"), "team/app:1") == _facts(layout, "web")


def test_documents_of_skopeo_are_read_byte_for_byte(tmp_path: Path) -> None:
    layout = layout_of(tmp_path / "image", _LOWER)
    _run(_tool("skopeo"), "copy", f"oci:{tmp_path / 'image'}:web", f"oci:{tmp_path / 'copy'}:web")
    copy = Layout.open(tmp_path / "copy")
    assert read_blob(copy, copy.image()) == read_blob(layout, layout.image())
