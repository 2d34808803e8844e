"""What the tests of proofs share: a folder for unpacked layers, so that the base is unpacked once a session."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from careen.progress import Step
from careen.prove.evidence import ProofReport
from careen.prove.settings import ProveSettings, RunnerName
from careen.prove.stack import prove_stack
from fakes.tiny_images import Tiny, TinyStack, stack

Prove = Callable[..., ProofReport]


def left_behind(state: Path, identities: set[str]) -> list[str]:
    """Everything of the proofs so identified that is still on this machine; other proofs may be going on."""
    names = [*Path("/run/netns").glob("careen-*"), *Path("/sys/fs/cgroup").glob("**/careen-*")]
    found = [str(path) for path in names if identities.intersection(path.name.split("-"))]
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"{state}/" in line]
    found += [str(path) for path in (state / "runs").glob("*") if path.name in identities]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if any(identity.encode() in words for identity in identities):
            found.append(words.replace(b"\0", b" ").decode())
    return found


@pytest.fixture
def identities() -> set[str]:
    """Of the proofs that a test has made."""
    return set()


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prove")


@pytest.fixture
def prove(state: Path, tmp_path: Path, identities: set[str]) -> Prove:
    """Builds and proves with runc; skipped, by name, where it cannot run."""
    if shutil.which("runc", path="/usr/sbin:/usr/bin:/sbin") is None:
        pytest.skip("runc is not on this machine (apt-get install runc)")
    if os.geteuid() != 0:
        pytest.skip("runc needs root here")

    def run(*services: Tiny, made: TinyStack | None = None, **settings: object) -> ProofReport:
        made = made or stack(tmp_path / "layout", *services)
        chosen = {"in_flight": False, "start_timeout": 12.0, "runner": RunnerName.RUNC, **settings}

        def listen(_: Step) -> None:
            identities.update(path.name for path in (state / "runs").iterdir())

        return prove_stack(made.plan, made.layout, ProveSettings(state=state, **chosen), listen)  # type: ignore[arg-type]

    return run
