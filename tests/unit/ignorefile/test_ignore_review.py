"""Patterns that do not do what was meant are told, with what they let through; sound ones are left in peace."""

from pathlib import Path, PurePosixPath

import pytest

from careen.ignorefile.context import measure
from careen.ignorefile.patterns import parse_ignorefile
from careen.ignorefile.review import PatternFault, review
from careen.text.source import Source

TREE = (
    "README.md",
    "api/__pycache__/main.pyc",
    "api/main.py",
    "api/old.pyc",
    "docs/README.md",
    "docs/guide.md",
    "logs/today.log",
    "node_modules/left/index.js",
    "web/node_modules/pad/index.js",
    "web/page.tmp",
)


def faults(root: Path, *patterns: str) -> tuple[PatternFault, ...]:
    for path in TREE:
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"0123456789")
    ignore = parse_ignorefile(Source(PurePosixPath(".dockerignore"), "\n".join(patterns)))
    return review(ignore, measure(root, ignore))


@pytest.mark.parametrize(
    ("patterns", "line", "kind", "weight", "words"),
    [
        (["logs # noise"], 1, "trailing comment", 10, "a line of its own"),
        (["*.{pyc,tmp}"], 1, "foreign syntax", 0, "braces"),
        (["**/*.{pyc,tmp}"], 1, "foreign syntax", 30, "braces"),
        (["[!a]*/*.md"], 1, "foreign syntax", 20, "negated by"),
        ([r"web\node_modules"], 1, "foreign syntax", 10, "separated by"),
        (["../other"], 1, "outside the context", 0, "out of the context"),
        (["."], 1, "outside the context", 0, "`*` is everything"),
        (["node_modules"], 1, "root only", 10, "web/node_modules"),
        (["*.pyc"], 1, "root only", 20, "**/*.pyc"),
        (["api/none.md"], 1, "matches nothing", 0, "nothing in this context"),
        (["scripts/__pycache__"], 1, "left behind", 0, "no scripts"),
        (["!api", "api"], 1, "re-includes nothing", 0, "line 2 (`api`) comes later"),
        (["docs", "!api"], 2, "re-includes nothing", 0, "nothing leaves out"),
        (["docs", "!docs/none.md"], 2, "re-includes nothing", 0, "nothing has this name"),
        (["**/*.pyc", "!api"], 2, "re-includes nothing", 0, "nothing leaves out"),
        (["docs/guide.md", "!docs"], 2, "re-includes nothing", 0, "nothing leaves out"),
        (["docs/guide.md", "!docs/**"], 1, "overridden", 10, "line 2 (`!docs/**`) comes later"),
    ],
)
def test_a_pattern_without_its_effect_is_a_fault(
    tmp_path: Path, patterns: list[str], line: int, kind: str, weight: int, words: str
) -> None:
    (fault,) = faults(tmp_path, *patterns)

    assert (fault.pattern.line, str(fault.kind), fault.bytes) == (line, kind, weight)
    assert words in fault.explanation
    assert (fault.example is None) is (weight == 0)


@pytest.mark.parametrize(
    "patterns",
    [
        ["**/node_modules", "**/__pycache__", "**/*.pyc"],
        ["*", "!api", "**/__pycache__"],
        ["*", "!api/**", "!docs/README.md"],
        ["docs", "!docs/README.md"],
        [".git", ".venv", "**/.mypy_cache", "*.sqlite", ".env", "dist"],  # foresight
        ["/node_modules"],  # written to mean the top
        ["docs", "docs/guide.md"],  # redundant, and harmless
        ["*", "!api", "!web", "web/node_modules"],
        ["# nothing but a comment"],
    ],
)
def test_a_pattern_that_works_is_no_fault(tmp_path: Path, patterns: list[str]) -> None:
    assert faults(tmp_path, *patterns) == ()
