"""Whatever stands in a lock, a reader answers with a lock or with the line of what is wrong."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePosixPath

from hypothesis import given, settings
from hypothesis import strategies as st

from careen.python.pdm_lock import read_pdm_lock
from careen.python.pdm_project import PdmProject
from careen.python.pipfile_lock import read_pipfile_lock
from careen.python.poetry_constraints import allows, alternatives, python_marker
from careen.python.poetry_lock import read_poetry_lock
from careen.python.poetry_project import read_poetry_project
from careen.python.pylock import read_pylock
from careen.python.requirement_files import read_requirement_file
from careen.python.requirement_lock import lock_of_requirements
from careen.python.simple_index import IndexPageError, read_page
from careen.text.problems import SyntaxProblem
from careen.text.source import Source

KEY_WORDS = (
    "name version source marker markers dependencies extras groups files file hash hashes wheels sdist url path vcs "
    "git directory archive type commit-id sha256 editable optional python-versions index ref revision default develop "
    "sources a b metadata lock-version package packages"
)
KEYS = st.sampled_from(KEY_WORDS.split())
WORDS = st.sampled_from(["a", "1.0", "==1", "^1", "git", "https://index.example/a-1.tar.gz", "os_name < '3'"])
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), WORDS, st.text(max_size=6))
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=20
)
TABLES = st.lists(st.dictionaries(KEYS, VALUES, max_size=8), max_size=4)


def source(name: str, text: str = "") -> Source:
    return Source(PurePosixPath(name), text)


def line_of(read: Callable[[], object]) -> int:
    """Of what is wrong; 0 when nothing is."""
    try:
        read()
    except SyntaxProblem as problem:
        return problem.line
    return 0


@settings(max_examples=40)
@given(TABLES)
def test_tables_of_any_shape(tables: list[dict[str, object]]) -> None:
    readers: tuple[Callable[[], object], ...] = (
        lambda: read_pylock(source("pylock.toml"), {"lock-version": "1.0", "packages": tables}),
        lambda: read_poetry_lock(
            source("poetry.lock"), read_poetry_project({}), {"metadata": {"lock-version": "2.1"}, "package": tables}
        ),
        lambda: read_pdm_lock(
            source("pdm.lock"),
            PdmProject(),
            {"metadata": {"lock_version": "4.5", "strategy": ["inherit_metadata"]}, "package": tables},
        ),
    )
    for read in readers:
        assert line_of(read) >= 0


@settings(max_examples=40)
@given(st.dictionaries(KEYS, VALUES, max_size=5), st.dictionaries(KEYS, VALUES, max_size=5))
def test_objects_of_any_shape(meta: dict[str, object], entries: dict[str, object]) -> None:
    text = json.dumps({"_meta": meta, "default": entries})
    assert line_of(lambda: read_pipfile_lock(source("Pipfile.lock", text))) >= 0


@settings(max_examples=40)
@given(VALUES)
def test_projects_of_any_shape(value: object) -> None:
    read_poetry_project({"project": value, "dependency-groups": value, "tool": {"poetry": value}})


LINES = st.lists(
    st.sampled_from(
        ["a==1", "a", "-r b.txt", "-r requirements.txt", "--hash=sha256:00", "\\", "# via a", "-e .", "git+https://x/y",
         "; x", "a @ file:b", "--index-url", "b[x]>=1 ; python_version > '3'", "./c.whl", " \\"]
    )
    | st.text(max_size=12),
    max_size=6,
)  # fmt: skip


@settings(max_examples=40)
@given(LINES, LINES)
def test_lines_of_any_kind(first: list[str], second: list[str]) -> None:
    texts = {"requirements.txt": "\n".join(first), "b.txt": "\n".join(second)}

    def read() -> object:
        path = PurePosixPath("requirements.txt")
        return lock_of_requirements([read_requirement_file(path, lambda name: source(str(name), texts[str(name)]))])

    assert line_of(read) <= max(len(text.splitlines()) for text in texts.values())


@settings(max_examples=40)
@given(st.text(alphabet="^~=<>!*.,|| 0123456789", max_size=14))
def test_constraints_of_any_kind(text: str) -> None:
    assert isinstance(allows(alternatives(text), "1.2.3"), bool)
    python_marker(text)


PAGES = VALUES.map(lambda value: json.dumps({"meta": {"api-version": "1.0"}, "files": value}).encode())


@settings(max_examples=40)
@given(st.binary(max_size=60) | PAGES)
def test_pages_of_any_kind(page: bytes) -> None:
    read_page(page, "text/html", "https://index.example/simple/a/")
    with suppress(IndexPageError):
        read_page(page, "application/json", "https://index.example/simple/a/")
