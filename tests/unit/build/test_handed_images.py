"""Images that another builder hands over become images of careen's form, with papers and a word on departures."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from careen.blobs.digest import Digest
from careen.build.attachments import records_in
from careen.build.engine import BuildOptions, BuiltImage
from careen.build.handed import Handed, take
from careen.build.native import build_stack
from careen.build.recipe_file import HandedImage, Target
from careen.build.sbom import MEDIA_TYPE
from careen.oci.archive import ArchiveError
from careen.oci.archive_writer import write_docker_archive, write_layout_archive
from careen.oci.layout import Layout
from careen.oci.reference import ImageReference
from careen.plan.target import Plan
from careen.prove.likeness import compare_renderings
from fakes.alpine import upon_alpine
from fakes.stacks import FakeStack, write_stack

PLAIN = BuildOptions(bytecode=False)
TARGETS = tuple(Target(service=name, stage=name, reference=f"stack_{name}") for name in ("web", "worker"))


@pytest.fixture
def stack(tmp_path: Path) -> FakeStack:
    return write_stack(tmp_path / "stack")


@pytest.fixture
def native(stack: FakeStack, tmp_path: Path) -> Layout:
    build_stack(stack.plan, stack.sources, output=tmp_path / "native", options=PLAIN)
    return Layout.open(tmp_path / "native")


def docker_archive(native: Layout, folder: Path) -> dict[str, HandedImage]:
    path = folder / "docker.tar"
    named = {ImageReference.parse(name): top for name, top in native.images().items()}
    write_docker_archive(native, named, path)
    return {target.service: HandedImage(path, f"{target.reference}:latest") for target in TARGETS}


def taken(
    stack: FakeStack, images: Mapping[str, HandedImage], output: Path, plan: Plan | None = None
) -> dict[str, BuiltImage]:
    handed = Handed(
        plan=plan or stack.plan,
        store=stack.sources.store,
        options=PLAIN,
        described="builder 1.0",
        dockerfile=Digest.of(b"FROM scratch"),
    )
    return {image.service: image for image in take(handed, TARGETS, images, output)}


def test_an_archive_of_docker_becomes_a_layout_with_the_same_files_and_settings(
    stack: FakeStack, native: Layout, tmp_path: Path
) -> None:
    images = taken(stack, docker_archive(native, tmp_path), tmp_path / "out")

    layout = Layout.open(tmp_path / "out")
    assert set(layout.images()) == {"stack_web", "stack_worker"}
    for service in stack.plan.services:
        ours, theirs = native.images()[service.image], layout.images()[service.image]
        likeness = compare_renderings(stack.plan, service, (native, ours), (layout, theirs))
        assert likeness.differences == ()
        assert likeness.alike > 5
        first, second = native.manifest(ours).annotations, layout.manifest(theirs).annotations
        assert json.loads(second["careen.healthcheck"]) == json.loads(first["careen.healthcheck"])
        assert images[service.name].notes == ()
    shared = [layer for layer in images["web"].layers if layer.services == ("web", "worker")]
    assert shared, "layers that both have are told as shared"


def test_one_archive_for_each_image_is_as_good_as_one_for_all(stack: FakeStack, native: Layout, tmp_path: Path) -> None:
    together = taken(stack, docker_archive(native, tmp_path), tmp_path / "together")
    apart = {}
    for target in TARGETS:
        path = tmp_path / f"{target.service}.tar"
        write_layout_archive(native, {target.reference: native.images()[target.reference]}, path)
        apart[target.service] = HandedImage(path)

    images = taken(stack, apart, tmp_path / "apart")

    assert {name: image.digest for name, image in images.items()} == {
        name: image.digest for name, image in together.items()
    }


def test_bill_and_record_say_what_the_image_itself_says(stack: FakeStack, native: Layout, tmp_path: Path) -> None:
    taken(stack, docker_archive(native, tmp_path), tmp_path / "out")

    layout = Layout.open(tmp_path / "out")
    bill = json.loads(layout.attachment(layout.images()["stack_worker"], MEDIA_TYPE) or b"")
    assert {"crate", "lone", "peg", "python3.11-minimal"} <= {item["name"] for item in bill["components"]}
    records = {record.service: record for record in records_in(layout)}
    assert records["worker"].inputs["distributions"] == {"crate": "1.0", "lone": "1.0", "peg": "1.0"}
    assert records["web"].inputs["builder"]["name"] == "builder 1.0"


def test_packages_of_alpine_are_billed_as_alpines(stack: FakeStack, tmp_path: Path) -> None:
    above = upon_alpine(stack, tmp_path / "base")
    build_stack(above.plan, above.sources, output=tmp_path / "native", options=PLAIN)
    taken(above, docker_archive(Layout.open(tmp_path / "native"), tmp_path), tmp_path / "out", above.plan)

    layout = Layout.open(tmp_path / "out")
    bill = layout.attachment(layout.image("stack_web"), MEDIA_TYPE)
    assert bill is not None
    named = {component["purl"] for component in json.loads(bill)["components"]}
    assert {"pkg:apk/alpine/musl@1.2.5-r9?arch=amd64", "pkg:apk/alpine/zlib@1.3.1-r2?arch=amd64"} <= named


def test_what_the_image_lacks_or_holds_beyond_its_plan_is_told(
    stack: FakeStack, native: Layout, tmp_path: Path
) -> None:
    web, worker = stack.plan.services
    crate, peg, lone = worker.distributions
    other = replace(
        stack.plan,
        services=(
            replace(web, distributions=(crate, peg, lone)),
            replace(worker, distributions=(replace(crate, version="2.0"), peg)),
        ),
    )

    images = taken(stack, docker_archive(native, tmp_path), tmp_path / "out", other)

    assert images["web"].notes == ("web lacks lone",)
    assert images["worker"].notes == ("worker holds beyond its plan lone", "worker has at other versions crate")


def test_an_archive_without_the_image_leaves_the_layout_as_it_was(
    stack: FakeStack, native: Layout, tmp_path: Path
) -> None:
    images = docker_archive(native, tmp_path)
    taken(stack, images, tmp_path / "out")
    before = (tmp_path / "out" / "index.json").read_bytes()

    with pytest.raises(ArchiveError, match="no image nothing:latest"):
        taken(stack, {**images, "web": HandedImage(images["web"].archive, "nothing:latest")}, tmp_path / "out")

    assert (tmp_path / "out" / "index.json").read_bytes() == before
