import tomllib
from pathlib import PurePosixPath

import pytest

from careen.plan.lock_view import synced
from careen.plan.sync import SyncRequest
from careen.python.locked import GitSource, LocalSource, Lock, RegistrySource
from careen.python.poetry_constraints import allows, alternatives, python_marker
from careen.python.poetry_lock import read_poetry_lock
from careen.python.poetry_project import read_poetry_project
from careen.text.problems import SyntaxProblem
from careen.text.source import Source
from fakes.locks import environment

DIGEST = "sha256:" + "ab" * 32
PROJECT = """
[tool.poetry]
name = "shelf"
[tool.poetry.dependencies]
python = "^3.11"
celery = {version = "^5.4", extras = ["redis"]}
numpy = [{version = "<2", python = "<3.12"}, {version = ">=2", python = ">=3.12"}]
search = {version = "*", optional = true}
[tool.poetry.extras]
find = ["search"]
[tool.poetry.group.dev.dependencies]
pytest = "*"
[tool.poetry.group.docs]
optional = true
[tool.poetry.group.docs.dependencies]
sphinx = "*"
"""


def entry(name: str, version: str = "1.0", more: str = "", below: str = "") -> str:
    files = f'files = [{{file = "{name}-{version}-py3-none-any.whl", hash = "{DIGEST}"}}]'
    return (
        f'[[package]]\nname = "{name}"\nversion = "{version}"\noptional = false\npython-versions = ">=3.8"\n'
        f"{more}\n{files}\n{below}\n"
    )


PACKAGES = (
    entry(
        "celery",
        "5.4.0",
        below='[package.dependencies]\nkombu = ">=5"\nredis = {version = ">=4", optional = true, markers = "extra == \\"redis\\""}\n'  # noqa: E501
        '[package.extras]\nredis = ["redis (>=4)"]',
    )
    + entry("kombu")
    + entry("redis")
    + entry("numpy", "1.26")
    + entry("numpy", "2.1")
    + entry("search")
    + entry("pytest")
    + entry("sphinx")
)


def lock(packages: str = PACKAGES, project: str = PROJECT, version: str = "2.1") -> Lock:
    text = f'{packages}\n[metadata]\nlock-version = "{version}"\npython-versions = "^3.11"\ncontent-hash = "0"\n'
    return read_poetry_lock(Source(PurePosixPath("poetry.lock"), text), read_poetry_project(tomllib.loads(project)))


def names(request: SyncRequest, minor: int = 11) -> set[str]:
    found = lock()
    assert found.root is not None
    chosen = synced(request, found, found.root, environment(minor), lambda _: found.default_groups or ())
    return {f"{package.name} {package.version}" for package in chosen.values() if package is not found.root}


def test_the_main_group_comes_with_the_extras_it_asks_for_and_no_optional_dependency() -> None:
    assert names(SyncRequest(defaults=False)) == {"celery 5.4.0", "kombu 1.0", "redis 1.0", "numpy 1.26"}


def test_of_several_constraints_the_one_for_this_python_counts() -> None:
    assert "numpy 2.1" in names(SyncRequest(defaults=False), minor=12)


def test_groups_that_are_optional_come_only_when_asked_for() -> None:
    assert "pytest 1.0" in names(SyncRequest())
    assert "sphinx 1.0" not in names(SyncRequest())
    assert names(SyncRequest(groups=("docs",), only=True)) == {"sphinx 1.0"}


def test_an_extra_brings_the_optional_dependencies_that_it_lists() -> None:
    assert "search 1.0" in names(SyncRequest(extras=("find",), defaults=False))


def test_files_have_names_and_hashes_and_no_address() -> None:
    celery = lock().packages[[package.name for package in lock().packages].index("celery")]  # type: ignore[arg-type]

    assert celery.wheels[0].url == "celery-5.4.0-py3-none-any.whl"
    assert str(celery.wheels[0].digest) == DIGEST
    assert celery.source == RegistrySource(index="")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('type = "legacy"\nurl = "https://index.example/simple"', RegistrySource(index="https://index.example/simple")),
        (
            'type = "git"\nurl = "https://git.example/a.git"\nreference = "main"\nresolved_reference = "0123"',
            GitSource(url="https://git.example/a.git#0123"),
        ),
        ('type = "directory"\nurl = "../a"', LocalSource(kind="directory", path=PurePosixPath("../a"))),
        ('type = "file"\nurl = "a.whl"', LocalSource(kind="path", path=PurePosixPath("a.whl"))),
    ],
)
def test_sources_are_told_apart(source: str, expected: object) -> None:
    found = lock(entry("a", below=f"[package.source]\n{source}"), '[tool.poetry]\nname = "shelf"\n')

    assert found.packages[0].source == expected


def test_old_locks_list_files_apart() -> None:
    text = '[[package]]\nname = "a"\nversion = "1.0"\noptional = false\npython-versions = "*"\n'
    tail = f'[metadata.files]\na = [{{file = "a-1.0-py3-none-any.whl", hash = "{DIGEST}"}}]\n'
    source = Source(PurePosixPath("poetry.lock"), f'{text}[metadata]\nlock-version = "1.1"\n{tail}')

    assert read_poetry_lock(source, read_poetry_project({})).packages[0].wheels[0].filename == "a-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("packages", "version", "line"),
    [("", "3.0", 1), ('[[package]]\nname = "a"\n', "2.1", 1), ('\n\n[[package]]\nname = 1\nversion = "1"\n', "2.1", 3)],
)
def test_what_is_wrong_is_told_with_its_line(packages: str, version: str, line: int) -> None:
    with pytest.raises(SyntaxProblem) as caught:
        lock(packages, version=version)

    assert (caught.value.path, caught.value.line) == (PurePosixPath("poetry.lock"), line)


@pytest.mark.parametrize(
    ("constraint", "inside", "outside"),
    [
        ("^1.2.3", "1.9", "2.0"),
        ("^0.2.3", "0.2.9", "0.3.0"),
        ("~1.2", "1.2.9", "1.3"),
        ("~1", "1.9", "2.0"),
        ("1.2.*", "1.2.7", "1.3"),
        ("<2 || >=3", "3.1", "2.5"),
        (">=1,<2", "1.5", "2"),
        ("1.2.3", "1.2.3", "1.2.4"),
    ],
)
def test_constraints_in_poetrys_words(constraint: str, inside: str, outside: str) -> None:
    assert allows(alternatives(constraint), inside)
    assert not allows(alternatives(constraint), outside)


def test_a_constraint_on_python_is_a_marker() -> None:
    marker = python_marker("^3.11 || ~3.9")

    assert environment(12).satisfies(marker)
    assert environment(9).satisfies(marker)
    assert not environment(10).satisfies(marker)


def test_a_group_that_the_markers_leave_out_takes_the_package_always() -> None:
    only_test = 'groups = ["main", "test"]\nmarkers = {test = "sys_platform == \'win32\'"}'
    both = 'groups = ["main", "test"]\nmarkers = {main = "os_name == \'nt\'", test = "sys_platform == \'win32\'"}'
    first, second = (lock(entry("a", more=more), "").packages[0] for more in (only_test, both))

    assert first.marker is None
    assert not environment().satisfies(second.marker)
