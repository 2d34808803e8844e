"""Variables and words as BuildKit's shell package reads them; every row was checked against it."""

import pytest

from careen.dockerfile.globs import BadSubstitutionError
from careen.dockerfile.words import LONGEST_VALUE, WordLexer, expand, expand_known, split_words

KNOWN = {
    "name": "shelf",
    "empty": "",
    "path": "/usr/local/bin/app.py",
    "two": "one two",
    "ärger": "é",
    "quoted": "a\"b'c\\d",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$name-${name}", "shelf-shelf"),
        ("$missing|", "|"),
        ("\\$name", "$name"),
        ("'$name'", "$name"),
        ('"$name"', "shelf"),
        ('"\\$name \\n \\"x\\" \\\\"', '$name \\n "x" \\'),
        ("a\\b", "ab"),
        ("tail\\", "tail"),
        ("$", "$"),
        ("$ x", "$ x"),
        ("$1$@", ""),
        ("$name1", ""),
        ("$ärger", "é"),
        ("${name:-x}${missing:-x}${empty:-x}${empty-x}", "shelfxx"),
        ("${name:+x}${missing:+x}${empty:+x}${empty+x}", "xx"),
        ("${missing:-${name}}", "shelf"),
        ("${missing:-$name $two}", "shelf one two"),
        ("${missing:-'}'}", "}"),
        ("${missing-a b}", "a b"),
        ("${name:?}", "shelf"),
        ("${path#*/}", "usr/local/bin/app.py"),
        ("${path##*/}", "app.py"),
        ("${path%/*}", "/usr/local/bin"),
        ("${path%%/*}", ""),
        ("${path%.*}", "/usr/local/bin/app"),
        ("${path#\\*}", "/usr/local/bin/app.py"),
        ("${path%?}", "/usr/local/bin/app.p"),
        ("${name/s/S}", "Shelf"),
        ("${path//\\//-}", "-usr-local-bin-app.py"),
        ("${path//a*p/[$0]}", "/usr/loc[]y"),
        ("${name//x/y}", "shelf"),
        ("${missing/x/y}", ""),
        ("<<EOF < x", "<<EOF < x"),
        ("${quoted}", "a\"b'c\\d"),
        ("\ufeffx", "x"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert expand(text, KNOWN).text == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("${", "syntax error: missing '}'"),
        ("${name", "unsupported modifier (\ufffd) in substitution"),
        ("${name:", "syntax error: missing '}'"),
        ("${name:-x", "syntax error: missing '}'"),
        ("${}", "syntax error: bad substitution"),
        ("${:x}", "syntax error: bad substitution"),
        ("${{x}}", "syntax error: bad substitution"),
        ("${name!}", "unsupported modifier (!) in substitution"),
        ("${name:x}", "unsupported modifier (:x) in substitution"),
        ("${name:#x}", "unsupported modifier (:#) in substitution"),
        ("${name/x", "syntax error: missing '/' in ${}"),
        ("${name/x/y", "syntax error: missing '}'"),
        ("${name#\\q}", "invalid pattern (\\q) in substitution: invalid escape '\\q'"),
        ("${missing:?say so}", "missing: say so"),
        ("${missing?}", "missing: is not allowed to be unset"),
        ("${empty:?}", "empty: is not allowed to be empty"),
        ("'open", "unexpected end of statement while looking for matching single-quote"),
        ('"open', "unexpected end of statement while looking for matching double-quote"),
    ],
)
def test_what_a_build_refuses_is_told_and_stays_as_written(text: str, reason: str) -> None:
    found = expand(text, KNOWN)

    assert (found.text, found.problem, found.known) == (text, reason, None)


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("$missing ${other}", {"missing", "other"}),
        ("${missing:-x}", set()),
        ("${missing:-$other}", {"other"}),
        ("${name:-$other}", set()),
        ("${missing:+$other}", set()),
        ("$other ${name:-$other}", {"other"}),
        ("'$missing'", set()),
        ("${missing##*/}", {"missing"}),
    ],
)
def test_variables_that_matter_and_are_not_known_are_named(text: str, unknown: set[str]) -> None:
    assert expand(text, KNOWN).unknown == unknown
    assert (expand_known(text, KNOWN) is None) == bool(unknown)


def test_the_files_own_escape_is_the_one_that_counts() -> None:
    assert expand("c:\\$name`$name", KNOWN, escape="`").text == "c:\\shelf$name"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a  b\tc", ("a", "b", "c")),
        ("$two x", ("one", "two", "x")),
        ('"$two" x', ("one two", "x")),
        ("a$two", ("aone", "two")),
        ("a\\ b", ("a b",)),
        ("'' x", ("x",)),
        ("  ", ()),
        ("<< EOF", ("<< EOF",)),
        ("${missing:-a b} c", ("a", "b", "c")),
        ("x${missing:-a b}", ("a", "b")),
    ],
)
def test_words(text: str, expected: tuple[str, ...]) -> None:
    assert split_words(text, KNOWN) == expected


def test_quotes_escapes_and_unset_variables_may_be_kept() -> None:
    kept = WordLexer("'a b' \"c\" \\d $e ${f:-g}", {}, raw_quotes=True, raw_escapes=True, keep_unset=True)

    assert kept.read()[1] == ["'a b'", '"c"', "\\d", "$e", "${f:-g}"]


@pytest.mark.parametrize("text", ["${a:-" * 200 + "}" * 200, "${" * 20_000, "${a/${b/" * 5_000])
def test_deep_nesting_is_refused_at_once(text: str) -> None:
    with pytest.raises(BadSubstitutionError):
        split_words(text)


def test_a_result_beyond_all_measure_is_refused() -> None:
    long = {"a": "x" * (LONGEST_VALUE // 2 + 1)}

    assert expand("$a", long).problem is None
    assert expand("$a$a", long).problem == "the expanded text is too long"


def test_patterns_that_ruin_backtracking_matchers_are_harmless() -> None:
    value = {"a": "a" * 3_000}

    assert expand("${a##" + "*a" * 30 + "b}", value).text == value["a"]
    assert expand("${a//" + "*a" * 30 + "b/x}", value).text == value["a"]
    assert expand("${a#x}", {"a": "a" * 20_000}).problem == "the value is too long for a pattern"
