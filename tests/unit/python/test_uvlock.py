from pathlib import PurePosixPath

import pytest

from careen.python.locked import ConflictItem, GitSource, LocalSource, RegistrySource, UrlSource
from careen.python.uvlock import read_uvlock
from careen.text.problems import SyntaxProblem
from careen.text.source import Source
from fakes.locks import package, project, uvlock

DIGEST = "sha256:" + "ab" * 32


def test_a_package_is_read_with_its_files_and_its_line() -> None:
    lock = uvlock(project() + package("celery", "5.4.0", requires=["kombu"]))

    celery = lock.by_name["celery"][0]  # type: ignore[index]
    assert (celery.version, celery.source) == ("5.4.0", RegistrySource(index="https://index.example/simple"))
    assert celery.wheels[0].filename == "celery-5.4.0-py3-none-any.whl"
    assert celery.wheels[0].size == 10
    assert [edge.name for edge in celery.dependencies or ()] == ["kombu"]
    assert celery.line == 11


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('git = "https://git.example/a?rev=main#0123"', GitSource(url="https://git.example/a?rev=main#0123")),
        ('url = "https://files.example/a-1.0.whl"', UrlSource(url="https://files.example/a-1.0.whl")),
        ('editable = "."', LocalSource(kind="editable", path=PurePosixPath())),
        ('virtual = "packages/a"', LocalSource(kind="virtual", path=PurePosixPath("packages/a"))),
        ('directory = "../a"', LocalSource(kind="directory", path=PurePosixPath("../a"))),
        (
            'path = "wheels/a-1.0-py3-none-any.whl"',
            LocalSource(kind="path", path=PurePosixPath("wheels/a-1.0-py3-none-any.whl")),
        ),
    ],
)
def test_every_kind_of_source_is_told_apart(source: str, expected: object) -> None:
    assert uvlock(package("a", source=source)).packages[0].source == expected


def test_only_folders_are_local_since_an_archive_is_installed() -> None:
    lock = uvlock(package("a", source='editable = "."') + package("b", source='path = "b-1.0-py3-none-any.whl"'))

    assert [found.is_local for found in lock.packages] == [True, False]


@pytest.mark.parametrize(
    ("source", "wheel", "url"),
    [
        ('path = "b-1.0-py3-none-any.whl"', f'{{ filename = "b-1.0-py3-none-any.whl", hash = "{DIGEST}" }}', "b-1.0-py3-none-any.whl"),  # noqa: E501
        ('url = "https://files.example/b-1.0-py3-none-any.whl"', f'{{ filename = "x", hash = "{DIGEST}" }}', "https://files.example/b-1.0-py3-none-any.whl"),
        ('registry = "../wheels"', f'{{ path = "b-1.0-py3-none-any.whl", hash = "{DIGEST}" }}', "../wheels/b-1.0-py3-none-any.whl"),  # noqa: E501
    ],
)  # fmt: skip
def test_a_file_is_addressed_by_its_kind_of_source(source: str, wheel: str, url: str) -> None:
    text = f'\n[[package]]\nname = "b"\nversion = "1.0"\nsource = {{ {source} }}\nwheels = [{wheel}]\n'

    file = uvlock(text).packages[0].wheels[0]

    assert (file.url, str(file.digest)) == (url, DIGEST)


def test_a_dynamic_version_is_no_fault() -> None:
    lock = uvlock('\n[[package]]\nname = "a"\nsource = { editable = "." }\n')

    assert lock.packages[0].name == "a"


def test_members_conflicts_and_the_groups_of_a_root_without_project_are_read() -> None:
    text = (
        'conflicts = [[{ package = "shelf", extra = "cpu" }, { package = "shelf", group = "gpu" }]]\n'
        '[manifest]\nmembers = ["shelf", "api"]\n'
        '[manifest.dependency-groups]\ndev = [{ name = "ruff", extras = ["fast"], specifier = ">=0.5" }]\n'
    )

    lock = uvlock(text + project())

    assert lock.members == ("shelf", "api")
    assert lock.conflicts == (
        (
            ConflictItem(package=lock.members[0], extra="cpu"),
            ConflictItem(package=lock.members[0], group="gpu"),
        ),
    )
    assert [(edge.name, edge.extras) for edge in lock.groups["dev"]] == [("ruff", ("fast",))]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("version = 2\n", 1, "a lock of version 2"),
        ("version = 1\npackage = 3\n", 1, "must be an array"),
        ("version = 1\n[[package]]\nname = 3\n", 2, "must be a string"),
        ("version = 1\n[[package]]\nname = 'a'\nversion = '1'\nsource = {}\n", 2, "names no source"),
        ("version = 1\n\n[[package]]\nname = '-'\n", 3, "not the name of a distribution"),
        ("version = 1\n[[package]]\nname = 'a'\nsource = { registry = 'x' }\nwheels = [{ url = 'u', hash = 'sha256:1' }]\n", 2, "not a sha256 digest"),  # noqa: E501
        ("version = 1\n[[package\n", 2, "not TOML"),
        ("<<<<<<< HEAD\nversion = 1\n", 1, "not TOML"),
    ],
)  # fmt: skip
def test_a_lock_that_cannot_be_read_says_where(text: str, line: int, reason: str) -> None:
    with pytest.raises(SyntaxProblem) as caught:
        read_uvlock(Source(PurePosixPath("uv.lock"), text))

    assert caught.value.line == line
    assert reason in caught.value.message


def test_files_of_a_lock_in_a_folder_are_told_from_the_root() -> None:
    row = f'wheels = [{{ filename = "b-1.0-py3-none-any.whl", hash = "{DIGEST}" }}]'
    text = f'[[package]]\nname = "b"\nversion = "1.0"\nsource = {{ path = "dist/b-1.0-py3-none-any.whl" }}\n{row}\n'
    lock = read_uvlock(Source(PurePosixPath("service/uv.lock"), f'version = 1\nrequires-python = ">=3.11"\n{text}'))

    assert lock.packages[0].wheels[0].url == "service/dist/b-1.0-py3-none-any.whl"


def test_names_that_the_project_overrides_or_excludes_are_read() -> None:
    lock = uvlock(
        '[manifest]\noverrides = [{ name = "opencv-python", marker = "sys_platform == \'never\'" }]\n'
        'excludes = ["PyQt5"]\n' + project()
    )

    assert lock.overridden == ("opencv-python", "pyqt5")
