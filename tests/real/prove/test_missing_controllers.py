"""Where the kernel counts nothing, the checks that rest on counting are skipped by name, and the others still judge."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from careen.prove.groups import hierarchies

pytestmark = pytest.mark.real

_PROVE = """\
import json, sys
from pathlib import Path
from careen.prove.settings import ProveSettings, RunnerName
from careen.prove.stack import prove_stack
from fakes.tiny_images import Tiny, stack

runner, folder = RunnerName(sys.argv[1]) if sys.argv[1] else None, Path(sys.argv[2])
made = stack(folder / "layout", Tiny())
settings = ProveSettings(state=folder / "state", runner=runner, in_flight=False, start_timeout=20.0)
report = prove_stack(made.plan, made.layout, settings)
print(report.runner, file=sys.stderr)
print(json.dumps({check.check: [check.verdict, check.evidence.summary] for check in report.service("web").checks}))
"""


@pytest.mark.parametrize("runner", ["runc", "bwrap"])
def test_limits_without_their_controllers_are_skipped(runner: str, tmp_path: Path) -> None:
    if shutil.which(runner, path="/usr/sbin:/usr/bin:/sbin") is None or os.geteuid() != 0:
        pytest.skip(f"{runner}, and root, are not on this machine (apt-get install {runner})")
    at = hierarchies().version_one
    if not {"memory", "pids"} <= at.keys():
        pytest.skip("this machine's control groups are of version 2, which has one mount for all controllers")
    told = json.loads(proved_with_groups("umount", "memory", "pids", runner=runner, folder=tmp_path).stdout)
    for check, controller in (("memory", "memory"), ("number-of-processes", "pids")):
        assert told.pop(check) == ["skipped", f"this machine lets nobody make a control group for {controller}"]
    assert told["starts"][0] == "pass"
    assert [check for check, (verdict, _) in told.items() if verdict == "fail"] == []


def test_without_a_choice_another_runner_takes_over_from_runc_where_a_group_is_read_only(tmp_path: Path) -> None:
    if shutil.which("bwrap") is None or os.geteuid() != 0 or "pids" not in hierarchies().version_one:
        pytest.skip("bwrap, root, and control groups of version 1 are not on this machine (apt-get install bubblewrap)")
    done = proved_with_groups("mount -o remount,bind,ro", "pids", runner="", folder=tmp_path)
    assert done.stderr.split()[-1] != "runc"
    told = json.loads(done.stdout)
    assert told["starts"][0] == "pass"
    assert [check for check, (verdict, _) in told.items() if verdict == "fail"] == []


def test_runc_itself_says_which_group_is_read_only(tmp_path: Path) -> None:
    if shutil.which("runc", path="/usr/sbin:/usr/bin:/sbin") is None or os.geteuid() != 0:
        pytest.skip("runc, and root, are not on this machine (apt-get install runc)")
    if "pids" not in hierarchies().version_one:
        pytest.skip("this machine's control groups are of version 2")
    done = proved_with_groups("mount -o remount,bind,ro", "pids", runner="runc", folder=tmp_path, fails=True)
    place = hierarchies().version_one["pids"]
    assert f"MissingToolError: runc can make no control group here: {place} is mounted read-only" in done.stderr


def proved_with_groups(
    change: str, *controllers: str, runner: str, folder: Path, fails: bool = False
) -> "subprocess.CompletedProcess[str]":
    """In a mount namespace of its own, where the command ``change`` was run on the controllers' mounts."""
    places = " ".join(str(hierarchies().version_one[name]) for name in controllers)
    script = f"for group in {places}; do {change} $group; done"
    done = subprocess.run(
        ("unshare", "--mount", "sh", "-ec", f'{script}; exec "$@"', "sh", sys.executable, "-c", _PROVE, runner, folder),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert (done.returncode != 0) == fails, done.stderr
    return done
