import errno

import click
import pytest

from careen.cli.failures import guarded


def failing(error: OSError) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


def test_no_room_for_temporary_files_is_no_bug_of_careen(capfd: pytest.CaptureFixture[str]) -> None:
    nowhere = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp', '/var/tmp']")

    assert guarded(failing(nowhere), []) == 2

    said = capfd.readouterr().err
    assert said.startswith("error: writing failed: no usable temporary directory found")
    assert "TMPDIR" in said.partition("hint: ")[2]


def test_a_file_that_careen_itself_looked_for_in_vain_is_one(capfd: pytest.CaptureFixture[str]) -> None:
    assert guarded(failing(FileNotFoundError(errno.ENOENT, "No such file or directory", "x")), []) == 70
    assert "this is a bug in careen" in capfd.readouterr().err
