"""Images that are bases: what is found in them, and what is put upon them."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from careen.blobs.digest import Descriptor
from careen.build.base_reading import BaseName, UnsuitableImageError, read_base
from careen.build.engine import BuildOptions
from careen.build.image_root import whiteouts
from careen.build.native import build_stack
from careen.build.sbom import MEDIA_TYPE as BILL
from careen.oci.config import RunConfig
from careen.oci.layout import Layout, LayoutWriter
from careen.oci.media_types import DOCKER_LAYER_GZIP, LAYER, LAYER_GZIP, LAYER_ZSTD, MANIFEST
from careen.oci.unpack import image_files, read_files
from careen.plan.target import ImageBase
from careen.platforms import Platform
from careen.python.c_library import CLibrary, glibc, musl
from fakes.alpine import ALPINE, upon_alpine
from fakes.images import Item, folder, put_image, symlink, tar
from fakes.stacks import write_stack

AMD64 = Platform.parse("linux/amd64")
NAME = BaseName(label="registry.example/team/python:1", source="registry.example/team/python@sha256:0")
GLIBC = b"\0GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n"
PYTHON = Item("usr/local/bin/python3.12", b"a program", mode=0o755)
SITE = "usr/local/lib/python3.12/site-packages"
OFFICIAL = (
    folder("usr/"),
    symlink("lib", "usr/lib"),
    Item("usr/lib/x86_64-linux-gnu/libc.so.6", GLIBC),
    Item("usr/lib/os-release", b'ID=debian\nVERSION_ID="12"\n'),
    symlink("etc/os-release", "../usr/lib/os-release"),
    PYTHON,
    symlink("usr/local/bin/python3", "python3.12"),
    Item("usr/local/lib/python3.12/site.py", b"site-packages"),
    Item("etc/ssl/certs/ca-certificates.crt", b"authorities"),
    Item("var/lib/dpkg/status", b"Package: libc6\nStatus: install ok installed\nVersion: 2.36-9\nArchitecture: amd64\n"
         b"\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: amd64\n"),
)  # fmt: skip
DISTRIBUTION = (
    Item(f"{SITE}/peg.py", b"old = 1\n"),
    Item(f"{SITE}/peg_old.py", b"old = 1\n"),
    Item(f"{SITE}/peg-0.9.dist-info/METADATA", b"Name: peg\nVersion: 0.9\n"),
    Item(f"{SITE}/peg-0.9.dist-info/RECORD", b"peg.py,,\npeg_old.py,,\npeg-0.9.dist-info/METADATA,,\n"
         b"peg-0.9.dist-info/RECORD,,\n../../../bin/peg,,\n../../../../../../etc/shadow,,\n"),
    Item("usr/local/bin/peg", b"#!", mode=0o755),
)  # fmt: skip


def image(
    place: Path, *layers: tuple[Item, ...], media_type: str = LAYER_GZIP, path: str = "/usr/local/bin:/usr/bin"
) -> tuple[Layout, Descriptor]:
    run = RunConfig(environment=(("PATH", path), ("PYTHON_VERSION", "3.12.4"), ("BASE", "here")))
    with LayoutWriter(place) as writer:
        top = put_image(writer, [tar(items) for items in layers], media_type=media_type, run=run)
        layout = writer.finish({top.digest.hex: top})
    return layout, top


def judged(place: Path, *layers: tuple[Item, ...], requires: int = 0, **more: str) -> ImageBase:
    layout, top = image(place, *layers, **more)
    return read_base(layout, top, NAME, AMD64, lambda version: version.minor >= requires)


def test_an_official_image_is_a_base(tmp_path: Path) -> None:
    base = judged(tmp_path, OFFICIAL, DISTRIBUTION)
    assert str(base.runtime.version) == "3.12"
    assert str(base.runtime.executable) == "/usr/local/bin/python3.12"
    assert str(base.runtime.site_packages) == f"/{SITE}"
    assert (base.patch, base.c_library, base.system, base.system_version) == (4, glibc(2, 36), "debian", "12")
    assert base.certificates == "/etc/ssl/certs/ca-certificates.crt"
    assert [(item.name, item.version) for item in base.installed] == [("libc6", "2.36-9")]
    [peg] = base.distributions
    assert "usr/local/bin/peg" in peg.paths
    assert all(not path.startswith(("..", "/")) for path in peg.paths)
    assert base.bytes == sum(layer.bytes for layer in base.layers)
    assert base.reference == "registry.example/team/python:1"


def test_an_image_of_alpine_is_a_base(tmp_path: Path) -> None:
    base = judged(tmp_path, ALPINE)
    assert (base.c_library, base.system, base.system_version) == (musl(1, 2), "alpine", "3.22.1")
    assert [(item.name, item.version, item.architecture, item.kind) for item in base.installed] == [
        ("musl", "1.2.5-r9", "x86_64", "apk"), ("zlib", "1.3.1-r2", "x86_64", "apk")
    ]  # fmt: skip
    assert str(base.runtime.site_packages) == f"/{SITE}"


@pytest.mark.parametrize(
    ("loader", "version"),
    [(b"\x7fELF\0libc.so\x001.1.24\0more", musl(1, 1)), (b"\0008.1.2\0\x001.2.5_git20240512\0", musl(1, 2))],
)
def test_without_a_record_of_packages_musl_itself_tells_its_version(
    loader: bytes, version: CLibrary, tmp_path: Path
) -> None:
    own = (*(item for item in ALPINE if "musl" not in item.path and "apk" not in item.path),)
    assert judged(tmp_path, own, (Item("lib/ld-musl-x86_64.so.1", loader),)).c_library == version


def test_the_bill_names_packages_of_alpine_as_alpines(tmp_path: Path) -> None:
    stack = upon_alpine(write_stack(tmp_path / "stack"), tmp_path / "base")
    result = build_stack(stack.plan, stack.sources, output=tmp_path / "out", options=BuildOptions(bytecode=False))
    made = Layout.open(tmp_path / "out")
    bill = made.attachment(made.image(result.images[0].reference), BILL)
    assert bill is not None
    assert b'"pkg:apk/alpine/musl@1.2.5-r9?arch=x86_64&distro=alpine-3.22.1"' in bill


def test_debian_has_its_python_look_elsewhere(tmp_path: Path) -> None:
    base = judged(
        tmp_path,
        (
            Item("usr/bin/python3.11", b"program", mode=0o755),
            Item("usr/lib/python3.11/site.py", b"local dist-packages"),
            Item("usr/lib/x86_64-linux-gnu/libc.so.6", GLIBC),
            Item("var/lib/dpkg/status.d/python3.11-minimal", b"Package: python3.11-minimal\nVersion: 3.11.2-6\n"),
            Item("var/lib/dpkg/status.d/python3.11-minimal.md5sums", b"0  usr/bin/python3.11\n"),
        ),
    )
    assert str(base.runtime.site_packages) == "/usr/local/lib/python3.11/dist-packages"
    assert str(base.runtime.scripts) == "/usr/local/bin"
    assert base.patch == 2
    assert base.certificates == ""


def test_the_first_python_on_the_path_that_the_project_allows_counts(tmp_path: Path) -> None:
    other = (
        Item("opt/bin/python3.9", b"program", mode=0o755),
        symlink("opt/bin/python", "python3.9"),
        Item("opt/lib/python3.9/site.py", b"site-packages"),
    )
    path = "/opt/bin:/usr/local/bin"
    assert judged(tmp_path / "1", OFFICIAL, other, path=path).runtime.version.minor == 9
    assert judged(tmp_path / "2", OFFICIAL, other, path=path, requires=10).runtime.version.minor == 12
    with pytest.raises(UnsuitableImageError, match=r"has Python 3\.9, 3\.12, which the project does not allow"):
        judged(tmp_path / "3", OFFICIAL, other, path=path, requires=13)


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ((Item("usr/bin/sh", b"", mode=0o755),), "has no Python on its PATH"),
        ((PYTHON,), "without its standard library"),
        ((PYTHON, Item("usr/local/lib/python3.12/site.py", b"site-packages")), "no C library that wheels are made"),
        (
            (PYTHON, Item("usr/local/lib/python3.12/site.py", b"x"), Item("lib/ld-musl-x86_64.so.1", b"")),
            "has musl for a C library, of a version that nothing in it tells",
        ),
    ],
)
def test_an_image_without_what_a_base_needs_is_refused(tmp_path: Path, items: tuple[Item, ...], told: str) -> None:
    with pytest.raises(UnsuitableImageError, match=re.escape(told)):
        judged(tmp_path, items)


def test_an_image_for_another_platform_is_refused(tmp_path: Path) -> None:
    layout, top = image(tmp_path, OFFICIAL)
    with pytest.raises(UnsuitableImageError, match="is for linux/amd64, not for linux/arm64"):
        read_base(layout, top, NAME, Platform.parse("linux/arm64"), lambda _: True)


def test_what_neighbours_own_as_well_is_not_hidden(tmp_path: Path) -> None:
    base = judged(tmp_path, OFFICIAL, DISTRIBUTION)
    [peg] = base.distributions
    both = replace(base, distributions=(peg, replace(peg, name="mate", paths=("usr/local/bin/peg",))))
    assert "usr/local/bin/peg" in whiteouts(base, frozenset({"peg"}))
    assert "usr/local/bin/peg" not in whiteouts(both, frozenset({"peg"}))
    assert whiteouts(base, frozenset({"other"})) == ()


@pytest.mark.parametrize("media_type", [LAYER, LAYER_GZIP, LAYER_ZSTD, DOCKER_LAYER_GZIP])
def test_images_stand_on_the_layers_of_their_base(tmp_path: Path, media_type: str) -> None:
    stack = write_stack(tmp_path)
    layout, top = image(tmp_path / "base", OFFICIAL, DISTRIBUTION, media_type=media_type)
    base = read_base(layout, top, NAME, AMD64, lambda _: True)
    plan = replace(stack.plan, base=base)
    sources = replace(stack.sources, find_base=lambda _: layout)
    result = build_stack(plan, sources, output=tmp_path / "out", options=BuildOptions(bytecode=False))
    made = Layout.open(tmp_path / "out")
    for built in result.images:
        manifest = made.manifest(made.image(built.reference))
        assert manifest.media_type in {"", MANIFEST}
        below = layout.manifest(top).layers
        assert [item.digest for item in manifest.layers[:2]] == [item.digest for item in below]
        assert all(item.media_type.startswith("application/vnd.oci.image.layer.v1.tar") for item in manifest.layers)
        assert manifest.annotations["org.opencontainers.image.base.name"] == "registry.example/team/python:1"
        assert manifest.annotations["org.opencontainers.image.base.digest"] == str(top.digest)
        assert built.bytes == sum(file.size for file in image_files(made, manifest))

    contents = read_files(made, made.manifest(made.image("stack_web")), lambda path: "peg" in path).contents
    assert contents[f"{SITE}/peg.py"] == b"PEG = 1\n"
    assert f"{SITE}/peg_old.py" not in contents
    assert not any("peg-0.9" in path or "/.wh." in path for path in contents)
    bill = made.attachment(made.image("stack_web"), BILL)
    assert bill is not None
    assert b"pkg:deb/debian/libc6@2.36-9" in bill
    assert b"pkg:pypi/peg@0.9" not in bill
    assert b"pkg:pypi/peg@1.0" in bill


def test_the_same_base_gives_the_same_images(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    layout, top = image(tmp_path / "base", OFFICIAL)
    base = read_base(layout, top, NAME, AMD64, lambda _: True)
    asked: list[ImageBase] = []

    def find(wanted: ImageBase) -> Layout:
        asked.append(wanted)
        return layout

    plan, sources = replace(stack.plan, base=base), replace(stack.sources, find_base=find)
    options = BuildOptions(bytecode=False)
    first = build_stack(plan, sources, output=tmp_path / "1", options=options)
    second = build_stack(plan, sources, output=tmp_path / "2", options=options)
    assert [item.digest for item in first.images] == [item.digest for item in second.images]
    assert asked
    assert set(asked) == {base}
