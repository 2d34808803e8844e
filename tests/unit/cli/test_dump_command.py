"""``careen dump``: the tree on stdout, what a build refuses on stderr."""

import subprocess
import sys
from pathlib import Path

import pytest


def dump(*arguments: str, given: bytes = b"", cwd: Path | None = None) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "careen", "dump", *arguments],
        input=given,
        capture_output=True,
        check=False,
        cwd=cwd,
        timeout=60,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_a_file_becomes_its_tree(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes('\ufeffFROM a\r\nRUN echo "é" \\\r\n  b\r\n'.encode())

    assert dump("Dockerfile", cwd=tmp_path) == (0, '(from "a")\n(run "echo \\"é\\"   b")\n', "")


def test_standard_input_is_a_file_too() -> None:
    assert dump("-", given=b"FROM a") == (0, '(from "a")\n', "")


def test_a_text_without_a_tree_is_an_error_with_its_line() -> None:
    assert dump("-", given=b"FROM a\n\nENV b\n") == (2, "", "error: -:3: ENV must have two arguments\n")


def test_refused_instructions_are_told_beside_the_tree() -> None:
    status, tree, told = dump("-", given=b"FROM a\nCOPPY b c\nRUN --mont=x y\n")

    assert (status, tree) == (2, '(from "a")\n(coppy "")\n(run ["--mont=x"] "y")\n')
    assert told == (
        "error: -:2: unknown instruction: COPPY\n-:3: unknown flag: --mont\n\n"
        "hint: did you mean `COPY`?\nhint: did you mean `--mount`?\n"
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x7fELF\x02\x01\x00\xff", "-:1: not UTF-8 text (byte 0xff)"),
        (b"FROM a\nRUN \xe9\n", "-:2: not UTF-8 text (byte 0xe9)"),
        (b"", "-:1: file with no instructions"),
        (b"FROM a\n" + b"RUN true\n" * 1_200_000, "-:1: larger than any Dockerfile (2 MiB)"),
    ],
    ids=["binary", "latin-1", "empty", "10 MB"],
)
def test_bad_input_is_one_sentence(data: bytes, words: str) -> None:
    status, tree, told = dump("-", given=data)

    assert (status, tree) == (2, "")
    assert told.startswith(f"error: {words}")


def test_folders_and_missing_files_are_told(tmp_path: Path) -> None:
    assert dump("nothing", cwd=tmp_path) == (2, "", "error: nothing: no such file or directory\n")
    assert dump(".", cwd=tmp_path) == (2, "", "error: .: not a regular file\n")
