"""What the tests of proofs share: a folder for unpacked layers, so that the base is unpacked once a session."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from careen.prove.evidence import ProofReport
from careen.prove.settings import ProveSettings, RunnerName
from careen.prove.stack import prove_stack
from fakes.tiny_images import Tiny, TinyStack, stack

Prove = Callable[..., ProofReport]


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prove")


@pytest.fixture
def prove(state: Path, tmp_path: Path) -> Prove:
    """Builds and proves with runc; skipped, by name, where it cannot run."""
    if shutil.which("runc", path="/usr/sbin:/usr/bin:/sbin") is None:
        pytest.skip("runc is not on this machine (apt-get install runc)")
    if os.geteuid() != 0:
        pytest.skip("runc needs root here")

    def run(*services: Tiny, made: TinyStack | None = None, **settings: object) -> ProofReport:
        made = made or stack(tmp_path / "layout", *services)
        chosen = {"in_flight": False, "start_timeout": 12.0, "runner": RunnerName.RUNC, **settings}
        return prove_stack(made.plan, made.layout, ProveSettings(state=state, **chosen))  # type: ignore[arg-type]

    return run
