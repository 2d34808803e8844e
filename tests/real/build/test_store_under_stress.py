"""Killed runs and crowds: the store stays whole, and the images are the same."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.real
_TESTS = Path(__file__).parents[2]
_PROGRAM = """
import sys
from pathlib import Path
from careen.build.engine import BuildOptions
from careen.build.native import build_stack
from fakes.stacks import write_stack
stack = write_stack(Path(sys.argv[1]), store=Path(sys.argv[2]), platform=sys.argv[4])
result = build_stack(stack.plan, stack.sources, output=Path(sys.argv[3]), options=BuildOptions())
print(*(image.digest for image in result.images))
"""
_FOREIGN = "linux/amd64" if os.uname().machine == "aarch64" else "linux/arm64"
_KILLS = 100


def start(stack: Path, store: Path, output: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, stack, store, output, _FOREIGN],
        env={"PYTHONPATH": f"{_TESTS}:{_TESTS.parent / 'src'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_hundred_killed_runs_leave_a_store_that_builds_the_same_images(tmp_path: Path) -> None:
    began = time.monotonic()
    reference, problem = start(tmp_path / "reference", tmp_path / "clean", tmp_path / "expected").communicate()
    took = time.monotonic() - began
    assert reference.count("sha256:") == 2, problem
    chance = random.Random(20)  # noqa: S311 - the same points in every run
    store, output = tmp_path / "store", tmp_path / "out"
    killed = 0
    for number in range(_KILLS):
        if number % 5 == 0:  # a store with everything in it would leave little to interrupt
            for entry in list(store.glob("*/??/*.entry")):
                if chance.random() < 0.5:
                    entry.unlink()
        run = start(tmp_path / "stack", store, output)
        time.sleep(chance.uniform(0.1, took))
        if run.poll() is None:
            run.send_signal(signal.SIGKILL)
            killed += 1
        run.communicate()
    printed, problem = start(tmp_path / "stack", store, output).communicate()
    assert printed == reference, problem
    assert killed > _KILLS // 4
    assert sorted(path.name for path in output.iterdir()) == ["blobs", "index.json", "oci-layout"]


def test_ten_builds_at_once_on_one_store_all_give_the_same_images(tmp_path: Path) -> None:
    runs = [start(tmp_path / f"stack{number}", tmp_path / "store", tmp_path / f"out{number}") for number in range(10)]
    answers = [run.communicate(timeout=300) for run in runs]
    assert [run.returncode for run in runs] == [0] * 10, answers
    assert len({printed for printed, _ in answers}) == 1
    assert len(list((tmp_path / "store").glob("segment/??/*.blob"))) == len(
        list((tmp_path / "store").glob("segment/??/*.entry"))
    )
    assert list((tmp_path / "store/aside").iterdir()) == []


def test_a_disk_that_is_full_is_named_and_the_build_goes_on_when_there_is_space(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    reference, problem = start(tmp_path / "reference", tmp_path / "clean", tmp_path / "expected").communicate()
    assert reference.count("sha256:") == 2, problem
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", disk], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        printed, problem = start(tmp_path / "stack", disk, tmp_path / "out").communicate()
        assert printed == ""
        assert "StoreError: there is no space left for the store in" in problem
        assert not list((disk / "aside").iterdir())
        assert not (tmp_path / "out" / "index.json").exists()
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        printed, problem = start(tmp_path / "stack", disk, tmp_path / "out").communicate()
        assert printed == reference, problem
    finally:
        subprocess.run(["umount", disk], check=True)
