from collections.abc import Iterator
from pathlib import Path

import pytest

from careen.app.base_lock import PinnedPackageGoneError
from careen.app.plan_request import PlanRequest
from careen.app.refreshing import Refresh, RefreshRequest, refresh, take
from careen.app.remembering import plan_of
from careen.blobs.digest import Descriptor, Digest
from careen.oci.config import ImageConfig
from careen.oci.manifest import ImagePlatform, Manifest
from careen.oci.media_types import CONFIG, LAYER_GZIP, MANIFEST
from careen.platforms import Platform
from careen.report.refresh_json import refresh_document
from careen.report.refresh_terminal import refresh_lines
from fakes.cases import stand_up
from fakes.index import FakeIndex, serve
from fakes.mirrors import FakeMirror
from fakes.registry import FakeRegistry
from fakes.sessions import FakeSession, fake_session

CASE = Path(__file__).parents[2] / "cases" / "plan" / "two-services"
AMD64 = Platform.parse("linux/amd64")


@pytest.fixture
def index() -> Iterator[FakeIndex]:
    with serve(FakeIndex()) as served:
        yield served


@pytest.fixture
def project(index: FakeIndex, tmp_path: Path) -> Path:
    return stand_up(CASE, tmp_path, index)


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry().running() as running:
        yield running


def looked(project: Path, index: FakeIndex, *, pin: bool = False) -> Refresh:
    session = _session(project, index)
    try:
        request = RefreshRequest(plan=PlanRequest(root=project, platform=AMD64), platforms=(AMD64,), pin=pin)
        return refresh(session, request)
    finally:
        session.close()


def _session(project: Path, index: FakeIndex) -> FakeSession:
    return FakeSession(surroundings=fake_session(project.parent, index.address).surroundings, ask_again=True)


def newer_libssl3(folder: Path, index: FakeIndex, *, keep_old: bool) -> None:
    mirror = FakeMirror(folder / "newer")
    mirror.add_python()
    old = {path: data for path, data in index.files.items() if "/libssl3_1-1" in path}
    mirror.stanzas = [text for text in mirror.stanzas if not text.startswith("Package: libssl3\n")]
    mirror.add("libssl3", {"usr/share/doc/libssl3/copyright": b"free\n" * 1000}, version="2-1")
    published = dict(mirror.publish())
    for path in old:
        published.pop(path, None)
        if not keep_old:
            index.files.pop(path)
    index.files |= published


def versions(project: Path, index: FakeIndex) -> dict[str, str]:
    session = _session(project, index)
    try:
        plan = plan_of(session, PlanRequest(root=project, platform=AMD64))
    finally:
        session.close()
    return {package.name: package.version for package in plan.base.packages}


def test_what_nobody_pinned_is_pinned_to_what_is_there(project: Path, index: FakeIndex) -> None:
    found = looked(project, index)

    (base,) = found.bases
    assert (base.pinned, base.weights) == (0, None)
    assert {change.before for change in base.changes} == {None}
    assert list(map(str, take(found))) == ["careen.lock"]
    assert looked(project, index).is_current


def test_a_build_takes_what_is_pinned_until_it_is_refreshed(project: Path, index: FakeIndex) -> None:
    take(looked(project, index))
    newer_libssl3(project.parent, index, keep_old=True)

    assert versions(project, index)["libssl3"] == "1-1"
    found = looked(project, index)
    (change,) = found.bases[0].changes
    assert (change.name, change.before, change.after, change.suite) == ("libssl3", "1-1", "2-1", "bookworm")
    assert found.bases[0].weights is not None
    assert "  libssl3  1-1 -> 2-1 (bookworm, +4.10 kB)" in list(refresh_lines(found))
    take(found)
    assert versions(project, index)["libssl3"] == "2-1"


def test_a_package_that_its_mirror_dropped_stops_the_plan_and_not_the_refresh(project: Path, index: FakeIndex) -> None:
    take(looked(project, index))
    newer_libssl3(project.parent, index, keep_old=False)
    for deb in (project.parent / "cache" / "debian" / "debs").iterdir():
        deb.unlink()

    with pytest.raises(PinnedPackageGoneError) as caught:
        versions(project, index)
    assert "careen refresh --write" in caught.value.hints[0]
    found = looked(project, index)
    assert [change.name for change in found.bases[0].changes] == ["libssl3"]
    assert found.bases[0].weights is None


def published(registry: FakeRegistry, layers: int) -> Digest:
    """The image ``team/python:3.11``, of so many layers of 1000 bytes."""
    blobs = registry.blobs.setdefault("team/python", {})
    config = ImageConfig(platform=ImagePlatform(architecture="amd64"), diff_ids=(Digest.of(b""),) * layers).render()
    parts = [bytes([number]) * 1000 for number in range(layers)]
    for data in (config, *parts):
        blobs[str(Digest.of(data))] = data
    manifest = Manifest(
        config=Descriptor(CONFIG, Digest.of(config), len(config)),
        layers=tuple(Descriptor(LAYER_GZIP, Digest.of(data), len(data)) for data in parts),
    ).render()
    digest = Digest.of(manifest)
    served = registry.manifests.setdefault("team/python", {})
    served |= {"3.11": (MANIFEST, manifest), str(digest): (MANIFEST, manifest)}
    return digest


def test_a_digest_in_the_dockerfile_is_raised_to_that_of_its_tag(
    project: Path, index: FakeIndex, registry: FakeRegistry
) -> None:
    old = published(registry, 1)
    name = f"{registry.host}/team/python:3.11"
    dockerfile = project / "Dockerfile"
    before = dockerfile.read_text().replace("python:3.11-slim", f"{name}@{old}")
    dockerfile.write_text(f"# {name}@{old} is what we ship\n{before}")
    new = published(registry, 2)

    found = looked(project, index)

    (image,) = found.images
    assert (image.line, image.name, image.before, image.after) == (2, name, old, new)
    assert (image.bytes_before, image.bytes_after) == (1000, 2000)
    take(found)
    assert dockerfile.read_text() == f"# {name}@{old} is what we ship\n{before.replace(str(old), str(new))}"
    assert looked(project, index).is_current


def test_an_image_without_a_digest_gets_one_on_request_only(
    project: Path, index: FakeIndex, registry: FakeRegistry
) -> None:
    newest = published(registry, 1)
    name = f"{registry.host}/team/python:3.11"
    dockerfile = project / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("python:3.11-slim", name))
    take(looked(project, index))
    assert looked(project, index).is_current
    asked = len(registry.asked)

    found = looked(project, index, pin=True)

    assert asked == 0
    take(found)
    assert f"FROM {name}@{newest}\n" in dockerfile.read_text()


def test_a_registry_that_does_not_tell_changes_nothing(project: Path, index: FakeIndex, registry: FakeRegistry) -> None:
    digest = Digest.of(b"")
    dockerfile = project / "Dockerfile"
    name = f"{registry.host}/team/python:3.12"
    dockerfile.write_text(dockerfile.read_text().replace("python:3.11-slim", f"{name}@{digest}"))

    found = looked(project, index)

    document = refresh_document(found)
    assert [str(change.path) for change in found.changes] == ["careen.lock"]
    (image,) = found.images
    assert image.before == digest
    assert image.problem is not None
    assert document["images"] == [
        {
            "path": "Dockerfile",
            "line": 1,
            "name": name,
            "before": str(digest),
            "after": None,
            "bytes_before": None,
            "bytes_after": None,
            "problem": image.problem,
        }
    ]
