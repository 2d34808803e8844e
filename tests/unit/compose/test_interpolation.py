"""Variables of compose files and ``.env`` files."""

import pytest

from careen.compose.env_file import read_env_file
from careen.compose.interpolate import interpolate

KNOWN = {"A": "a", "EMPTY": "", "_x1": "x"}


@pytest.mark.parametrize(
    ("text", "expected", "missing"),
    [
        ("$A-${A}-$_x1", "a-a-x", set()),
        ("$$A $${A}", "$A ${A}", set()),
        ("$B", "", {"B"}),
        ("${B:-d}${EMPTY:-d}${EMPTY-d}${B-d}${A:-d}", "ddda", set()),
        ("${A:+y}${EMPTY:+y}${EMPTY+y}${B+y}${B:+y}", "yy", set()),
        ("${B:?needed}", "", {"B"}),
        ("${EMPTY?no}${EMPTY:?no}", "", {"EMPTY"}),
        ("${A?fine}", "a", set()),
        ("${B:-${C:-${A}}}", "a", set()),
        ("${B:-$C}", "", {"C"}),
        ("${A:-$C}", "a", set()),
        ("${B:-{x}}", "{x}", set()),
        ("${B:-}", "", set()),
        ("$", "$", set()),
        ("a$", "a$", set()),
        ("$1 ${1}", "$1 ${1}", set()),
        ("${A", "${A", set()),
        ("${A!x}", "${A!x}", set()),
        ("${}", "${}", set()),
        ("{{$A}}", "{{a}}", set()),
    ],
)
def test_references(text: str, expected: str, missing: set[str]) -> None:
    found = interpolate(text, KNOWN)

    assert (found.text, set(found.missing)) == (expected, missing)


@pytest.mark.parametrize("text", ["${" * 100_000, "${A:-" * 50_000 + "}" * 50_000, "{" * 200_000, "$A" * 200_000])
def test_hostile_text_ends_soon(text: str) -> None:
    assert len(interpolate(text, {"A": "x" * 10_000}).text) < 2_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=b", {"A": "b"}),
        ("  export A = b  ", {"A": "b"}),
        ("A: b", {"A": "b"}),
        ("A=", {"A": ""}),
        ("A", {}),
        ("# A=b\n\n;x\n=y\nB=c", {"B": "c"}),
        ("A=b # comment\nC=d#e", {"A": "b", "C": "d#e"}),
        ("A='b # c' # d", {"A": "b # c"}),
        ('A="b \\"c\\" \\n\\\\d"', {"A": 'b "c" \n\\d'}),
        ("A='one\ntwo'\nB=c", {"A": "one\ntwo", "B": "c"}),
        ('A="one\ntwo"\nB=c', {"A": "one\ntwo", "B": "c"}),
        ("A=1\nB=$A/${C:-d}/${OUT}\nE='$A'", {"A": "1", "B": "1/d/out", "E": "$A"}),
        ("OUT=mine\nB=$OUT", {"OUT": "mine", "B": "out"}),
        ('A="\\$x"', {"A": "$x"}),
        ("\ufeffA=b\r\nC=d\r\n", {"A": "b", "C": "d"}),
        ("A='open\nB=c", {"A": "'open", "B": "c"}),
        ("A-B.C=d", {"A-B.C": "d"}),
    ],
)  # fmt: skip
def test_env_files(text: str, expected: dict[str, str]) -> None:
    assert read_env_file(text, {"OUT": "out"}) == expected


def test_an_env_file_that_doubles_its_values_is_bounded() -> None:
    found = read_env_file("A=xxxxxxxxxx\n" + "A=$A$A\n" * 100)

    assert len(found["A"]) < 5_000_000
