"""Every runner comes to the same verdicts on the same image, keeps the stack apart, and leaves nothing."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import careen
from careen.errors import CareenError
from careen.prove.choice import choose
from careen.prove.evidence import ProofReport, Verdict
from careen.prove.settings import RunnerName
from fakes.tiny_images import Tiny
from real.conftest import DockerDaemon
from real.prove.conftest import Prove, left_behind
from real.prove.test_planted_faults import FAULTS

pytestmark = pytest.mark.real

_CASES = ["", "memory runs out at the start", "the loopback only", "a request in flight is dropped", "root runs it"]
_FOR_OTHERS = """
import json, sys
from pathlib import Path
from careen.prove.settings import ProveSettings, RunnerName
from careen.prove.stack import prove_stack
from fakes.tiny_images import Tiny, stack
made = stack(Path(sys.argv[2]) / "layout", Tiny())
settings = ProveSettings(state=Path(sys.argv[2]) / "state", runner=RunnerName(sys.argv[1]), start_timeout=30.0)
report = prove_stack(made.plan, made.layout, settings)
print(json.dumps({result.check: [result.verdict, result.evidence.summary] for result in report.services[0].checks}))
"""
_TRY = "import subprocess, sys, careen, fakes; subprocess.run([sys.executable, '-c', 'import careen'], check=True)"
_KILLED = """
import sys
from pathlib import Path
from careen.prove.settings import ProveSettings, RunnerName
from careen.prove.stack import prove_stack
from fakes.tiny_images import Tiny, stack
made = stack(Path(sys.argv[2]) / "layout", Tiny())
settings = ProveSettings(state=Path(sys.argv[2]) / "state", runner=RunnerName(sys.argv[1]))
prove_stack(made.plan, made.layout, settings, lambda step: print(step.phase, flush=True))
"""


@pytest.fixture(params=[RunnerName.BWRAP, RunnerName.DOCKER, RunnerName.PODMAN])
def runner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RunnerName:
    """Each but runc, to which they are compared; skipped, by name, where it cannot run."""
    name: RunnerName = request.param
    if name is RunnerName.DOCKER:
        daemon: DockerDaemon = request.getfixturevalue("docker")
        monkeypatch.setenv("DOCKER_HOST", f"unix://{daemon.socket}")
    try:
        choose(name)
    except CareenError as error:
        pytest.skip(error.message)
    return name


def verdicts(report: ProofReport) -> dict[str, tuple[Verdict, str]]:
    """Summaries only of what failed: they hold times otherwise."""
    checks = report.services[0].checks
    return {
        result.check: (result.verdict, result.evidence.summary if result.verdict is not Verdict.PASS else "")
        for result in checks
        if result.check not in {"stops", "starts"} or result.verdict is Verdict.PASS
    }


@pytest.mark.parametrize("case", _CASES)
def test_the_verdicts_are_runcs(case: str, runner: RunnerName, prove: Prove) -> None:
    made = FAULTS[case].made() if case else Tiny()
    settings = {"in_flight": True, "start_timeout": 20.0}
    assert verdicts(prove(made, runner=runner, **settings)) == verdicts(prove(made, **settings))


@pytest.mark.parametrize("name", [RunnerName.RUNC, RunnerName.BWRAP])
def test_a_user_without_root_proves_all_but_limits(name: RunnerName) -> None:
    folder = Path("/var/tmp") / f"careen-test-{os.getpid()}-{name}"
    folder.mkdir()
    try:
        os.chown(folder, 65534, 65534)
        places = (Path(__file__).parents[2], Path(careen.__file__).parents[1], sysconfig.get_path("purelib"))
        environment = {**os.environ, "PYTHONPATH": ":".join(map(str, places)), "HOME": str(folder)}
        # A program that it may run, with packages that it may read.
        for python in (sys.executable, "/usr/bin/python3.11"):
            words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", python]
            tried = subprocess.run([*words, "-c", _TRY], capture_output=True, check=False, env=environment, cwd="/")
            if not tried.returncode:
                break
        else:
            pytest.skip("another user may run no Python here")
        words += ["-c", _FOR_OTHERS, name.value, str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment, cwd=folder)
        if "MissingToolError" in done.stderr:
            pytest.skip(done.stderr.strip().splitlines()[-1])
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert [check for check, (verdict, _) in told.items() if verdict == "fail"] == [], told
    skipped = {check for check, (verdict, _) in told.items() if verdict == "skipped"}
    allowed = {"bill-of-materials", "memory", "number-of-processes"} | ({"user"} if name is RunnerName.RUNC else set())
    assert skipped <= allowed, told


@pytest.fixture
def listener() -> Iterator[tuple[str, int]]:
    """A server of this machine, at an address that is not its loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.255", 1))
        except OSError:
            pytest.skip("this machine has no address but its loopback")
        address = probe.getsockname()[0]
    with socket.create_server((address, 0)) as server:

        def serve() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[:2]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize("allowed", [False, True], ids=["shut", "open"])
def test_the_way_out_is_shut_unless_it_is_asked_for(
    allowed: bool, listener: tuple[str, int], prove: Prove, state: Path, identities: set[str]
) -> None:
    if allowed and shutil.which("slirp4netns") is None:
        pytest.skip("slirp4netns is not on this machine (apt-get install slirp4netns)")
    from real.prove.test_planted_faults import application  # noqa: PLC0415 - beside the faults

    made = Tiny(files=(application(f"import socket; socket.create_connection({listener!r}, 3).close()"),))
    report = prove(made, allow_network=allowed)
    assert (report.services[0].result("starts").verdict is Verdict.PASS) == allowed
    assert left_behind(state, identities) == []


def test_an_engine_is_empty_after_a_kill(runner: RunnerName, tmp_path: Path) -> None:
    if runner is RunnerName.BWRAP:
        pytest.skip("it has no engine")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    words = [sys.executable, "-c", _KILLED, runner.value, str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    with process.stdout as told:
        for line in told:
            if line.startswith("looking at"):
                break
    identities = [path.name for path in (tmp_path / "state" / "runs").iterdir()]
    assert len(identities) == 1
    assert in_engine(runner, identities[0]), "the proof was at work"
    process.send_signal(signal.SIGKILL)
    process.wait()
    give_up = time.monotonic() + 60
    while in_engine(runner, identities[0]) and time.monotonic() < give_up:
        time.sleep(0.2)
    assert in_engine(runner, identities[0]) == []


def in_engine(runner: RunnerName, identity: str) -> list[str]:
    """What of a run is still in an engine, by names and not by the labels that it is taken away by."""
    found = []
    for words in (
        ("ps", "--all", "--format", "{{.Names}}"),
        ("network", "ls", "--format", "{{.Name}}"),
        ("images", "--format", "{{.Repository}}:{{.Tag}}"),
    ):
        done = subprocess.run([runner.value, *words], capture_output=True, text=True, check=True)
        found += [line for line in done.stdout.splitlines() if identity in line]
    return found
