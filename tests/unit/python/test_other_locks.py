import json
from pathlib import PurePosixPath

import pytest

from careen.blobs.digest import Digest
from careen.plan.lock_view import synced
from careen.plan.sync import SyncRequest
from careen.python.addresses import indexes_for, with_addresses
from careen.python.locked import GitSource, LocalSource, Lock, LockedFile, RegistrySource
from careen.python.names import package_name
from careen.python.pdm_lock import read_pdm_lock
from careen.python.pdm_project import PdmProject, read_pdm_project
from careen.python.pipfile_lock import read_pipfile_lock
from careen.python.pylock import is_pylock_name, read_pylock
from careen.python.simple_index import IndexAnswer, IndexPageError, files_of, read_page
from careen.text.problems import SyntaxProblem
from careen.text.source import Source
from fakes.locks import environment

HEX = "ab" * 32
WHEEL = f'wheels = [{{url = "https://index.example/a-1.0-py3-none-any.whl", size = 7, hashes = {{sha256 = "{HEX}"}}}}]'


def pylock(text: str) -> Lock:
    return read_pylock(Source(PurePosixPath("pylock.toml"), f'lock-version = "1.0"\n{text}'))


def pipfile(**categories: object) -> Lock:
    meta = {"sources": [{"name": "main", "url": "https://index.example/simple"}]}
    return read_pipfile_lock(Source(PurePosixPath("Pipfile.lock"), json.dumps({"_meta": meta, **categories}, indent=1)))


def taken(lock: Lock, request: SyncRequest, minor: int = 11) -> set[str]:
    assert lock.root is not None
    found = synced(request, lock, lock.root, environment(minor), lambda _: lock.default_groups or ())
    return {package.name for package in found.values() if package is not lock.root}


def test_a_pylock_takes_what_its_markers_let_through() -> None:
    lock = pylock(
        'extras = ["gpu"]\ndependency-groups = ["dev"]\n'
        f'[[packages]]\nname = "a"\nversion = "1.0"\n{WHEEL}\n'
        f'[[packages]]\nname = "b"\nversion = "1.0"\nmarker = "python_version < \'3.11\'"\n{WHEEL}\n'
        f'[[packages]]\nname = "c"\nversion = "1.0"\nmarker = "\'dev\' in dependency_groups"\n{WHEEL}\n'
        f'[[packages]]\nname = "d"\nversion = "1.0"\nmarker = "\'gpu\' in extras"\n{WHEEL}\n'
    )

    assert taken(lock, SyncRequest()) == {"a"}
    assert taken(lock, SyncRequest(groups=("dev",))) == {"a", "c"}
    assert taken(lock, SyncRequest(extras=("gpu",)), minor=10) == {"a", "b", "d"}
    assert lock.packages[0].dependencies is None
    assert lock.packages[0].wheels[0].size == 7


def test_a_pylock_names_repositories_and_folders() -> None:
    lock = pylock(
        '[[packages]]\nname = "a"\nvcs = {type = "git", url = "https://git.example/a", commit-id = "01", subdirectory = "x"}\n'  # noqa: E501
        '[[packages]]\nname = "b"\ndirectory = {path = "libs/b", editable = true}\n'
    )

    assert lock.packages[0].source == GitSource(url="https://git.example/a?subdirectory=x#01")
    assert lock.packages[1].source == LocalSource(kind="editable", path=PurePosixPath("libs/b"))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[[packages]]\nname = 3\n", 2),
        ('\n[[packages]]\nname = "a"\nversion = "1"\n', 3),
        ("packages = 1\n", 1),
        ("= 1", 2),
    ],
)
def test_a_pylock_that_is_none_is_told_with_its_line(text: str, line: int) -> None:
    with pytest.raises(SyntaxProblem) as caught:
        pylock(text)

    assert caught.value.line == line


def test_pylock_names() -> None:
    assert [is_pylock_name(name) for name in ("pylock.toml", "pylock.dev.toml", "pylock.a.b.toml", "py.toml")] == [
        True,
        True,
        False,
        False,
    ]


def test_a_pipfile_lock_has_categories_hashes_and_indexes() -> None:
    lock = pipfile(
        default={"a": {"version": "==1.0", "hashes": [f"sha256:{HEX}"], "index": "main", "extras": ["x"]}},
        develop={
            "b": {"version": "==2", "markers": "python_version < '3'"},
            "c": {"git": "https://git.example/c", "ref": "01"},
        },
    )

    assert taken(lock, SyncRequest(defaults=False)) == {"a"}
    assert taken(lock, SyncRequest(groups=("dev",), defaults=False)) == {"a", "c"}
    assert lock.packages[0].source == RegistrySource(index="https://index.example/simple")
    assert lock.packages[0].hashes == (Digest(HEX),)


@pytest.mark.parametrize(
    ("text", "line"),
    [('{\n "a": \n', 3), ("[]", 1), ('{"_meta": {},\n "default": {\n "a": {"version": "1.0"}}}', 3)],
)
def test_a_pipfile_lock_that_is_none_is_told_with_its_line(text: str, line: int) -> None:
    with pytest.raises(SyntaxProblem) as caught:
        read_pipfile_lock(Source(PurePosixPath("Pipfile.lock"), text))

    assert caught.value.line == line


def test_entries_with_extras_of_a_pdm_lock_are_extras_of_the_plain_one() -> None:
    text = (
        '[metadata]\nlock_version = "4.5.0"\nstrategy = ["inherit_metadata"]\n'
        '[[package]]\nname = "a"\nversion = "1.0"\ngroups = ["default"]\ndependencies = ["b"]\n'
        '[[package]]\nname = "a"\nversion = "1.0"\nextras = ["x"]\ngroups = ["default"]\ndependencies = ["a==1.0", "c"]\n'  # noqa: E501
        '[[package]]\nname = "b"\nversion = "1.0"\ngroups = ["default"]\n'
        '[[package]]\nname = "c"\nversion = "1.0"\ngroups = ["default"]\n'
        '[[package]]\nname = "d"\nversion = "1.0"\ngroups = ["dev"]\n'
    )
    lock = read_pdm_lock(Source(PurePosixPath("pdm.lock"), text), PdmProject())

    assert taken(lock, SyncRequest(defaults=False)) == {"a", "b", "c"}
    assert taken(lock, SyncRequest()) == {"a", "b", "c", "d"}
    assert [edge.name for edge in lock.by_name[package_name("a")][0].extras["x"]] == ["c"]


def test_a_pdm_lock_that_names_no_groups_takes_them_from_the_project() -> None:
    text = (
        '[[package]]\nname = "a"\nversion = "1.0"\ndependencies = ["b", "w; sys_platform == \'win32\'"]\n'
        '[[package]]\nname = "a"\nversion = "1.0"\nextras = ["x"]\ndependencies = ["a==1.0", "c"]\n'
        '[[package]]\nname = "b"\nversion = "1.0"\n'
        '[[package]]\nname = "c"\nversion = "1.0"\n'
        '[[package]]\nname = "d"\nversion = "1.0"\n'
        '[[package]]\nname = "e"\nversion = "1.0"\n'
        '[[package]]\nname = "f"\nversion = "1.0"\n'
        '[metadata]\nlock_version = "4.2"\ncross_platform = true\n'
        '[metadata.files]\n"b 1.0" = [{url = "https://index.example/b-1.0-py3-none-any.whl"}]\n'
    )
    project = read_pdm_project(
        {
            "project": {"dependencies": ["A"], "optional-dependencies": {"More": ["a[x]>=1"]}},
            "dependency-groups": {"lint": [{"include-group": "base"}, "d"], "base": ["e"]},
            "tool": {"pdm": {"dev-dependencies": {"test": ["f", "-e file:///${PROJECT_ROOT}/other"]}}},
        },
        None,
    )

    lock = read_pdm_lock(Source(PurePosixPath("pdm.lock"), text), project)

    assert taken(lock, SyncRequest(defaults=False)) == {"a", "b"}
    assert taken(lock, SyncRequest(defaults=False, extras=("more",))) == {"a", "b", "c"}
    assert taken(lock, SyncRequest(groups=("lint",), only=True)) == {"d", "e"}
    assert taken(lock, SyncRequest()) == {"a", "b", "d", "e", "f"}
    assert [file.filename for file in lock.by_name[package_name("b")][0].wheels] == ["b-1.0-py3-none-any.whl"]


def test_groups_of_a_pdm_project_that_include_each_other_have_an_end() -> None:
    project = read_pdm_project(
        {"dependency-groups": {"a": [{"include-group": "b"}, "one"], "b": [{"include-group": "a"}, "two"]}}, None
    )
    assert {edge.name for edge in project.groups["a"]} == {"one", "two"}


JSON_PAGE = json.dumps(
    {
        "meta": {"api-version": "1.1"},
        "files": [
            {"url": "../f/a-1.0-py3-none-any.whl", "hashes": {"sha256": HEX}, "size": 9, "filename": "x"},
            {"url": "https://files.example/a-2.0.tar.gz", "hashes": {}},
        ],
    }
).encode()
HTML_PAGE = (
    f'<a href="/f/a-1.0-py3-none-any.whl#sha256={HEX}">a</a><a href="https://files.example/a-2.0.tar.gz">b</a>'.encode()
)


@pytest.mark.parametrize(
    ("page", "kind", "size"),
    [(JSON_PAGE, "application/vnd.pypi.simple.v1+json", 9), (HTML_PAGE, "text/html; charset=utf-8", None)],
)
def test_an_index_speaks_json_or_html(page: bytes, kind: str, size: int | None) -> None:
    wheel, sdist = read_page(page, kind, "https://index.example/simple/a/")

    assert wheel.digest == Digest(HEX)
    assert wheel.size == size
    assert wheel.url.startswith("https://index.example/")
    assert (sdist.url, sdist.digest) == ("https://files.example/a-2.0.tar.gz", None)


@pytest.mark.parametrize("page", [b"{", b"[]", b'{"meta": {"api-version": "2.0"}}'])
def test_json_that_is_no_list_of_files_is_refused(page: bytes) -> None:
    with pytest.raises(IndexPageError):
        read_page(page, "application/json", "https://index.example/simple/a/")


def test_addresses_are_those_of_files_with_the_locks_hashes() -> None:
    lock = pipfile(default={"a": {"version": "==1.0", "hashes": [f"sha256:{HEX}"]}})
    asked: list[str] = []

    def ask(url: str, accept: str) -> IndexAnswer:
        asked.append(url)
        status = 200 if "index.example" in url else 404
        return IndexAnswer(
            status=status, headers={"content-type": accept.split(",", maxsplit=1)[0]}, body=JSON_PAGE, url=url
        )

    wanted = indexes_for(lock, ["https://other.example"])
    found = {name: files for name, files in files_of(ask, wanted).items() if isinstance(files, tuple)}
    package = with_addresses(lock, found).packages[0]

    assert asked == ["https://index.example/simple/a/"]
    assert package.wheels == (
        LockedFile(url="https://index.example/simple/f/a-1.0-py3-none-any.whl", digest=Digest(HEX), size=9),
    )
    assert package.sdist is None
