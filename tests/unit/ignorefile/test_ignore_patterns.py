"""Patterns decide as Moby's do, in the plain cases and in those where Moby surprises."""

from pathlib import PurePosixPath

import pytest

from careen.ignorefile.patterns import IgnoreFile, clean_path, parse_ignorefile
from careen.text.problems import SyntaxProblem
from careen.text.source import Source


def ignoring(*patterns: str) -> IgnoreFile:
    return parse_ignorefile(Source(PurePosixPath(".dockerignore"), "\n".join(patterns)))


MATCHING = [
    ("**", "page"),
    ("**/", "page"),
    ("**", "lib/page"),
    ("**/", "lib/page"),
    ("**/**", "lib/page"),
    ("lib/**", "lib/page"),
    ("lib/**", "lib/deep/page"),
    ("**/lib", "lib"),
    ("**/lib", "lib/page"),
    ("**/deep/*", "lib/deep/page"),
    ("**/deep/**", "lib/deep/low/page"),
    ("**page", "page"),
    ("**page", "lib/page"),
    ("**/page", "lib/page"),
    ("**page", "lib/lib/page"),
    ("**/page*", "lib/lib/page"),
    ("**/page*", "lib/lib/page.txt"),
    ("**/page*txt", "lib/lib/page.txt"),
    ("**/page*.txt", "lib/lib/page.txt"),
    ("**/page*.txt*", "lib/lib/page.txt"),
    ("**/**/*.txt", "lib/lib/page.txt"),
    ("**/*.txt", "page.txt"),
    ("**/**/*.txt", "page.txt"),
    ("a**/*.txt", "a/page.txt"),
    ("a**/*.txt", "a/lib/page.txt"),
    ("a**/*.txt", "a/lib/lib/page.txt"),
    ("a/*.txt", "a/page.txt"),
    ("a/*.txt**", "a/page.txt"),
    ("a[b-d]e", "ace"),
    ("a[^b-d]e", "aze"),
    (".*", ".ink"),
    ("log.old", "log.old"),
    ("log?old", "logZold"),
    ("**/ink/oak", "ink/oak"),
    ("**/ink/oak", "lib/deep/ink/oak"),
    ("sea/**", "sea/def"),
    ("sea/**", "sea/def/ghi"),
    ("**/.ink", ".ink"),
    ("a(b)c/def", "a(b)c/def"),
    ("s.|)$(}+{ea", "s.|)$(}+{ea"),
    ("dist/*.whl", "dist/keel-1.0rc2.dev7+g1f00-py3-none-any.whl"),
    (r"a\\", "a\\"),
    (r"a\*b", "a*b"),
    ("*", "sea"),
    ("*c", "arc"),
    ("a*", "a"),
    ("a*", "ab/c"),
    ("a*/b", "arc/b"),
    ("a*b*c*d*e*/f", "akbkckdke/f"),
    ("a*b*c*d*e*/f", "akbkckdkekkk/f"),
    ("a*b?c*k", "abkbbkdbkebkczzk"),
    ("se[a]", "sea"),
    ("se[a-d]", "sea"),
    ("se[^e-g]", "sea"),
    ("a?b", "a☺b"),
    ("a[^a]b", "a☺b"),
    ("[a-ω]*", "λ"),
    (r"[\]a]", "]"),
    (r"[\-]", "-"),
    (r"[x\-]", "x"),
    (r"[x\-]", "-"),
    (r"[\-x]", "x"),
    (r"[\-x]", "-"),
    ("*x", "xxx"),
]

NOT_MATCHING = [
    ("**/**/*.txt2", "lib/lib/page.txt"),
    ("a/*.txt", "a/lib/page.txt"),
    ("a[b-d]e", "ae"),
    ("a[b-d]e", "aae"),
    (".*", "ink"),
    ("log.old", "logold"),
    ("log.old", "logZold"),
    ("log?old", "logold"),
    ("sea/**", "sea"),
    ("**/.ink", "oak.ink"),
    ("a(b)c/def", "a(b)c/xyz"),
    ("a*/b", "a/c/b"),
    ("a*b*c*d*e*/f", "akbkckdke/xxx/f"),
    ("a*b*c*d*e*/f", "akbkckdkekkk/fff"),
    ("a*b?c*k", "abkbbkdbkebkczzh"),
    ("se[e-g]", "sea"),
    ("se[^a]", "sea"),
    ("se[^a-d]", "sea"),
    (r"a\*b", "ab"),
    ("a???b", "a☺b"),
    ("a[^a][^a][^a]b", "a☺b"),
    ("*[a-ω]", "A"),
    ("a?b", "a/b"),
    ("a*b", "a/b"),
    (r"[x\-]", "z"),
    (r"[\-x]", "a"),
    ("page", "Lib/Page"),
    ("page # a note", "page"),
    ("/", "page"),
    (".", "page"),
    ("../page", "page"),
    ("*.{log,tmp}", "a.log"),
    ("[!a]", "b"),
]

MALFORMED = ["[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[", "a\\", r"c:\users\pat", "[b-a]*"]


@pytest.mark.parametrize(("pattern", "path"), MATCHING)
def test_a_pattern_excludes_what_moby_excludes(pattern: str, path: str) -> None:
    assert ignoring(pattern).excludes(path)


@pytest.mark.parametrize(("pattern", "path"), NOT_MATCHING)
def test_a_pattern_leaves_what_moby_leaves(pattern: str, path: str) -> None:
    assert not ignoring(pattern).excludes(path)


@pytest.mark.parametrize("pattern", MALFORMED)
def test_a_malformed_pattern_is_refused_with_its_line(pattern: str) -> None:
    with pytest.raises(SyntaxProblem, match="syntax error in pattern") as caught:
        ignoring("# the patterns", "fine", pattern)

    assert caught.value.line == 3


@pytest.mark.parametrize("pattern", ["!", "  !  ", "!/", "! "])
def test_a_lone_exclamation_mark_is_refused(pattern: str) -> None:
    with pytest.raises(SyntaxProblem, match='illegal exclusion pattern: "!"'):
        ignoring(pattern)


@pytest.mark.parametrize(
    ("patterns", "path", "excluded"),
    [
        (["!sails.go", "*.go"], "sails.go", True),
        (["*.go", "!sails.go"], "sails.go", False),
        (["docs", "!docs/README.md"], "docs/README.md", False),
        (["docs/", "!docs/README.md"], "docs/README.md", False),
        (["docs/*", "!docs/README.md"], "docs/README.md", False),
        (["docs", "!docs/README.md"], "docs/other.md", True),
        (["**", "!rig/mast/top"], "rig/mast/top/flag", False),
        (["**", "!rig/mast/top", "rig/mast/top/flag"], "rig/mast/top/flag", True),
        (["**", "!dist/*.whl"], "dist/a-1.0+g08-py3-none-any.whl", False),
        (["*", "!src", "**/__pycache__"], "src/a/__pycache__/b.pyc", True),
        (["**/__pycache__", "*", "!src"], "src/a/__pycache__/b.pyc", False),
        # The exception was idle at the folder `src`, so it is not carried to the children: BuildKit walks from the top.
        (["**/*.pyc", "!src"], "src/a.pyc", True),
        (["**/*.pyc", "!src/**"], "src/a.pyc", False),
        (["*", "!a", "a/b", "!a/b/c"], "a/b/c/d", False),
        (["*", "!a", "a/b", "!a/b/c"], "a/b/d", True),
    ],
)
def test_the_last_matching_pattern_decides(patterns: list[str], path: str, *, excluded: bool) -> None:
    assert ignoring(*patterns).excludes(path) is excluded


@pytest.mark.parametrize(
    ("written", "cleaned", "negated"),
    [
        ("test1", "test1", False),
        ("/test2", "test2", False),
        ("/a/file/here", "a/file/here", False),
        ("! /inverted/abs/path", "inverted/abs/path", True),
        ("dir/", "dir", False),
        ("  spaced  ", "spaced", False),
        ("a//b/./c/../d", "a/b/d", False),
        ("\tdir\t", "dir", False),
        (" # not a comment", "# not a comment", False),
        ("../up", "../up", False),
        ("//a", "a", False),
        ("!!a", "!a", True),
        ("/!a", "a", True),
        ("dir/**/", "dir/**", False),
        ("\u00a0nbsp\u3000", "nbsp", False),
    ],
)
def test_lines_are_cleaned_as_moby_cleans_them(written: str, cleaned: str, *, negated: bool) -> None:
    (pattern,) = ignoring(written).patterns

    assert (pattern.cleaned, pattern.negated) == (cleaned, negated)


def test_comments_blank_lines_and_a_byte_order_mark_are_passed_over() -> None:
    read = parse_ignorefile(Source(PurePosixPath(".dockerignore"), "\ufeff# first\r\n\r\n  \r\na\r\n#!b\r\nc"))

    assert [(pattern.cleaned, pattern.line) for pattern in read.patterns] == [("a", 4), ("c", 6)]


@pytest.mark.parametrize(
    ("pattern", "path", "excluded"),
    [
        ("a|b*", "a/anything", True),  # an alternation, since Moby does not escape the bar
        ("a|b*", "xb", True),
        ("a|b", "a", False),  # but an exact comparison without a wildcard
        ("?a{2}", "xaa", True),
        ("?a{2}", "xa{2}", False),
        ("*{2}", "a{2}", None),  # Go refuses a repetition of a repetition
        ("*a{1,2}b", "xaab", True),
        ("*a{b}", "xa{b}", True),
        ("a[*]b", "a[]b", True),  # the star inside the brackets becomes an expression of its own
        ("a[*]b", "a*b", False),
        (r"x\d", "x7", True),
        (r"x\d", "xd", False),
        (r"docs\build*", "docs/build", False),
        (r"\u*", "u", None),
        ("[[:alpha:]]", "q", True),
        ("[^a]*", "/", True),
        ("a[^b]c", "a/c", True),  # a class may match a slash
        ("^a*", "ab", True),
        ("b^a*", "b^ab", False),
        (r"\x41*", "Abc", True),
        (r"\p*", "p", None),
    ],
)
def test_what_moby_forgets_to_escape_keeps_its_meaning(pattern: str, path: str, *, excluded: bool | None) -> None:
    if excluded is None:
        with pytest.raises(SyntaxProblem):
            ignoring(pattern)
    else:
        assert ignoring(pattern).excludes(path) is excluded


def test_the_pattern_that_decided_is_known() -> None:
    read = ignoring("**", "!src", "**/*.log", "!src/keep.log")

    decided = {path: read.deciding(path) for path in ("README.md", "src/a.py", "src/b.log", "src/keep.log")}

    assert {path: pattern.line if pattern else None for path, pattern in decided.items()} == {
        "README.md": 1,
        "src/a.py": 2,
        "src/b.log": 3,
        "src/keep.log": 4,
    }
    assert ignoring("docs").deciding("src") is None


@pytest.mark.parametrize(
    ("patterns", "folder", "reachable"),
    [
        (["node_modules"], "node_modules", False),
        (["*", "!src/app"], "src", True),
        (["*", "!src/app"], "source", False),
        (["*", "!src/app/**"], "src", True),
        (["*", "!src/app/*"], "src/app", True),
        (["*", "!src/app"], "src/apples", False),
        (["*", "!**/keep"], "anything", True),
        (["*", "!s[rx]c"], "docs", True),
    ],
)
def test_a_folder_is_entered_only_where_an_exception_can_reach(
    patterns: list[str], folder: str, *, reachable: bool
) -> None:
    assert ignoring(*patterns).may_reach_below(folder) is reachable


def test_a_pattern_made_to_be_slow_is_not() -> None:
    read = ignoring("*".join("a" * 30) + "*b", "**/".join("a" * 20) + "**/b/*")

    assert not read.excludes("a" * 250)
    assert not read.excludes("a/" * 120 + "c")


@pytest.mark.parametrize("wildcards", ["**/" * 20_000, "*?" * 20_000, "a**/" * 15_000, "*a" * 20_000])
def test_a_line_of_thousands_of_wildcards_is_read_and_decided(wildcards: str) -> None:
    read = ignoring(f"{wildcards}x*")

    assert not read.excludes("a/" * 1000 + "b")
    assert read.excludes("deep/xyz") is wildcards.startswith("**/")


def test_a_wildcard_said_twice_is_as_one() -> None:
    read = ignoring("**/**/**/lib*s/**/**/page?", "a**/**b*c*d*e*f")

    assert read.excludes("lib1s/page1")
    assert read.excludes("x/libs/y/z/page1")
    assert not read.excludes("x/libs/y/z/page")
    assert read.excludes("a/x/bcdef")
    assert not read.excludes("a/x/cdef")


def test_a_line_too_long_for_docker_is_refused() -> None:
    with pytest.raises(SyntaxProblem, match="64 KiB"):
        ignoring("a", "x" * 70_000)


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [("", "."), ("/", "/"), ("//a//b", "/a/b"), ("a/..", "."), ("a/../..", ".."), ("/..", "/"), ("./a/./b/", "a/b")],
)
def test_paths_are_cleaned_as_go_cleans_them(path: str, cleaned: str) -> None:
    assert clean_path(path) == cleaned


@pytest.mark.parametrize(
    ("wildcards", "path"),
    [
        ("a{0,9}*" * 5000, "a" * 250),
        ("[a-c]{2,900}*" * 4000, "abc" * 80),
        ("*".join(f"[{chr(97 + n % 20)}-z]{{0,{n}}}" for n in range(900)), "alphabet" * 30),
    ],
)
def test_repetitions_by_the_thousand_are_read_and_decided(wildcards: str, path: str) -> None:
    read = ignoring(f"{wildcards}!")

    assert not any(read.excludes(f"{path}{number}") for number in range(10))


def test_more_wildcards_than_can_be_matched_are_refused_with_the_line() -> None:
    with pytest.raises(SyntaxProblem, match="more than 50000 wildcards up to here") as caught:
        ignoring("*.py", *["a*b*c*d*" * 2000] * 9)

    assert caught.value.line == 8


def test_a_long_pattern_is_not_told_whole() -> None:
    with pytest.raises(SyntaxProblem) as caught:
        ignoring("a" * 5000 + "[")

    assert len(caught.value.message) < 250
