"""BuildKit's own parser and shell test data, from a checkout of it that ``BUILDKIT_SOURCE`` names."""

import os
from pathlib import Path, PurePosixPath

import pytest

from careen.dockerfile.dump import dump
from careen.dockerfile.globs import BadSubstitutionError
from careen.dockerfile.parser import parse
from careen.dockerfile.words import WordLexer
from careen.text.problems import SyntaxProblem
from careen.text.source import Source

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def frontend() -> Path:
    place = Path(os.environ.get("BUILDKIT_SOURCE", "")) / "frontend" / "dockerfile"
    if not os.environ.get("BUILDKIT_SOURCE") or not (place / "parser" / "testfiles").is_dir():
        pytest.skip("BuildKit's sources are missing: BUILDKIT_SOURCE names no checkout")
    return place


def _read(path: Path) -> Source:
    return Source.decode(PurePosixPath(path.name), path.read_bytes())


def test_every_tree_is_the_one_that_its_parser_tests_expect(frontend: Path) -> None:
    folders = sorted((frontend / "parser" / "testfiles").iterdir())

    assert len(folders) > 20
    for folder in folders:
        assert dump(parse(_read(folder / "Dockerfile"))) + "\n" == (folder / "result").read_text(), folder.name


def test_every_negative_file_is_refused(frontend: Path) -> None:
    folders = sorted((frontend / "parser" / "testfiles-negative").iterdir())

    assert folders
    for folder in folders:
        with pytest.raises(SyntaxProblem):
            parse(_read(folder / "Dockerfile"))


def test_lines_are_those_that_its_line_test_expects(frontend: Path) -> None:
    dockerfile = parse(_read(frontend / "parser" / "testfile-line" / "Dockerfile"))

    assert [dockerfile.lines_of(instruction) for instruction in dockerfile.instructions] == [(5, 5), (11, 12), (17, 31)]


def test_every_variable_expands_as_its_shell_tests_expect(frontend: Path) -> None:
    variables = {"PWD": "/home", "SHELL": "bash", "KOREAN": "한국어", "NULL": ""}
    count = 0
    for line in (frontend / "shell" / "envVarTest").read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        platform, text, expected = (part.strip() for part in line.split("|"))
        if platform == "W":
            continue
        count += 1
        try:
            found = WordLexer(text, variables).read()[0]
        except BadSubstitutionError:
            found = "error"
        assert found == expected, text
    assert count > 100


def test_every_line_splits_into_the_words_that_its_shell_tests_expect(frontend: Path) -> None:
    variables: dict[str, str] = {}
    count = 0
    for line in (frontend / "shell" / "wordsTest").read_text().splitlines():
        if line.startswith("#"):
            continue
        if line.startswith("ENV "):
            name, _, value = line[3:].lstrip().partition("=")
            variables[name] = value
            continue
        text, expected = line.split("|")
        count += 1
        try:
            words = WordLexer(text.strip(), variables).read()[1]
        except BadSubstitutionError:
            words = ["error"]
        assert words == expected.lstrip(" ").split(","), text
    assert count > 20
