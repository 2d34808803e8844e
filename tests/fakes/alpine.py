"""An image upon Alpine of a few files: its C library is musl, its packages are in apk's record."""

from dataclasses import replace
from pathlib import Path

from careen.build.base_reading import BaseName, read_base
from careen.oci.config import RunConfig
from careen.oci.layout import Layout, LayoutWriter
from careen.plan.target import ImageBase
from careen.platforms import Platform
from fakes.images import Item, folder, put_image, symlink, tar
from fakes.stacks import FakeStack

PYTHON = Item("usr/local/bin/python3.12", b"a program", mode=0o755)
RECORD = b"C:Q1=\nP:musl\nV:1.2.5-r9\nA:x86_64\nL:MIT\nF:lib\nR:ld-musl-x86_64.so.1\n\nP:zlib\nV:1.3.1-r2\nA:x86_64\n\n"
ALPINE = (
    folder("lib/"),
    Item("lib/ld-musl-x86_64.so.1", b"\x7fELF a loader", mode=0o755),
    symlink("lib/libc.musl-x86_64.so.1", "ld-musl-x86_64.so.1"),
    Item("lib/apk/db/installed", RECORD),
    Item("etc/os-release", b"ID=alpine\nVERSION_ID=3.22.1\n"),
    PYTHON,
    symlink("usr/local/bin/python3", "python3.12"),
    Item("usr/local/lib/python3.12/site.py", b"site-packages"),
)


def alpine_base(place: Path) -> tuple[ImageBase, Layout]:
    """Read from a layout in ``place``, which is made."""
    with LayoutWriter(place) as writer:
        top = put_image(writer, [tar(ALPINE)], run=RunConfig(environment=(("PATH", "/usr/local/bin"),)))
        layout = writer.finish({top.digest.hex: top})
    name = BaseName(label="registry.example/python:alpine", source="registry.example/python@sha256:0")
    return read_base(layout, top, name, Platform.parse("linux/amd64"), lambda _: True), layout


def upon_alpine(stack: FakeStack, place: Path) -> FakeStack:
    """The stack, planned and to be built upon such an image."""
    base, layout = alpine_base(place)
    return replace(
        stack, plan=replace(stack.plan, base=base), sources=replace(stack.sources, find_base=lambda _: layout)
    )
