"""Every folder below ``tests/cases/dockerfile`` is a case: a Dockerfile, and what careen makes of it.

``expected.dump`` holds BuildKit's tree of the file, ``expected.error`` its refusal as ``line: reason``.
"""

from pathlib import Path, PurePosixPath

import pytest

from careen.dockerfile.dump import dump
from careen.dockerfile.parser import parse
from careen.dockerfile.tree import render
from careen.text.problems import SyntaxProblem
from careen.text.source import Source

CASES = sorted((Path(__file__).parents[2] / "cases" / "dockerfile").iterdir())
NAME = PurePosixPath("Dockerfile")


def _text(case: Path) -> str:
    return (case / "Dockerfile").read_bytes().decode()


def _with(file: str) -> list[Path]:
    return [case for case in CASES if (case / file).exists()]


def test_every_case_expects_exactly_one_thing() -> None:
    files = {case.name: sorted(path.name for path in case.iterdir()) for case in CASES}

    assert set(map(tuple, files.values())) == {("Dockerfile", "expected.dump"), ("Dockerfile", "expected.error")}


@pytest.mark.parametrize("case", _with("expected.dump"), ids=lambda case: case.name)
def test_the_tree_is_that_of_buildkit_and_renders_to_the_very_text(case: Path) -> None:
    text = _text(case)

    dockerfile = parse(Source(NAME, text))

    assert dump(dockerfile) + "\n" == (case / "expected.dump").read_bytes().decode()
    assert render(dockerfile) == text


@pytest.mark.parametrize("case", _with("expected.error"), ids=lambda case: case.name)
def test_what_buildkit_refuses_is_refused_in_the_same_words_at_its_line(case: Path) -> None:
    with pytest.raises(SyntaxProblem) as refusal:
        parse(Source(NAME, _text(case)))

    assert f"{refusal.value.line}: {refusal.value.reason}\n" == (case / "expected.error").read_text()
