"""Laws of ignore patterns that hold for every file and every path."""

import itertools
import string
from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from careen.ignorefile.expressions import MalformedPatternError, read_expression
from careen.ignorefile.globs import Comparison, check_pattern, translate
from careen.ignorefile.matching import by_places, in_python
from careen.ignorefile.patterns import IgnoreFile, parse_ignorefile
from careen.text.problems import SyntaxProblem
from careen.text.source import Source

NAMES = st.text("ab.", min_size=1, max_size=3).filter(lambda name: name not in {".", ".."})
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PATTERNS = st.text("ab./*?[]^-!\\{}|2", min_size=1, max_size=10)
FILES = st.lists(
    st.builds(
        lambda sign, parts: sign + "/".join(parts),
        st.sampled_from(["", "!"]),
        st.lists(st.sampled_from(["a", "b", "*", "**", "a*", "?", "[ab]", "*.b"]), min_size=1, max_size=3),
    ),
    max_size=6,
)


def parsed(text: str) -> IgnoreFile:
    return parse_ignorefile(Source(PurePosixPath(".dockerignore"), text))


@given(st.text() | st.text(string.printable) | st.lists(PATTERNS).map("\n".join), PATHS)
def test_any_text_is_a_list_of_patterns_or_a_syntax_problem(text: str, path: str) -> None:
    line = None
    try:
        decided = parsed(text).deciding(path)
        line = decided.line if decided else None
    except SyntaxProblem as problem:
        line = problem.line
    assert line is None or 1 <= line <= text.count("\n") + 1


@given(PATTERNS, PATHS)
def test_both_ways_of_matching_agree(pattern: str, path: str) -> None:
    try:
        check_pattern(pattern)
        glob = translate(pattern)
        if glob.comparison is not Comparison.EXPRESSION:
            return
        alternatives = read_expression(glob.operand)
    except MalformedPatternError:
        return
    assert in_python(alternatives)(path) is by_places(alternatives)(path)


@given(FILES, PATHS)
def test_walking_from_the_top_agrees_with_asking_for_a_path(patterns: list[str], path: str) -> None:
    read = parsed("\n".join(patterns))
    state = read.top
    excluded = False
    for prefix in itertools.accumulate(path.split("/"), lambda above, name: f"{above}/{name}"):
        excluded, state = read.step(prefix, state)
    assert excluded is read.excludes(path)


@given(FILES, PATHS, PATHS)
def test_nothing_below_a_folder_that_is_not_entered_comes_back(patterns: list[str], folder: str, below: str) -> None:
    read = parsed("\n".join(patterns))
    if read.excludes(folder) and not read.may_reach_below(folder):
        assert read.excludes(f"{folder}/{below}")


@given(FILES, PATHS)
def test_a_file_without_exceptions_excludes_everything_below_what_it_excludes(patterns: list[str], path: str) -> None:
    read = parsed("\n".join(pattern.removeprefix("!") for pattern in patterns))
    if read.excludes(path):
        assert read.excludes(f"{path}/a")
