"""Programs that are heard line by line."""

import sys

import pytest

from careen.process.lines import run_lines
from careen.process.run import CommandFailedError


def program(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_both_outputs_are_heard_in_order_and_the_status_is_told() -> None:
    heard: list[str] = []
    text = "import os, sys; os.write(1, b'a\\n'); os.write(2, b'b\\r\\n'); os.write(1, b'\\xff'); sys.exit(3)"

    done = run_lines(program(text), heard.append, timeout=20)

    assert heard == ["a", "b", "\N{REPLACEMENT CHARACTER}"]
    assert (done.status, done.stderr) == (3, b"a\nb\r\n\xff")


def test_a_listener_that_raises_ends_the_program() -> None:
    class EnoughError(Exception):
        pass

    def hear(_: str) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        run_lines(program("import time; print('a', flush=True); time.sleep(60)"), hear, timeout=30)


def test_a_program_that_takes_too_long_is_killed() -> None:
    with pytest.raises(CommandFailedError, match=r"did not finish within 0\.5 s"):
        run_lines(program("import time; time.sleep(60)"), lambda _: None, timeout=0.5)


def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(CommandFailedError, match="could not be started"):
        run_lines(["/nowhere/program"], lambda _: None, timeout=1)
