"""Images on their way out: archives, engines that load, registries; and refusals before anything is built."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from careen.app.carrying import deliver
from careen.app.delivery import (
    ArchiveFormat,
    Courier,
    DeliveryRequest,
    Engine,
    UndeliverableError,
    prepare,
)
from careen.app.session import Session, Surroundings
from careen.build.engine import BuildOptions
from careen.build.interpreter import host_architecture
from careen.build.native import build_platforms
from careen.build.sbom import MEDIA_TYPE
from careen.oci.archive import Archive
from careen.oci.images import read_config, read_manifest
from careen.oci.layout import Layout
from careen.oci.reference import InvalidReferenceError
from careen.oci.referrers import referrers_tag
from careen.platforms import Platform
from careen.process.run import CommandFailedError
from careen.progress import Step
from fakes.registry import FakeRegistry
from fakes.stacks import write_stack

PLATFORMS = ("linux/amd64", "linux/arm64")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    surroundings = Surroundings(
        cache=tmp_path / "cache", now=lambda: datetime.now(UTC), environment={"HOME": str(tmp_path / "home")}
    )
    made = Session(surroundings=surroundings)
    yield made
    made.close()


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry().running() as running:
        yield running


def layout_for(folder: Path, *platforms: str) -> Layout:
    stacks = [write_stack(folder, platform=platform) for platform in platforms]
    plans = [stack.plan for stack in stacks]
    build_platforms(plans, stacks[0].sources, output=folder / "out", options=BuildOptions(bytecode=False))
    return Layout.open(folder / "out")


def test_an_archive_for_one_platform_is_dockers(session: Session, tmp_path: Path) -> None:
    layout = layout_for(tmp_path, PLATFORMS[0])
    request = DeliveryRequest(archive=tmp_path / "new/images.tar", tags=("1", "2"))
    done = deliver(prepare(session, request, several=False), layout)
    assert done.archive == tmp_path / "new/images.tar"
    archive = Archive.open(tmp_path / "new/images.tar")
    assert set(archive.images()) == {f"stack_{name}:{tag}" for name in ("web", "worker") for tag in ("1", "2")}
    manifest = read_manifest(archive, archive.images()["stack_web:2"])
    assert read_config(archive, manifest) == layout.config(layout.manifest(layout.image("stack_web")))


def test_an_archive_for_several_platforms_is_ocis(session: Session, tmp_path: Path) -> None:
    layout = layout_for(tmp_path, *PLATFORMS)
    courier = prepare(session, DeliveryRequest(archive=tmp_path / "images.tar"), several=True)
    assert courier.archive_format is ArchiveFormat.OCI
    deliver(courier, layout)
    archive = Archive.open(tmp_path / "images.tar")
    assert archive.images()["stack_web:latest"] == layout.images()["stack_web"]


def test_images_for_several_platforms_fit_into_no_archive_of_dockers(session: Session, tmp_path: Path) -> None:
    request = DeliveryRequest(archive=tmp_path / "images.tar", archive_format=ArchiveFormat.DOCKER)
    with pytest.raises(UndeliverableError, match="for one platform"):
        prepare(session, request, several=True)


@pytest.mark.parametrize("prefix", ["team", "registry.example/Team", "registry.example:port/team"])
def test_a_prefix_that_names_no_place_is_refused_before_anything_is_built(session: Session, prefix: str) -> None:
    with pytest.raises(InvalidReferenceError):
        prepare(session, DeliveryRequest(push=prefix), several=False)


def test_a_tag_that_is_none_is_refused_before_anything_is_built(session: Session) -> None:
    with pytest.raises(InvalidReferenceError, match="is no tag"):
        prepare(session, DeliveryRequest(push="registry.example/team", tags=("a b",)), several=False)


def test_a_stack_is_pushed_with_what_is_attached_and_shared_layers_go_once(
    registry: FakeRegistry, session: Session, tmp_path: Path
) -> None:
    layout = layout_for(tmp_path, PLATFORMS[0])
    request = DeliveryRequest(push=f"{registry.host}/team/", tags=("v1",))
    web, worker = deliver(prepare(session, request, several=False), layout).pushed
    assert web.reference == f"{registry.host}/team/stack_web:v1"
    assert web.digest == str(layout.image("stack_web").digest)
    assert web.mounted == 0
    shared = {layer.digest for layer in layout.manifest(layout.image("stack_web")).layers}
    common = [layer for layer in layout.manifest(layout.image("stack_worker")).layers if layer.digest in shared]
    assert worker.mounted == sum(layer.size for layer in common) > worker.uploaded
    assert referrers_tag(layout.image("stack_web").digest) in registry.manifests["team/stack_web"]
    again = deliver(prepare(session, request, several=False), layout).pushed
    assert [pushed.uploaded for pushed in again] == [0, 0]


def test_an_index_is_pushed_with_the_images_of_all_platforms(
    registry: FakeRegistry, session: Session, tmp_path: Path
) -> None:
    layout = layout_for(tmp_path, *PLATFORMS)
    (web, _) = deliver(prepare(session, DeliveryRequest(push=f"{registry.host}/team"), several=True), layout).pushed
    _, data = registry.manifests["team/stack_web"]["latest"]
    assert [entry["platform"]["architecture"] for entry in json.loads(data)["manifests"]] == ["amd64", "arm64"]
    assert web.digest == str(layout.images()["stack_web"].digest)


def engine(folder: Path, script: str) -> Path:
    program = folder / "engine"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def courier(session: Session, program: Path) -> Courier:
    return Courier(
        session=session,
        request=DeliveryRequest(load=Engine.PODMAN),
        archive_format=ArchiveFormat.DOCKER,
        engine=Engine.PODMAN,
        program=program,
    )


def test_an_engine_is_fed_an_archive_that_it_can_load(tmp_path: Path) -> None:
    steps: list[Step] = []
    surroundings = Surroundings(cache=tmp_path / "cache", now=lambda: datetime.now(UTC), environment={})
    session = Session(surroundings=surroundings, progress=steps.append)
    layout = layout_for(tmp_path, *PLATFORMS)
    program = engine(tmp_path, f'test "$*" = "load --quiet" && cat > {tmp_path}/loaded.tar')
    done = deliver(courier(session, program), layout)
    assert (done.engine, done.loaded) == ("podman", ("stack_web:latest", "stack_worker:latest"))
    archive = Archive.open(tmp_path / "loaded.tar")
    assert set(archive.images()) == {"stack_web:latest", "stack_worker:latest"}
    host = host_architecture()
    assert host is not None
    found = read_config(archive, read_manifest(archive, archive.images()["stack_web:latest"]))
    assert found.platform.architecture == host.value
    assert {step.phase for step in steps} == {"loading into podman"}


def test_an_engine_that_refuses_is_told_in_its_own_words(session: Session, tmp_path: Path) -> None:
    layout = layout_for(tmp_path, PLATFORMS[0])
    program = engine(tmp_path, "echo 'no space left on device' >&2; exit 125")
    with pytest.raises(CommandFailedError, match="ended with status 125: no space left on device"):
        deliver(courier(session, program), layout)


def test_bills_are_written_one_a_platform(session: Session, tmp_path: Path) -> None:
    layout = layout_for(tmp_path, *PLATFORMS)
    done = deliver(prepare(session, DeliveryRequest(sbom=tmp_path / "bills"), several=True), layout)
    names = [
        f"stack_{name}.{architecture}.cdx.json" for name in ("web", "worker") for architecture in ("amd64", "arm64")
    ]
    assert [path.name for path in done.bills] == names
    for path, platform in zip(done.bills[:2], PLATFORMS, strict=True):
        manifest = layout.image("stack_web", Platform.parse(platform))
        assert path.read_bytes() == layout.attachment(manifest, MEDIA_TYPE)
