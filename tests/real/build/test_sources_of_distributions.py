"""Distributions that come as sources: from a private index, git, folders and the workspace, built in isolation."""

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from careen.blobs.digest import Digest
from careen.oci.layout import Layout
from careen.oci.unpack import read_files
from fakes.index import FakeIndex, serve

pytestmark = [pytest.mark.real, pytest.mark.network]

UV = Path(sys.executable).parent / "uv"
SITE = "usr/local/lib/python3.11/dist-packages"
USER, PASSWORD, TOKEN = "reader", "pass-of-the-index", "token-of-the-repository"
BACKEND = """\
import zipfile
def build_wheel(folder, settings=None, metadata=None):
    info = "{name}-1.0.dist-info"
    files = {{"{name}.py": "SAYS = '{name}'\\n", f"{{info}}/METADATA": "Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n",
             f"{{info}}/WHEEL": "Wheel-Version: 1.0\\nGenerator: own\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}}
    with zipfile.ZipFile(f"{{folder}}/{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{{info}}/RECORD", "".join(f"{{path}},,\\n" for path in files))
    return "{name}-1.0-py3-none-any.whl"
"""  # noqa: E501 - it is a program in a program
PROJECT = """\
[project]
name = "{name}"
version = "1.0"
requires-python = ">=3.11"
"""
OWN = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@dataclass(frozen=True)
class Sourced:
    """A project that is locked, and the surroundings in which its index can be read."""

    folder: Path
    environment: Mapping[str, str]
    commit: str

    def careen(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "careen", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            env=dict(self.environment),
        )


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def sources(name: str) -> dict[str, str]:
    return {"pyproject.toml": PROJECT.format(name=name) + OWN, "backend.py": BACKEND.format(name=name)}


def sdist(name: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, text in sources(name).items():
            member = tarfile.TarInfo(f"{name}-1.0/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", folder, *who, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sourced]:
    if shutil.which("git") is None or not UV.exists():
        pytest.skip("git or uv is not on this machine")
    folder = tmp_path_factory.mktemp("sourced")
    write(folder / "gitty", {**sources("gitty"), "secret.txt": "not in the image\n"})
    git(folder / "gitty", "init", "--quiet")
    git(folder / "gitty", "add", "-A")
    git(folder / "gitty", "commit", "--quiet", "-m", "first")
    data = sdist("odd")
    page = f'<a href="../../files/odd-1.0.tar.gz#sha256={Digest.of(data).hex}">odd-1.0.tar.gz</a>'.encode()
    index = FakeIndex(files={"simple/odd/": page, "files/odd-1.0.tar.gz": data}, users={USER: PASSWORD})
    root = folder / "project"
    with serve(index):
        tables = f"""\
dependencies = ["odd", "gitty", "pathy", "plain", "member"]

[tool.uv.sources]
gitty = {{ git = "file://{folder}/gitty" }}
pathy = {{ path = "libs/pathy", editable = true }}
plain = {{ path = "libs/plain" }}
member = {{ workspace = true }}

[tool.uv.workspace]
members = ["packages/member"]

[[tool.uv.index]]
name = "private"
url = "{index.address}/simple"
default = true
"""
        write(
            root,
            {
                "pyproject.toml": PROJECT.format(name="sourced") + tables,
                "work/__init__.py": "",
                "work/__main__.py": "import odd, gitty, member, pathy, plain\nprint(odd.SAYS, gitty.SAYS, member.SAYS, "
                "pathy.SAYS, plain.SAYS)\n",
                "Dockerfile": "FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nRUN pip install uv && uv sync --frozen\n",
                "compose.yaml": "services:\n  work:\n    build: .\n    command: python -m work\n",
            },
        )
        for name, place in (("pathy", "libs/pathy"), ("plain", "libs/plain"), ("member", "packages/member")):
            module = {f"src/{name}/__init__.py": f"SAYS = '{name}'\n", f"src/{name}/unread.txt": "text\n"}
            write(root / place, {"pyproject.toml": PROJECT.format(name=name) + OWN, "backend.py": "", **module})
        environment = {
            **os.environ,
            "UV_INDEX_PRIVATE_USERNAME": USER,
            "UV_INDEX_PRIVATE_PASSWORD": PASSWORD,
        }
        done = subprocess.run([UV, "lock"], cwd=root, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        yield Sourced(root, environment, git(folder / "gitty", "rev-parse", "HEAD"))


@pytest.fixture(scope="module")
def built(project: Sourced, tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, str]:
    """The image, and all that was said."""
    place = tmp_path_factory.mktemp("built")
    words: list[str | Path] = [
        "--output",
        place / "images",
        "--record",
        place / "record.json",
        "--sbom",
        place / "bills",
    ]
    done = project.careen("build", project.folder, *words, "--format", "json")
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr + (place / "record.json").read_text()
    said += "".join(path.read_text() for path in (place / "bills").iterdir())
    return Layout.open(place / "images"), said


def test_each_source_brings_its_modules_and_nothing_else(built: tuple[Layout, str], project: Sourced) -> None:
    layout, _ = built
    contents = read_files(
        layout, layout.manifest(layout.image()), lambda path: path.startswith((SITE, "app/"))
    ).contents
    names = {path.removeprefix(f"{SITE}/") for path in contents if "__pycache__" not in path}
    for name in ("odd", "gitty"):
        assert {f"{name}.py", f"{name}-1.0.dist-info/METADATA", f"{name}-1.0.dist-info/RECORD"} <= names
        assert contents[f"{SITE}/{name}.py"].decode() == f"SAYS = '{name}'\n"
    direct = json.loads(contents[f"{SITE}/gitty-1.0.dist-info/direct_url.json"])
    assert direct["vcs_info"] == {"vcs": "git", "commit_id": project.commit}
    for place in ("libs/pathy/src/pathy", "libs/plain/src/plain", "packages/member/src/member"):
        assert f"app/{place}/__init__.py" in names
    assert not [name for name in names if "backend" in name or name.endswith(("secret.txt", "pyproject.toml"))]


def test_no_build_tool_is_left(built: tuple[Layout, str]) -> None:
    layout, _ = built
    system = read_files(layout, layout.manifest(layout.image()), lambda _: False).file_system
    tools = ("pip", "setuptools", "wheel", "hatchling", "flit_core", "uv", "build", "git", "gcc")
    found = [
        file.path
        for file in system.files()
        if file.path.startswith((f"{SITE}/", "usr/local/bin/", "usr/bin/"))
        and file.path.rpartition("/")[2].partition("-")[0] in tools
    ]
    assert found == []


def test_credentials_are_nowhere(built: tuple[Layout, str]) -> None:
    layout, said = built
    assert PASSWORD not in said
    for blob in (layout.folder / "blobs/sha256").iterdir():
        data = blob.read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        assert PASSWORD.encode() not in data, blob.name


def test_a_repository_that_cannot_be_read_is_told_without_its_credentials(project: Sourced, tmp_path: Path) -> None:
    """The lock names the repository as whoever locked it wrote it."""
    copy = tmp_path / "project"
    shutil.copytree(project.folder, copy)
    for name in ("uv.lock", "pyproject.toml"):
        text = (copy / name).read_text()
        (copy / name).write_text(
            text.replace(f"file://{project.folder.parent}/gitty", f"https://user:{TOKEN}@127.0.0.1:9/gitty")
        )
    done = project.careen("build", copy, "--output", tmp_path / "images")
    assert done.returncode != 0
    assert "gitty" in done.stderr
    assert TOKEN not in done.stdout + done.stderr
