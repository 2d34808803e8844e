import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from careen.python.sdists import SdistFormatError, read_sdist, read_source_folder

PKG_INFO = "Metadata-Version: 2.1\nName: Shelf-Tools\nVersion: 1.0\nRequires-Dist: pillow\n\nName: no field\n"


def sdist(folder: Path, files: dict[str, str]) -> Path:
    path = folder / "shelf_tools-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in {"PKG-INFO": PKG_INFO, **files}.items():
            member = tarfile.TarInfo(f"shelf_tools-1.0/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def test_names_are_those_that_setuptools_left_compiled_ones_too(tmp_path: Path) -> None:
    found = read_sdist(
        sdist(
            tmp_path,
            {
                "lib/shelf/__init__.py": "x" * 1000,
                "lib/shelf/fast.c": "x" * 5000,
                "setup.py": "",
                "tests/__init__.py": "",
                "src/shelf_tools.egg-info/top_level.txt": "shelf\n_speedups\n",
                "src/shelf_tools.egg-info/entry_points.txt": "[console_scripts]\nshelf = shelf:main\n",
            },
        )
    )
    assert found.imports == ("_speedups", "shelf")
    assert found.console_scripts == (("shelf", "shelf:main"),)
    assert found.requires == ("pillow",)
    assert 1000 < found.kept_bytes < 3000
    assert found.native == ("lib/shelf/fast.c",)


def test_without_such_words_packages_count_that_are_no_tests(tmp_path: Path) -> None:
    files = {"src/shelf/__init__.py": "", "src/shelf/web/__init__.py": "", "tests/__init__.py": "", "conftest.py": ""}
    assert read_sdist(sdist(tmp_path, files)).imports == ("shelf",)
    assert read_sdist(sdist(tmp_path, {"shelf_tools.py": "", "setup.py": ""})).imports == ("shelf_tools",)
    assert read_sdist(sdist(tmp_path, {"code/shelf/__init__.py": ""})).imports == ("shelf",)


@pytest.mark.parametrize(("path", "is_compiled"), [
    ("src/lib.rs", True), ("shelf/_fast.pyx", True), ("tests/_fast.c", False), ("docs/api/a.cpp", False),
    ("shelf/data.csv", False),
])  # fmt: skip
def test_sources_that_are_compiled_are_told_from_what_developers_build(
    path: str, is_compiled: bool, tmp_path: Path
) -> None:
    found = read_sdist(sdist(tmp_path, {"shelf/__init__.py": "", path: "x"}))
    assert found.native == ((path,) if is_compiled else ())


def test_scripts_of_a_pyproject_count(tmp_path: Path) -> None:
    project = '[project.scripts]\nshelf = "shelf:main"\n[project.entry-points."shelf.plugins"]\na = "shelf.a"\n'
    found = read_sdist(sdist(tmp_path, {"pyproject.toml": project, "shelf/__init__.py": ""}))
    assert found.console_scripts == (("shelf", "shelf:main"),)
    assert found.plugins == (("shelf.plugins", "a", "shelf.a"),)


def test_a_zip_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "shelf_tools-1.0.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("shelf_tools-1.0/PKG-INFO", PKG_INFO)
        archive.writestr("shelf_tools-1.0/shelf/__init__.py", "")
    assert read_sdist(path).imports == ("shelf",)


@pytest.mark.parametrize("data", [b"", b"nothing", b"\x1f\x8b\x08\x00garbage"])
def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "shelf_tools-1.0.tar.gz"
    path.write_bytes(data)
    with pytest.raises(SdistFormatError):
        read_sdist(path)


def test_sources_in_a_folder_are_told_like_an_archive_and_hidden_folders_and_links_are_not(tmp_path: Path) -> None:
    (tmp_path / "src/shelf").mkdir(parents=True)
    (tmp_path / "src/shelf/__init__.py").write_text("A = 1\n" * 100)
    (tmp_path / "src/shelf/core.c").write_text("int a;")
    (tmp_path / "src/shelf/away.py").symlink_to("/etc/hostname")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/pack").write_bytes(bytes(10_000))

    found = read_source_folder(tmp_path, "shelf")

    assert found.imports == ("shelf",)
    assert 600 <= found.installed_bytes < 1500
    assert found.is_estimate
