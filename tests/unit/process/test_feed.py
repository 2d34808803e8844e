"""Programs that are fed: all of it arrives, and every way to end is told."""

import sys

import pytest

from careen.blobs.digest import ByteSink
from careen.process.feed import run_fed
from careen.process.run import CommandFailedError, run_checked

COUNT = "import sys; print(len(sys.stdin.buffer.read()))"


def some(sink: ByteSink) -> None:
    for _ in range(40):
        sink.write(bytes(100_000))


def test_a_program_gets_everything_and_its_answer_is_kept() -> None:
    assert run_fed([sys.executable, "-c", COUNT], some, timeout=60).stdout == b"4000000\n"


def test_a_program_that_ends_early_is_told_with_its_words() -> None:
    program = "import sys; sys.exit('no space left')"
    with pytest.raises(CommandFailedError, match="ended with status 1: no space left"):
        run_fed([sys.executable, "-c", program], some, timeout=60)


def test_a_program_that_reads_nothing_is_given_up() -> None:
    with pytest.raises(CommandFailedError, match=r"did not finish within 0\.2 s"):
        run_fed([sys.executable, "-c", "import time; time.sleep(60)"], some, timeout=0.2)


def test_a_failure_to_write_is_the_failure_that_is_told() -> None:
    def broken(sink: ByteSink) -> None:
        sink.write(b"a")
        raise KeyError("blob")

    with pytest.raises(KeyError, match="blob"):
        run_fed([sys.executable, "-c", COUNT], broken, timeout=60)


def test_a_program_that_cannot_be_started_is_told() -> None:
    with pytest.raises(CommandFailedError, match="could not be started"):
        run_fed(["/nonexistent/program"], some, timeout=1)


def test_what_a_program_says_is_told_without_the_credentials_of_addresses() -> None:
    program = (
        "import sys; sys.exit('cannot reach https://user:p@ss@index.example/simple nor git+ssh://key@git.example')"
    )
    with pytest.raises(CommandFailedError) as caught:
        run_checked([sys.executable, "-c", program], timeout=60)
    assert "https://index.example/simple nor git+ssh://git.example" in caught.value.message
