"""Proposed patterns are few, readable, and keep out exactly what they were proposed for."""

from pathlib import Path, PurePosixPath

from careen.ignorefile.causes import Cause
from careen.ignorefile.context import measure
from careen.ignorefile.patterns import parse_ignorefile
from careen.ignorefile.proposal import proposed_patterns
from careen.text.source import Source

UNWANTED = frozenset({Cause.VIRTUAL_ENVIRONMENT, Cause.CACHES, Cause.SECRETS, Cause.TESTS})


def tree(root: Path, *paths: str) -> None:
    for path in paths:
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"x" * 100)


def left(root: Path, patterns: tuple[str, ...]) -> set[str]:
    ignore = parse_ignorefile(Source(PurePosixPath(".dockerignore"), "\n".join(patterns) + "\n"))
    return {file.path for file in measure(root, ignore).sent}


def test_what_no_image_needs_goes_and_the_rest_stays(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "src/app.py",
        "env-3.11/pyvenv.cfg",
        "env-3.11/lib/x.py",
        "pkg/__pycache__/a.pyc",
        "tests/t.py",
        ".env",
    )

    patterns = proposed_patterns(measure(tmp_path, None).sent, UNWANTED)

    assert set(patterns) == {"env-3.11", "**/__pycache__", "**/tests", "**/.env"}
    assert left(tmp_path, patterns) == {"src/app.py"}


def test_heaviest_comes_first(tmp_path: Path) -> None:
    tree(tmp_path, "tests/a.py", "tests/b.py", ".env")

    assert proposed_patterns(measure(tmp_path, None).sent, UNWANTED) == ("**/tests", "**/.env")


def test_what_a_dockerfile_asks_for_by_name_stays(tmp_path: Path) -> None:
    tree(tmp_path, "tests/a.py", ".env")

    patterns = proposed_patterns(measure(tmp_path, None).sent, UNWANTED, wanted=("tests",))

    assert patterns == ("**/.env",)


def test_clean_context_needs_nothing(tmp_path: Path) -> None:
    tree(tmp_path, "src/app.py")

    assert proposed_patterns(measure(tmp_path, None).sent, UNWANTED) == ()
