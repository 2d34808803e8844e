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

runner, folder = RunnerName(sys.argv[1]), Path(sys.argv[2])
made = stack(folder / "layout", Tiny())
settings = ProveSettings(state=folder / "state", runner=runner, in_flight=False, start_timeout=20.0)
checks = prove_stack(made.plan, made.layout, settings).service("web").checks
print(json.dumps({check.check: [check.verdict, check.evidence.summary] for check in checks}))
"""


@pytest.mark.parametrize("runner", ["runc", "bwrap"])
def test_limits_without_their_controllers_are_skipped(runner: str, tmp_path: Path) -> None:
    if shutil.which(runner, path="/usr/sbin:/usr/bin:/sbin") is None or os.geteuid() != 0:
        pytest.skip(f"{runner}, and root, are not on this machine (apt-get install {runner})")
    at = hierarchies().version_one
    if not {"memory", "pids"} <= at.keys():
        pytest.skip("this machine's control groups are of version 2, which has one mount for all controllers")
    # Mounts of a namespace of its own: the machine keeps its control groups.
    words = ("unshare", "--mount", "sh", "-c", 'umount "$1" "$2" && shift 2 && exec "$@"', "sh")
    done = subprocess.run(
        (*words, at["memory"], at["pids"], sys.executable, "-c", _PROVE, runner, tmp_path),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    for check, controller in (("memory", "memory"), ("number-of-processes", "pids")):
        assert told.pop(check) == ["skipped", f"this machine lets nobody make a control group for {controller}"]
    assert told["starts"][0] == "pass"
    assert [check for check, (verdict, _) in told.items() if verdict == "fail"] == []
