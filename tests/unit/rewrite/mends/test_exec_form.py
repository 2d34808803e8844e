"""``exec`` in start scripts: put where it hands the shell's place over, and nowhere else."""

from pathlib import Path

import pytest

from careen.app.rewrite import read_for_mending
from careen.rewrite.mending import patch_of


def mended(folder: Path, ending: str) -> str | None:
    """The script after mending, None when it is left alone."""
    (folder / "Dockerfile").write_text('FROM python:3.11-slim\nCOPY run.sh /run.sh\nCMD ["/run.sh"]\n')
    (folder / "run.sh").write_text(f"#!/bin/sh\n{ending}")
    proposal = read_for_mending(folder)
    assert proposal.mending is not None
    patch = patch_of(proposal.facts, proposal.mending, lambda _: True)
    texts = {change.path.name: change.after for change in patch.changes}
    return (texts.get("run.sh") or "").removeprefix("#!/bin/sh\n") or None


@pytest.mark.parametrize(
    ("ending", "after"),
    [
        ("gunicorn app\n", "exec gunicorn app\n"),
        ("[ -f x ] && gunicorn app\n", "[ -f x ] && exec gunicorn app\n"),
        ("A=1 B='x y' gunicorn app\n", "exec env A=1 B='x y' gunicorn app\n"),
        ("while read x; do echo; done\ngunicorn app\n", "while read x; do echo; done\nexec gunicorn app\n"),
        ("time gunicorn app\n", None),
        ("while true; do gunicorn app; done\n", None),
        ("while true\ndo\n  gunicorn app\ndone\n", None),
        ("exec gunicorn app\n", None),
        ("say() { echo; }\ngunicorn app\n", "say() { echo; }\nexec gunicorn app\n"),
        ('web() {\n  gunicorn app\n}\n"${@:-web}"\n', None),
    ],
)
def test_exec_stands_where_it_ends_the_shell_and_nothing_else(tmp_path: Path, ending: str, after: str | None) -> None:
    assert mended(tmp_path, ending) == after
