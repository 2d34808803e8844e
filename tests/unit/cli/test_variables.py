"""Variables for a proof, from options and files."""

import os
from pathlib import Path

import pytest

from careen.cli.variables import BadVariableError, given_variables


def test_options_go_over_files(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    file.write_text("A=1\nB='two words'\n")
    assert given_variables(["A=x=y", "C="], [file]) == {"A": "x=y", "B": "two words", "C": ""}


def test_a_name_alone_has_the_value_of_the_shell() -> None:
    assert given_variables(["PATH"], []) == {"PATH": os.environ["PATH"]}


@pytest.mark.parametrize("text", ["NO_SUCH_VARIABLE_ANYWHERE", "=1", ""])
def test_a_variable_without_a_name_or_value_is_refused(text: str) -> None:
    with pytest.raises(BadVariableError):
        given_variables([text], [])


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    file.write_bytes(b"A=\xff\n")
    with pytest.raises(BadVariableError, match=r"secrets\.env cannot be read"):
        given_variables([], [file])
