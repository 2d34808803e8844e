"""A machine that has no program to run containers: the proof says which are missing, and proves nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

_CHOOSE = """\
import sys
from careen.errors import MissingToolError
from careen.prove.choice import choose
from careen.prove.settings import RunnerName
for wanted in (None, *RunnerName):
    try:
        choose(wanted)
    except MissingToolError as error:
        print(error.message, "|", *error.hints)
    else:
        sys.exit(f"{wanted} was chosen")
"""
_HIDE = 'for place in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin; do mount -t tmpfs none $place; done; exec "$@"'


def test_missing_programs_are_named() -> None:
    if os.geteuid() != 0:
        pytest.skip("hiding programs needs root")
    if Path(sys.executable).resolve().is_relative_to("/usr"):
        pytest.skip("this Python lies among the programs that would be hidden")
    # In a mount namespace of its own, where the folders of programs are empty.
    words = ("unshare", "--mount", "sh", "-c", _HIDE, "sh", sys.executable, "-c", _CHOOSE)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    anything, *each = done.stdout.splitlines()
    for name in ("runc", "bwrap", "docker", "podman"):
        assert f"{name} is not on this machine" in anything
        assert [
            line for line in each if line.startswith(f"{name} is not on this machine | install it: apt-get install")
        ]
