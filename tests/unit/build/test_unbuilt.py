import io
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from careen.blobs.digest import Digest
from careen.blobs.store import Store
from careen.build.unbuilt import UnbuildableError, WheelBuilder
from careen.errors import MissingToolError
from careen.http.client import HttpClient
from careen.http.patience import HttpSettings
from careen.plan.target import PlannedDistribution, UnbuiltSource
from careen.platforms import Platform
from careen.python.c_library import glibc
from careen.python.index import PackageFiles
from careen.python.names import PackageName, PythonVersion
from careen.python.wheel_archive import WheelArchive

UV = Path(sys.executable).parent / "uv"
needs_uv = pytest.mark.skipif(not UV.exists(), reason="uv is not beside this interpreter")

BACKEND = """
import zipfile
def build_wheel(folder, settings=None, metadata=None):
    info = "odd-1.0.dist-info"
    files = {{"odd.py": "ODD = 1\\n", f"{{info}}/METADATA": "Metadata-Version: 2.1\\nName: odd\\nVersion: 1.0\\n",
             f"{{info}}/WHEEL": "Wheel-Version: 1.0\\nGenerator: odd\\nRoot-Is-Purelib: true\\nTag: {tag}\\n"}}
    with zipfile.ZipFile(f"{{folder}}/odd-1.0-{tag}.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{{info}}/RECORD", "".join(f"{{path}},,\\n" for path in files))
    return "odd-1.0-{tag}.whl"
"""


def sdist(folder: Path, *, backend: str = BACKEND, tag: str = "py3-none-any") -> PlannedDistribution:
    """A distribution that is its own build backend, so that building it needs no index."""
    pyproject = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    place = folder / "odd-1.0.tar.gz"
    with tarfile.open(place, "w:gz") as archive:
        for name, text in (("pyproject.toml", pyproject), ("backend.py", backend.format(tag=tag))):
            member = tarfile.TarInfo(f"odd-1.0/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    source = UnbuiltSource(requirement="odd==1.0", url=str(place), digest=Digest.of(place.read_bytes()))
    return PlannedDistribution(
        name=PackageName("odd"), version="1.0", source=source, installed_bytes=None, reasons=("imported",)
    )


def builder(folder: Path, *, uv: Path | None = UV) -> WheelBuilder:
    return WheelBuilder(
        store=Store(folder / "store"),
        packages=PackageFiles(HttpClient(HttpSettings(offline=True)), folder / "python"),
        uv=uv,
        environment={"PATH": "/usr/bin:/bin", "HOME": str(folder / "home"), "UV_OFFLINE": "1", "SECRET": "secret"},
        python=PythonVersion(sys.version_info.minor),
        platform=Platform.parse("linux/amd64"),
        c_library=glibc(2, 36),
        epoch=0,
    )


def build(maker: WheelBuilder, item: PlannedDistribution) -> str:
    assert isinstance(item.source, UnbuiltSource)
    file = maker.wheel(item, item.source)
    with WheelArchive(file.path, file.name) as archive:
        assert "odd.py" in {entry.path for entry in archive.directory.files()}
    return file.name


@needs_uv
def test_a_source_distribution_is_built_once_and_kept(tmp_path: Path) -> None:
    item = sdist(tmp_path)
    assert build(builder(tmp_path), item) == "odd-1.0-py3-none-any.whl"
    assert build(builder(tmp_path, uv=None), item) == "odd-1.0-py3-none-any.whl"


@needs_uv
def test_what_compiles_for_another_machine_is_refused(tmp_path: Path) -> None:
    item = sdist(tmp_path, tag="cp311-cp311-linux_aarch64")
    with pytest.raises(UnbuildableError, match=r"compiles to odd-1\.0-cp311-cp311-linux_aarch64\.whl"):
        build(builder(tmp_path), item)


@needs_uv
def test_a_build_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    item = sdist(tmp_path, backend="raise SystemError('no such {{compiler}} for {tag}')")
    with pytest.raises(UnbuildableError, match="could not be built"):
        build(builder(tmp_path), item)
    assert list((tmp_path / "store/aside").iterdir()) == []


@needs_uv
def test_a_build_sees_only_the_surroundings_that_it_needs(tmp_path: Path) -> None:
    backend = "import os\nassert 'SECRET' not in os.environ, 'seen'\nassert os.environ['SOURCE_DATE_EPOCH']\n" + BACKEND
    assert build(builder(tmp_path), sdist(tmp_path, backend=backend)) == "odd-1.0-py3-none-any.whl"


NATIVE = """
import zipfile
def build_wheel(folder, settings=None, metadata=None):
    info, name = "odd-1.0.dist-info", "odd-1.0-{tag}.whl"
    with zipfile.ZipFile(f"{{folder}}/{{name}}", "w") as wheel:
        wheel.writestr("odd.py", "import _odd\\n")
        versions = b"GLIBC_2.14\\0GLIBC_2.38\\0GLIBC_2.4\\0GLIBC_PRIVATE\\0"
        wheel.writestr("_odd.so", b"\\x7fELF" + bytes(2 << 20) + versions)
        wheel.writestr(f"{{info}}/METADATA", "Metadata-Version: 2.1\\nName: odd\\nVersion: 1.0\\n")
        wheel.writestr(f"{{info}}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: false\\nTag: {tag}\\n")
        wheel.writestr(f"{{info}}/RECORD", f"odd.py,,\\n_odd.so,,\\n{{info}}/METADATA,,\\n{{info}}/WHEEL,,\\n")
    return name
"""


@needs_uv
def test_what_is_linked_with_a_newer_glibc_than_the_base_has_is_refused(tmp_path: Path) -> None:
    """Built once, and judged for every base."""
    python = f"cp3{sys.version_info.minor}"
    item = sdist(tmp_path, backend=NATIVE, tag=f"{python}-{python}-linux_x86_64")
    with pytest.raises(UnbuildableError, match=r"asks for glibc 2\.38, and the base has glibc 2\.36$"):
        build(builder(tmp_path), item)
    newer = replace(builder(tmp_path, uv=None), c_library=glibc(2, 41))
    assert build(newer, item).endswith("linux_x86_64.whl")
    with pytest.raises(UnbuildableError, match=r"asks for glibc 2\.38"):
        build(builder(tmp_path, uv=None), item)


def test_without_uv_the_hint_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingToolError, match="uv is not here"):
        build(builder(tmp_path, uv=None), sdist(tmp_path))


def test_a_source_that_nothing_pins_is_refused(tmp_path: Path) -> None:
    source = UnbuiltSource(requirement="odd @ ../odd", url=None, digest=None)
    item = replace(sdist(tmp_path), source=source)
    with pytest.raises(UnbuildableError, match="not pinned"):
        builder(tmp_path).wheel(item, source)


def test_a_repository_is_recorded_without_its_credentials(tmp_path: Path) -> None:
    requirement = f"odd @ https://user:secret@git.example/odd?subdirectory=python#{'a' * 40}"
    source = UnbuiltSource(requirement=requirement, url=None, digest=None)
    recorded = builder(tmp_path).direct_url(source)
    assert recorded is not None
    assert b"secret" not in recorded
    assert b'"url": "https://git.example/odd"' in recorded
    assert b'"subdirectory": "python"' in recorded
    assert f'"commit_id": "{"a" * 40}"'.encode() in recorded
    assert builder(tmp_path).direct_url(UnbuiltSource(requirement="odd==1", url="u", digest=Digest("0" * 64))) is None
