"""Checks that look at an image's files alone, of images made for the purpose."""

from pathlib import Path

import pytest

from careen.oci.config import RunConfig
from careen.oci.layout import LayoutWriter
from careen.progress import unheard
from careen.prove.checks import secrets, shared_libraries
from careen.prove.evidence import CheckResult, Verdict
from careen.prove.layers import LayerFolder
from careen.prove.rootfs import unpack_images
from careen.prove.subjects import ImageSubject
from fakes.elves import elf64
from fakes.images import Item, put_image, symlink, tar
from fakes.stacks import write_stack

KEY = b"-----BEGIN PRIVATE KEY-----"
SITE = "usr/local/lib/python3.13/site-packages"


def subject(folder: Path, *items: Item) -> ImageSubject:
    with LayoutWriter(folder / "layout") as writer:
        writer.finish({"made": put_image(writer, [tar(items)], run=RunConfig())})
    plan = write_stack(folder / "stack").plan
    layers = LayerFolder(folder / "layers")
    images = unpack_images(folder / "layout", ("made",), plan.platform, folder / "images", layers, unheard)
    return ImageSubject(plan=plan, service=plan.services[0], image=images["made"])


def said(result: CheckResult) -> str:
    return f"{result.evidence.summary} {result.evidence.output}"


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        (f"{SITE}/peg/keys.py", Verdict.PASS),
        (f"{SITE}/peg/__pycache__/keys.cpython-313.pyc", Verdict.PASS),
        (f"{SITE}/peg/__pycache__/keys.cpython-313.opt-1.pyc", Verdict.PASS),
        (f"{SITE}/peg/__pycache__/others.cpython-313.pyc", Verdict.FAIL),
        ("app/__pycache__/keys.cpython-313.pyc", Verdict.FAIL),
    ],
)
def test_what_is_compiled_from_a_public_source_is_as_public(path: str, verdict: Verdict, tmp_path: Path) -> None:
    info = f"{SITE}/peg-1.0.dist-info"
    made = subject(
        tmp_path,
        Item(f"{info}/METADATA", b"Name: peg\nVersion: 1.0\n"),
        Item(f"{info}/RECORD", b"peg/keys.py,,\npeg-1.0.dist-info/METADATA,,\npeg-1.0.dist-info/RECORD,,\n"),
        Item(path, KEY),
    )
    assert secrets.check(made).verdict is verdict


LOADER = (Item("lib/ld-musl-x86_64.so.1", b"musl"), symlink("lib/libc.musl-x86_64.so.1", "ld-musl-x86_64.so.1"))


def test_musl_answers_to_the_names_of_its_parts(tmp_path: Path) -> None:
    made = subject(
        tmp_path,
        *LOADER,
        Item(
            "usr/lib/liba.so",
            elf64(
                needed=(
                    "libc.so",
                    "libm.so.6",
                    "libz.so.1",
                )
            ),
        ),
    )
    result = shared_libraries.check(made)
    assert result.verdict is Verdict.FAIL
    assert "libz.so.1" in said(result)
    assert "libm.so.6" not in said(result)


def test_what_is_made_for_glibc_does_not_find_it_beside_musl(tmp_path: Path) -> None:
    result = shared_libraries.check(subject(tmp_path, *LOADER, Item("usr/lib/liba.so", elf64(needed=("libc.so.6",)))))
    assert "libc.so.6 is missing, which /usr/lib/liba.so needs" in said(result)


def test_the_module_for_tk_stands_in_slim_images_without_tk(tmp_path: Path) -> None:
    folder = "usr/local/lib/python3.14/lib-dynload"
    tk = Item(f"{folder}/_tkinter.cpython-314-x86_64-linux-gnu.so", elf64(needed=("libtk8.6.so",)))
    assert shared_libraries.check(subject(tmp_path / "slim", tk)).verdict is Verdict.PASS
    user = Item("opt/venv/lib/drawing.so", elf64(needed=("libtk8.6.so",)))
    assert "/opt/venv/lib/drawing.so" in said(shared_libraries.check(subject(tmp_path / "user", tk, user)))


def test_without_musl_every_part_is_a_file(tmp_path: Path) -> None:
    result = shared_libraries.check(subject(tmp_path, Item("usr/lib/liba.so", elf64(needed=("libm.so.6",)))))
    assert "libm.so.6 is missing" in said(result)
