"""A bill of materials is believed only when it names what the image holds."""

import json
from pathlib import Path

from careen.blobs.digest import Descriptor
from careen.build.engine import BuildOptions
from careen.build.native import build_stack
from careen.build.sbom import MEDIA_TYPE
from careen.oci.layout import Layout, LayoutWriter
from careen.plan.target import Plan
from careen.progress import unheard
from careen.prove.checks import bill_of_materials
from careen.prove.evidence import CheckResult, Verdict
from careen.prove.layers import LayerFolder
from careen.prove.rootfs import unpack_images
from careen.prove.subjects import ImageSubject
from fakes.alpine import upon_alpine
from fakes.stacks import write_stack


def judge(plan: Plan, layout: Path, folder: Path) -> CheckResult:
    layers = LayerFolder(folder / "layers")
    images = unpack_images(layout, ("stack_web",), plan.platform, folder / "images", layers, unheard)
    subject = ImageSubject(plan=plan, service=plan.service("web"), image=images["stack_web"])
    return bill_of_materials.check(subject)


def built(folder: Path) -> tuple[Plan, Layout]:
    stack = write_stack(folder)
    build_stack(stack.plan, stack.sources, output=folder / "out", options=BuildOptions(bytecode=False))
    return stack.plan, Layout.open(folder / "out")


def test_packages_of_alpine_are_named_too(tmp_path: Path) -> None:
    stack = upon_alpine(write_stack(tmp_path / "stack"), tmp_path / "base")
    build_stack(stack.plan, stack.sources, output=tmp_path / "out", options=BuildOptions(bytecode=False))
    layout = Layout.open(tmp_path / "out")
    assert judge(stack.plan, layout.folder, tmp_path).verdict is Verdict.PASS

    image = layout.image("stack_web")
    data = layout.attachment(image, MEDIA_TYPE)
    assert data is not None
    with_bill(layout, image, data.replace(b"pkg:apk/alpine/musl@1.2.5-r9", b"pkg:apk/alpine/musl@1.2.4-r0"))
    result = judge(stack.plan, layout.folder, tmp_path / "again")
    assert "apk:musl is 1.2.4-r0 in the bill and 1.2.5-r9 in the image" in str(result.evidence)


def with_bill(layout: Layout, image: Descriptor, data: bytes | None) -> None:
    """The same image with another bill, or without one."""
    with LayoutWriter(layout.folder) as writer:
        if data is not None:
            writer.attach(image, MEDIA_TYPE, data)
        writer.finish({"stack_web": image})


def test_the_bill_of_a_build_is_true(tmp_path: Path) -> None:
    plan, layout = built(tmp_path)
    result = judge(plan, layout.folder, tmp_path)
    assert result.verdict is Verdict.PASS, result
    assert result.evidence.summary == "the 4 that it names, and no other"


def test_what_a_bill_leaves_out_invents_or_misdates_is_told(tmp_path: Path) -> None:
    plan, layout = built(tmp_path)
    image = layout.image("stack_web")
    data = layout.attachment(image, MEDIA_TYPE)
    assert data is not None
    text = data.decode().replace("pkg:pypi/peg@1.0", "pkg:pypi/peg@2.0").replace("pkg:pypi/crate@", "pkg:pypi/crane@")
    with_bill(layout, image, text.encode())
    result = judge(plan, layout.folder, tmp_path)
    assert result.verdict is Verdict.FAIL
    said = json.dumps([result.evidence.summary, result.evidence.output])
    assert "pypi:peg is 2.0 in the bill and 1.0 in the image" in said
    assert "pypi:crane 1.0 is in the bill and not in the image" in said
    assert "pypi:crate 1.0 is in the image and not in the bill" in said


def test_an_image_without_a_bill_is_no_pass(tmp_path: Path) -> None:
    plan, layout = built(tmp_path)
    with_bill(layout, layout.image("stack_web"), None)
    assert judge(plan, layout.folder, tmp_path).verdict is Verdict.SKIPPED
