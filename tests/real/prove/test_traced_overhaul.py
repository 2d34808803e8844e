"""An overhaul that keeps what its proof touched, of the example."""

import json
import os
import shutil
from pathlib import Path

import pytest

from careen.oci.layout import Layout
from careen.oci.unpack import image_files
from real.conftest import run_careen

pytestmark = [pytest.mark.real, pytest.mark.network]


def test_every_service_is_smaller_and_proven_again(shelf: Path, tmp_path: Path) -> None:
    for program in ("runc", "strace", "redis-server"):
        if shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
            pytest.skip(f"{program} is not on this machine (apt-get install {program})")
    if os.geteuid() != 0:
        pytest.skip("runc needs root here")
    done = run_careen("overhaul", shelf, "--into", tmp_path / "out", "--trim", "traced", "--format", "json", "--quiet")
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    document = json.loads(done.stdout)
    traced = document["traced"]
    assert (traced["kept"], traced["reason"]) == (True, None)
    assert {item["service"] for item in traced["services"]} == {
        "api",
        "flower",
        "worker-default",
        "worker-heavy",
        "worker-io",
    }
    for item in traced["services"]:
        assert item["bytes"] < item["whole_bytes"], item
    proof = document["proof"]
    assert proof["passed"]
    assert {check["verdict"] for service in proof["services"] for check in service["checks"]} == {"pass"}

    layout = Layout.open(tmp_path / "out/images")
    touched = json.loads((tmp_path / "out/trace.json").read_text())["services"]
    for image in document["build"]["images"]:
        top = layout.images()[image["reference"]]
        assert str(top.digest) == image["digest"]
        held = {f"/{file.path}" for file in image_files(layout, layout.manifest(top))}
        # Bytecode is written anew, and folders in which nothing was touched are gone, though they were looked for.
        files = (path for path in touched[image["service"]] if "." in path.rpartition("/")[2])
        assert not {path for path in files if path not in held and "/__pycache__" not in path}
