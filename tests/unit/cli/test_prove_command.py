"""``careen prove`` as a user meets it, where nothing is run: which images it takes, and what it refuses."""

import subprocess
import sys
from pathlib import Path

import pytest


def careen(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "careen", "prove", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--no-build", "--pull", "registry.example/team"), "one of them"),
        (("--no-build", "--trim", "lean"), "--trim is for images that careen builds"),
        (("--pull", "registry.example/team", "--trim", "traced"), "--trim is for images that careen builds"),
        (("--tag", "v1"), "add --pull PREFIX"),
    ],
)
def test_words_that_contradict_each_other_are_refused(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    done = careen(tmp_path, *words)

    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
