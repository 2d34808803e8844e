"""The example, rewritten by the program as a user runs it: nothing is left to find, and nothing to change."""

from pathlib import Path

import pytest

from real.conftest import run_careen

pytestmark = [pytest.mark.real, pytest.mark.network]


@pytest.mark.parametrize("way", [["--runtime", "slim"], ["--runtime", "distroless"], ["--mend"]], ids=" ".join)
def test_a_second_run_changes_nothing(shelf: Path, tmp_path: Path, way: list[str]) -> None:
    into = tmp_path / "shelf"
    done = run_careen("fix", shelf, "--into", into, *way, "--quiet")
    assert done.returncode == 0, done.stderr

    again = run_careen("fix", into, *way, "--quiet")

    assert (again.returncode, again.stdout) == (0, "")


def test_nothing_is_found_in_a_distroless_rewriting(shelf: Path, tmp_path: Path) -> None:
    into = tmp_path / "shelf"
    run_careen("fix", shelf, "--into", into, "--quiet")

    judged = run_careen("scan", into)

    assert judged.returncode == 0, judged.stdout
