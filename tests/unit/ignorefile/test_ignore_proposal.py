"""Proposed patterns keep out what no image needs, and nothing else."""

from pathlib import Path, PurePosixPath

import pytest

from careen.ignorefile.causes import Cause, cause_of
from careen.ignorefile.context import ContextFile, measure
from careen.ignorefile.patterns import parse_ignorefile
from careen.ignorefile.proposal import proposed_patterns
from careen.text.source import Source

UNWANTED = {Cause.VERSION_CONTROL, Cause.CACHES, Cause.TESTS, Cause.SECRETS, Cause.NOTEBOOKS, Cause.VIRTUAL_ENVIRONMENT}


def proposed(*paths: str, wanted: tuple[str, ...] = ()) -> tuple[str, ...]:
    files = [ContextFile(path, 100 - index, cause_of(path)) for index, path in enumerate(paths)]
    return proposed_patterns(files, UNWANTED, wanted=wanted)


@pytest.mark.parametrize(
    ("paths", "wanted", "expected"),
    [
        (["app/main.py", "README.md"], (), ()),
        ([".git/config", "sub/.git/HEAD"], (), ("**/.git",)),
        (["a/__pycache__/x.pyc", "b/__pycache__/y.pyc"], (), ("**/__pycache__",)),
        (["a/x.ipynb", "b/y.ipynb"], (), ("**/*.ipynb",)),
        ([".env", "deploy/.env"], (), ("**/.env",)),
        (["tests/test_a.py", "app/main.py"], (), ("**/tests",)),
        (["tests/test_a.py", "app/main.py"], ("tests",), ()),
        (["tests/conftest.py", "tests/test_b.py"], ("tests/conftest.py",), ("**/test_b.py",)),
        (["secrets/db.txt", "app/secrets/__init__.py"], (), ("secrets",)),
        (["secrets/db.txt", "secrets/__init__.py"], (), ("**/db.txt",)),
        (["[odd]/.env", "a/.git/#x", "notebooks/!y"], (), ("**/.env", "**/.git", "**/notebooks")),
        (["a*b.pem"], (), ("**/*.pem",)),
        ([" .env ", "x/.env\n"], (), ()),
    ],
)
def test_the_widest_pattern_that_harms_nothing(
    paths: list[str], wanted: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert proposed(*paths, wanted=wanted) == expected


def test_an_environment_is_told_by_its_mark(tmp_path: Path) -> None:
    for name in ("my[env]/pyvenv.cfg", "my[env]/lib/x.py", "main.py"):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("x")

    patterns = proposed_patterns(measure(tmp_path, None).sent, UNWANTED)

    assert patterns == ("my\\[env\\]",)


def test_with_the_patterns_exactly_the_unwanted_is_gone(tmp_path: Path) -> None:
    names = [
        "app/main.py", "app/secrets/__init__.py", "app/secrets/key.pem", "secrets/db.txt", ".git/config", "a/.git/x",
        "tests/test_a.py", "lib/tests/__init__.py", "note.ipynb", "#odd/.env", "we[ir]d/.env", "x/__pycache__/y.pyc",
    ]  # fmt: skip
    for name in names:
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("x")
    before = measure(tmp_path, None)
    unwanted = {file.path for file in before.sent if file.cause in UNWANTED}

    text = "\n".join(proposed_patterns(before.sent, UNWANTED))
    after = measure(tmp_path, parse_ignorefile(Source(PurePosixPath(".dockerignore"), text)))

    assert unwanted
    assert {file.path for file in after.sent} == {file.path for file in before.sent} - unwanted
