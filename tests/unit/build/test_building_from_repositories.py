"""Distributions of repositories become wheels by git and uv, which are asked for just that, and see little."""

import zipfile
from pathlib import Path

import pytest

from careen.blobs.store import Store
from careen.build.unbuilt import UnbuildableError, WheelBuilder
from careen.http.client import HttpClient
from careen.http.patience import HttpSettings
from careen.plan.target import PlannedDistribution, UnbuiltSource
from careen.platforms import Platform
from careen.python.c_library import glibc
from careen.python.index import PackageFiles
from careen.python.names import PackageName, PythonVersion
from fakes.builders import FakeClient, fake_client

COMMIT = "a" * 40
URL = "https://git.example/odd"


def wheel(folder: Path, name: str = "odd-1.0-py3-none-any.whl") -> str:
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("odd.py", "ODD = 1\n")
    return str(path)


def item(address: str) -> tuple[PlannedDistribution, UnbuiltSource]:
    source = UnbuiltSource(requirement=f"odd @ git+{address}", url=None, digest=None)
    return (
        PlannedDistribution(
            name=PackageName("odd"), version="1.0", source=source, installed_bytes=None, reasons=("imported",)
        ),
        source,
    )


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    made = fake_client(tmp_path / "git", "git")
    monkeypatch.setenv("PATH", f"{made.folder}:/usr/bin:/bin")
    made.answers({"words": [], "prints": []})
    return made


@pytest.fixture
def uv(tmp_path: Path) -> FakeClient:
    made = fake_client(tmp_path / "uv", "uv")
    made.answers({"words": ["build"], "prints": [], "copies": [["--out-dir", wheel(tmp_path)]]})
    return made


def builder(folder: Path, uv: FakeClient, *, minor: int = 11) -> WheelBuilder:
    return WheelBuilder(
        store=Store(folder / "store"),
        packages=PackageFiles(HttpClient(HttpSettings(offline=True)), folder / "python"),
        uv=uv.program,
        environment={
            "PATH": "/usr/bin:/bin",
            "HOME": "/home/me",
            "GIT_SSH": "ssh",
            "AWS_SECRET": "s",
            "PYTHONPATH": ".",
        },
        python=PythonVersion(minor),
        platform=Platform.parse("linux/amd64"),
        c_library=glibc(2, 36),
        epoch=0,
    )


def test_the_commit_alone_is_fetched_and_a_wheel_is_built_of_it_once(
    git: FakeClient, uv: FakeClient, tmp_path: Path
) -> None:
    made = builder(tmp_path, uv)

    found = made.wheel(*item(f"{URL}#{COMMIT}"))

    assert found.name == "odd-1.0-py3-none-any.whl"
    assert zipfile.is_zipfile(found.path)
    clone = git.asked()[0]["words"][1]
    assert [asked["words"] for asked in git.asked()] == [
        ["-C", clone, "init", "--quiet"],
        ["-C", clone, "fetch", "--quiet", "--depth", "1", URL, COMMIT],
        ["-C", clone, "checkout", "--quiet", "FETCH_HEAD"],
    ]
    (words,) = uv.builds()
    assert words[:4] == ["build", "--wheel", "--quiet", "--no-python-downloads"]
    assert words[4:7] == ["--python", "3.11", "--out-dir"]
    assert words[-1] == clone, "in isolation: uv is given the folder and no more"

    assert made.wheel(*item(f"{URL}#{COMMIT}")) == found
    assert len(uv.builds()) == 1
    assert len(git.asked()) == 3


def test_another_python_and_another_commit_are_other_wheels(git: FakeClient, uv: FakeClient, tmp_path: Path) -> None:
    builder(tmp_path, uv).wheel(*item(f"{URL}#{COMMIT}"))
    builder(tmp_path, uv, minor=13).wheel(*item(f"{URL}#{COMMIT}"))
    builder(tmp_path, uv).wheel(*item(f"{URL}#{'b' * 40}"))

    assert [words[words.index("--python") + 1] for words in uv.builds()] == ["3.11", "3.13", "3.11"]
    assert len(git.asked()) == 9


def test_of_the_surroundings_git_and_uv_see_what_reaching_and_building_takes(
    git: FakeClient, uv: FakeClient, tmp_path: Path
) -> None:
    builder(tmp_path, uv).wheel(*item(f"{URL}#{COMMIT}"))

    for asked in (*git.asked(), *uv.asked()):
        seen = set(asked["sees"])
        assert {"PATH", "HOME", "GIT_SSH", "SOURCE_DATE_EPOCH"} <= seen
        assert not {"AWS_SECRET", "PYTHONPATH"} & seen


def test_a_folder_of_the_repository_is_built_where_the_lock_says_so(
    git: FakeClient, uv: FakeClient, tmp_path: Path
) -> None:
    builder(tmp_path, uv).wheel(*item(f"{URL}?subdirectory=python/odd#{COMMIT}"))

    (words,) = uv.builds()
    assert words[-1].endswith("/clone/python/odd")
    assert git.asked()[1]["words"][-2:] == [URL, COMMIT]


def test_a_folder_outside_of_the_repository_is_refused(git: FakeClient, uv: FakeClient, tmp_path: Path) -> None:
    with pytest.raises(UnbuildableError, match="outside of its repository"):
        builder(tmp_path, uv).wheel(*item(f"{URL}?subdirectory=../..#{COMMIT}"))
    assert uv.asked() == []
    assert git.asked(), "that is known when the repository is here"


@pytest.mark.parametrize("wheels", [0, 2])
def test_what_is_not_one_wheel_is_refused(git: FakeClient, uv: FakeClient, tmp_path: Path, wheels: int) -> None:
    copies = [["--out-dir", wheel(tmp_path, f"odd-1.{number}-py3-none-any.whl")] for number in range(wheels)]
    uv.answers({"words": ["build"], "prints": [], "copies": copies})

    with pytest.raises(UnbuildableError, match=f"gave {wheels} wheels instead of one"):
        builder(tmp_path, uv).wheel(*item(f"{URL}#{COMMIT}"))

    assert git.asked()
    assert list((tmp_path / "store/aside").iterdir()) == []


def test_a_build_that_fails_is_told_with_uvs_words(git: FakeClient, uv: FakeClient, tmp_path: Path) -> None:
    complaint = "error: No interpreter found for Python 3.11\n"
    uv.answers({"words": ["build"], "prints": [], "complains": complaint, "status": 2})

    with pytest.raises(UnbuildableError, match=r"odd 1\.0 has no wheel for linux/amd64 .*No interpreter found") as told:
        builder(tmp_path, uv).wheel(*item(f"{URL}#{COMMIT}"))

    assert "needs Python 3.11" in told.value.hints[0]
    assert git.asked()


def test_a_wheel_for_another_processor_is_refused(git: FakeClient, uv: FakeClient, tmp_path: Path) -> None:
    made = wheel(tmp_path, "odd-1.0-cp311-cp311-linux_aarch64.whl")
    uv.answers({"words": ["build"], "prints": [], "copies": [["--out-dir", made]]})

    with pytest.raises(UnbuildableError, match=r"compiles to odd-1\.0-cp311-cp311-linux_aarch64\.whl"):
        builder(tmp_path, uv).wheel(*item(f"{URL}#{COMMIT}"))
    assert git.asked()
