"""docker and buildah build what careen writes, at the same time for every service, and hand over what they built."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from careen.oci.layout import Layout
from real.conftest import DockerDaemon
from real.rewrite.conftest import RecastImages, run_engine

pytestmark = [pytest.mark.real, pytest.mark.network]
SERVICES = {"api", "worker-default", "worker-heavy", "worker-io", "flower"}


def test_docker_hands_over_every_image_with_its_bill_and_its_record(recast_images: RecastImages) -> None:
    layout = Layout.open(recast_images.layout)
    document = recast_images.document

    assert document["engine"] == "docker"
    assert {image["service"] for image in document["images"]} == SERVICES
    assert [note for image in document["images"] for note in image["notes"]] == [], "no image departs from its plan"
    for image in document["images"]:
        top = layout.images()[image["reference"]]
        config = layout.config(layout.manifest(top))
        assert config.run.healthcheck is not None
        assert "careen.healthcheck" in layout.manifest(top).annotations
        bill = json.loads(layout.attachment(top, "application/vnd.cyclonedx+json") or b"{}")
        packages = {component["name"] for component in bill["components"]}
        assert {"celery", "libc6", "python3.11-minimal"} <= packages
        record = json.loads(layout.attachment(top, "application/vnd.careen.record+json") or b"{}")
        assert record["inputs"]["builder"]["name"].startswith("docker")


def test_the_project_stays_as_it_is(recast_images: RecastImages, shelf: Path) -> None:
    assert recast_images.project == shelf
    assert not (shelf / "docker" / "careen").exists()


def test_images_are_in_the_daemon_and_weigh_what_careen_says(
    recast_images: RecastImages, stand_ins: DockerDaemon
) -> None:
    for image in recast_images.document["images"]:
        size = int(stand_ins.run("image", "inspect", "--format", "{{.Size}}", image["reference"]))
        assert abs(size - image["bytes"]) <= 0.005 * size


def test_a_base_that_cannot_be_had_is_told_with_its_line(shelf: Path, stand_ins: DockerDaemon, tmp_path: Path) -> None:
    options = ["--builder-option=--build-arg=UV_IMAGE=registry.invalid/uv:1"]

    done = run_engine(shelf, tmp_path / "images", stand_ins.environment, "--engine", "docker", *options)

    assert done.returncode == 1, done.stderr
    assert "docker/Dockerfile" in done.stderr
    assert "registry.invalid/uv:1" in done.stderr


def test_a_step_that_fails_is_told_with_its_line_and_what_it_printed(
    shelf: Path, stand_ins: DockerDaemon, tmp_path: Path
) -> None:
    done = run_engine(
        shelf,
        tmp_path / "images",
        stand_ins.environment,
        *("--engine", "docker", "--builder-option=--network=none", "--builder-option=--no-cache"),
    )

    assert done.returncode == 1, done.stderr
    dockerfile = "docker/Dockerfile:"
    assert dockerfile in done.stderr
    line = int(done.stderr.partition(dockerfile)[2].partition(":")[0])
    assert line > 1
    assert "apt-get" in done.stderr
    assert not (tmp_path / "images" / "index.json").exists()


def test_a_builder_that_nobody_knows_is_told_by_its_name(shelf: Path, stand_ins: DockerDaemon, tmp_path: Path) -> None:
    done = run_engine(shelf, tmp_path / "images", stand_ins.environment, "--engine", "docker", "--builder", "elsewhere")

    assert done.returncode == 3, done.stderr
    assert "elsewhere" in done.stderr


@pytest.fixture(scope="session")
def buildah(stand_ins: DockerDaemon, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of a buildah with a storage of its own, which has the images that stand in."""
    for program in ("buildah", "skopeo", "runc"):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None:
            pytest.skip(f"{program} is not on this machine (apt-get install {program})")
    folder = tmp_path_factory.mktemp("storage")
    settings = folder / "storage.conf"
    settings.write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder / "root"}"\nrunroot = "{folder / "run"}"\n'
    )
    environment = {**os.environ, "CONTAINERS_STORAGE_CONF": str(settings)}
    listed = stand_ins.run("images", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
    for image in listed:
        if image.startswith(("debian:", "python:", "ghcr.io/")):
            archive = folder / "image.tar"
            stand_ins.run("save", "--output", str(archive), image)
            name = image if image.startswith("ghcr.io/") else f"docker.io/library/{image}"
            words = ["skopeo", "copy", "--quiet", f"docker-archive:{archive}", f"containers-storage:{name}"]
            subprocess.run(words, check=True, capture_output=True, env=environment)
            archive.unlink()
    return environment


def test_buildah_builds_the_same_files(
    shelf: Path, buildah: Mapping[str, str], recast_images: RecastImages, tmp_path: Path
) -> None:
    runtime = shutil.which("runc", path=f"{os.environ['PATH']}:/usr/sbin")
    options = [f"--runtime={runtime}", "--isolation=oci", "--network=host", "--pull=never"]

    done = run_engine(
        shelf,
        tmp_path / "images",
        buildah,
        *("--engine", "buildah", "--format", "json"),
        *(f"--builder-option={option}" for option in options),
    )

    assert done.returncode in {0, 1}, done.stderr
    assert done.stdout, done.stderr  # 1: also that a step failed
    document = json.loads(done.stdout)
    assert document["engine"] == "buildah"
    ours = {image["service"]: image for image in document["images"]}
    assert ours.keys() == SERVICES
    layout = Layout.open(tmp_path / "images")
    for image in recast_images.document["images"]:
        other = ours[image["service"]]
        assert other["notes"] == []
        assert abs(other["bytes"] - image["bytes"]) <= 0.01 * image["bytes"]
        config = layout.config(layout.manifest(layout.images()[other["reference"]]))
        assert config.run.healthcheck is not None, "OCI's own form of an image would have lost it"
        assert config.run.user == "10001:10001"
