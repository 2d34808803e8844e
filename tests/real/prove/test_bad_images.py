"""Images that misbehave cost a bounded time, are told, and leave nothing behind."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from careen.plan.target import Limits
from careen.progress import unheard
from careen.prove.checks import shared_memory
from careen.prove.evidence import Verdict
from careen.prove.launch import as_shipped
from careen.prove.layers import LayerFolder
from careen.prove.rootfs import unpack_images
from careen.prove.runners.runc import RuncRunner
from careen.prove.runs import RunFolder
from careen.prove.subjects import RunningSubject
from fakes.tiny_images import APPLICATION, Tiny, file, stack
from real.prove.conftest import Prove, left_behind

pytestmark = pytest.mark.real


def test_an_image_that_exits_at_once_shows_what_it_said(prove: Prove, state: Path, identities: set[str]) -> None:
    report = prove(Tiny(files=(file("app/tiny.py", "raise SystemExit('no database today')"),)))
    result = report.service("web").result("starts")
    assert result.verdict is Verdict.FAIL
    assert "with status 1" in result.evidence.summary
    assert "no database today" in result.evidence.output
    assert identities
    assert left_behind(state, identities) == []


def test_a_program_that_is_not_there_is_told(prove: Prove) -> None:
    report = prove(Tiny(argv=("/no/such/program",)))
    assert "no such file or directory" in report.service("web").result("starts").evidence.summary


def test_an_image_without_a_command_is_told(prove: Prove) -> None:
    result = prove(Tiny(argv=())).service("web").result("starts")
    assert (result.verdict, result.evidence.summary) == (Verdict.FAIL, "the image names no program to run")


def test_what_depends_on_a_failure_is_still_tried(prove: Prove) -> None:
    broken = Tiny(name="broken", files=(file("app/tiny.py", "raise SystemExit(1)"),))
    report = prove(broken, Tiny(plan={"depends_on": ("broken",)}))
    assert report.service("web").result("starts").verdict is Verdict.PASS
    assert not report.passed


def test_a_flood_of_output_is_cut(prove: Prove) -> None:
    flood = (
        "import threading\ndef pour():\n    while True:\n        print('x' * 10000)\n"
        "threading.Thread(target=pour, daemon=True).start()\n"
    )
    report = prove(Tiny(files=(file("app/tiny.py", flood + APPLICATION),)), grace=3.0)
    assert report.service("web").result("starts").verdict is Verdict.PASS
    assert max(len(result.evidence.output) for result in report.service("web").checks) < 10_000


def test_a_full_tmpfs_is_the_containers_own_trouble(prove: Prove, state: Path, identities: set[str]) -> None:
    fill = (
        "try:\n    with open('/tmp/full', 'wb') as full:\n        while True:\n            full.write(bytes(1 << 20))\n"
        "except OSError as error:\n    print(error)\n"
    )
    limits = Limits(memory_bytes=512_000_000, cpus=1.0)
    report = prove(Tiny(files=(file("app/tiny.py", fill + APPLICATION),), plan={"limits": limits}))
    proof = report.service("web")
    assert proof.result("starts").verdict is Verdict.PASS
    assert proof.peak_memory_bytes is not None
    assert proof.peak_memory_bytes > 200_000_000, "a tmpfs counts as memory"
    assert identities
    assert left_behind(state, identities) == []


def test_missing_shared_memory_is_seen(state: Path, tmp_path: Path, prove: Prove) -> None:
    made = stack(tmp_path / "layout", Tiny())
    run = RunFolder.open(state)
    try:
        images = unpack_images(
            made.layout, ("web",), made.plan.platform, run.folder / "images", LayerFolder(state / "layers"), unheard
        )
        service = made.plan.services[0]
        launch = replace(as_shipped(service, images["web"]), shared_memory=False)
        runner = RuncRunner()
        ground = runner.ground(run, ("web",))
        container = ground.start(launch)
        subject = RunningSubject(
            plan=made.plan,
            service=service,
            image=images["web"],
            launch=launch,
            container=container,
            ground=ground,
            lacks=runner.lacks,
        )
        result = shared_memory.check(subject)
        container.remove()
        ground.close()
    finally:
        run.close()
    assert (result.verdict, result.evidence.summary) == (Verdict.FAIL, "/dev/shm is missing")


_PROOF = """
import sys
from pathlib import Path
from careen.prove.settings import ProveSettings, RunnerName
from careen.prove.stack import prove_stack
from fakes.tiny_images import Tiny, stack
layout, state = map(Path, sys.argv[1:])
made = stack(layout, Tiny())
settings = ProveSettings(state=state, runner=RunnerName.RUNC)
prove_stack(made.plan, made.layout, settings, lambda step: print(step.phase, flush=True))
"""


@pytest.mark.parametrize("both", [False, True], ids=["careen is killed", "its watcher is killed too"])
def test_nothing_is_left_after_a_kill(both: bool, state: Path, tmp_path: Path, prove: Prove) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    words = [sys.executable, "-c", _PROOF, str(tmp_path / "layout"), str(state)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    with process.stdout as told:
        for line in told:
            if line.startswith("looking at"):
                break
    if both:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        watchers = [pid for pid in children if b"careen.prove.watcher" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        assert len(watchers) == 1
        os.kill(int(watchers[0]), signal.SIGKILL)
    identities = {path.name for path in (state / "runs").iterdir()}
    assert left_behind(state, identities), "the proof was at work"
    process.kill()
    process.wait()
    if both:
        assert left_behind(state, identities)
        prove(Tiny(), start_timeout=0.1)  # the next run, whatever comes of it, tidies up
    give_up = time.monotonic() + 20
    while left_behind(state, identities) and time.monotonic() < give_up:
        time.sleep(0.1)
    assert left_behind(state, identities) == []
