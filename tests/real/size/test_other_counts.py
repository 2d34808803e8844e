"""Sizes beside what docker, skopeo, umoci, dpkg and Python's own metadata reader count."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from careen.app.session import Session, Surroundings
from careen.app.sizing import SizeRequest, measure
from careen.oci.archive import Archive
from careen.oci.images import read_manifest
from careen.oci.layer_entries import EntryKind
from careen.oci.layout import LayoutWriter
from careen.oci.unpack import layer_entries
from careen.python.names import package_name
from careen.size.model import ImageSize, WasteKind
from fakes.images import put_image

pytestmark = pytest.mark.real

_DOCKERFILE = """\
FROM scratch
ADD lower.tar /
COPY upper /app
RUN ["/bin/chown", "-R", "1000", "/app"]
RUN ["/bin/rm", "/data/large"]
RUN ["/bin/mv", "/app/model", "/app/renamed"]
"""
_NOISE = os.urandom(300_000)


class Daemon(Protocol):
    """What the fixture gives; its class lives in a conftest, which nobody imports."""

    program: Path
    socket: Path

    def run(self, *words: str) -> str: ...


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    surroundings = Surroundings(cache=tmp_path / "cache", now=lambda: datetime.now(UTC), environment={})
    found = Session(surroundings=surroundings)
    yield found
    found.close()


def sized(session: Session, image: str | Path) -> ImageSize:
    return measure(session, SizeRequest(image=str(image)))


def _install(root: Path, *programs: str) -> None:
    """Programs of this machine with the libraries that they load, which is all that an image from scratch needs."""
    (root / "bin").mkdir()
    for program in programs:
        found = _tool(program)
        shutil.copy(found, root / "bin")
        loaded = subprocess.run([_tool("ldd"), found], check=True, capture_output=True, text=True).stdout
        for library in re.findall(r"(/\S+) \(0x", loaded):
            place = root / library.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, place)


@pytest.fixture
def saved(docker: Daemon, tmp_path: Path) -> Path:
    """An image called counted, built by docker with every kind of waste, and saved."""
    context = tmp_path / "context"
    (context / "upper").mkdir(parents=True)
    (context / "upper" / "model").write_bytes(_NOISE)
    (context / "upper" / "main.py").write_bytes(b"print()\n")
    (context / "Dockerfile").write_text(_DOCKERFILE)
    lower = tmp_path / "lower"
    (lower / "data").mkdir(parents=True)
    (lower / "data" / "large").write_bytes(_NOISE[:200_000])
    (lower / "data" / "linked").hardlink_to(lower / "data" / "large")
    (lower / "data" / "kept").write_bytes(_NOISE[:5000])
    (lower / "data" / "link").symlink_to("kept")
    _install(lower, "chown", "rm", "mv")
    with tarfile.open(context / "lower.tar", "w") as archive:
        archive.add(lower, arcname=".")
    docker.run("build", "--network", "none", "--tag", "counted", str(context))
    docker.run("save", "--output", str(tmp_path / "counted.tar"), "counted")
    return tmp_path / "counted.tar"


def test_docker_counts_the_same(docker: Daemon, saved: Path, session: Session) -> None:
    """Where it unpacked a layer itself it counts the texts of symbolic links too; where BuildKit made it, not."""
    found = sized(session, saved)
    told = int(docker.run("image", "inspect", "--format", "{{.Size}}", "counted"))

    archive = Archive.open(saved)
    (descriptor,) = archive.images().values()
    entries = (entry for layer in read_manifest(archive, descriptor).layers for entry in layer_entries(archive, layer))
    links = sum(len(os.fsencode(entry.target)) for entry in entries if entry.kind is EntryKind.SYMBOLIC_LINK)
    assert 0 <= told - found.bytes <= links


def test_docker_s_layers_are_blamed_by_the_lines_of_the_dockerfile(saved: Path, session: Session) -> None:
    found = sized(session, saved)

    blamed = {(item.kind, found.instruction(item.because_of)): item.bytes for item in found.waste}
    assert blamed == {
        (WasteKind.OWNER_CHANGED, "RUN /bin/chown -R 1000 /app"): 300_008,
        (WasteKind.MOVED, "RUN /bin/mv /app/model /app/renamed"): 300_000,
    }
    assert found.hidden_bytes == 600_008  # /data/linked still holds what /data/large was


def test_image_in_the_daemon_is_the_same_as_saved(docker: Daemon, saved: Path) -> None:
    documents = []
    for image in ("docker://counted", str(saved)):
        done = subprocess.run(
            [sys.executable, "-m", "careen", "size", "--quiet", "--format", "json", image],
            capture_output=True,
            check=False,
            env={
                "PATH": str(docker.program.parent),
                "DOCKER_HOST": f"unix://{docker.socket}",
                "CAREEN_CACHE": str(saved.parent / "cache"),
            },
        )
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        del document["image"]
        documents.append(document)
    assert documents[0] == documents[1]


def test_skopeo_and_umoci_see_the_same_image(saved: Path, session: Session, tmp_path: Path) -> None:
    skopeo, umoci = _tool("skopeo"), _tool("umoci")
    layout = tmp_path / "layout"
    subprocess.run([skopeo, "copy", "-q", f"docker-archive:{saved}", f"oci:{layout}:web"], check=True)
    inspected = subprocess.run([skopeo, "inspect", "--raw", f"oci:{layout}:web"], check=True, capture_output=True)
    subprocess.run([umoci, "unpack", "--rootless", "--image", f"{layout}:web", tmp_path / "out"], check=True)

    found = sized(session, f"{layout}:web")

    assert found.compressed_bytes == sum(layer["size"] for layer in json.loads(inspected.stdout)["layers"])
    states = {path.lstat().st_ino: path.lstat() for path in (tmp_path / "out/rootfs").rglob("*") if _is_file(path)}
    assert found.visible_bytes == sum(state.st_size for state in states.values())
    assert found.bytes == sized(session, saved).bytes


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


_HEAVY = ("mypy", "mypyc", "ruff", "uv")


def test_distributions_weigh_what_python_s_own_reader_adds_up(session: Session, tmp_path: Path) -> None:
    """The environment that runs this test, as a layer, without bytecode and without what would take long."""
    prefix = Path(sys.prefix)
    site = Path(sysconfig.get_path("purelib"))

    def wanted(item: tarfile.TarInfo) -> tarfile.TarInfo | None:
        name = item.name.rpartition("/")[2]
        return None if name in _HEAVY or name == "__pycache__" else item

    layer = tmp_path / "layer.tar"
    with tarfile.open(layer, "w") as archive:
        archive.add(prefix, arcname="venv", filter=wanted)
    with LayoutWriter(tmp_path / "image") as writer:
        writer.finish({"web": put_image(writer, [layer.read_bytes()])})

    found = {item.package.name: item.bytes for item in sized(session, tmp_path / "image").packages}

    for distribution in importlib.metadata.distributions(path=[str(site)]):
        name = package_name(distribution.name)
        if name not in _HEAVY:
            files = {Path(str(file.locate())).resolve() for file in distribution.files or ()}
            assert found[name] == sum(
                file.stat().st_size for file in files if file.exists() and "__pycache__" not in file.parts
            )


_PACKAGES = ("bash", "coreutils", "perl-base", "tzdata", "libc6")


def test_debian_packages_weigh_what_their_lists_add_up(session: Session, tmp_path: Path) -> None:
    """Packages of this machine, as a layer, with all of dpkg's records."""
    query = _tool("dpkg-query")
    expected: dict[str, int] = {}
    layer = tmp_path / "layer.tar"
    with tarfile.open(layer, "w") as archive:
        for top in ("bin", "lib", "lib64", "sbin"):
            archive.add(f"/{top}", recursive=False)
        for folder in ("/var/lib/dpkg/info", "/var/lib/dpkg/status"):
            archive.add(folder)
        for package in _PACKAGES:
            listed = subprocess.run([query, "-L", package], check=False, capture_output=True, text=True)
            if listed.returncode:
                pytest.skip(f"{package} is not installed by dpkg")
            states = {}
            for path in map(Path, dict.fromkeys(listed.stdout.splitlines())):
                if path.is_absolute() and _is_file(path):
                    states[path.stat().st_ino] = path.stat().st_size
                    archive.add(path.parent.resolve() / path.name)
            expected[package] = sum(states.values())
    with LayoutWriter(tmp_path / "image") as writer:
        writer.finish({"web": put_image(writer, [layer.read_bytes()])})

    found = {item.package.name: item for item in sized(session, tmp_path / "image").packages}

    assert {name: found[name].bytes for name in _PACKAGES} == expected
    for package in _PACKAGES:
        told = subprocess.run([query, "-W", "-f", "${Version}", package], check=True, capture_output=True, text=True)
        assert found[package].package.version == told.stdout
