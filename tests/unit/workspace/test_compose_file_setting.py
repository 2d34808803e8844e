"""``COMPOSE_FILE`` in a ``.env`` chooses the files, as it does for docker."""

from pathlib import Path, PurePosixPath

import pytest

from careen.workspace.discover import discover
from careen.workspace.model import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("api", "worker", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text("FROM python:3.11-slim\nRUN pip install flask\nCMD flask run\n")
    (tmp_path / "compose.yaml").write_text("services: {other: {build: ./other}}\n")
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "base.yaml").write_text("services: {api: {build: ./api}}\n")
    (tmp_path / "deploy" / "more.yaml").write_text("services: {api: {user: '10'}, worker: {build: ./worker}}\n")
    for name in ("api", "worker"):
        (tmp_path / name).rename(tmp_path / "deploy" / name)
    return tmp_path


def names(workspace: Workspace) -> list[str]:
    return [service.name for service in workspace.services]


@pytest.mark.parametrize(
    "setting",
    [
        "COMPOSE_FILE=deploy/base.yaml:deploy/more.yaml\n",
        'COMPOSE_FILE="deploy/base.yaml,deploy/more.yaml"\nCOMPOSE_PATH_SEPARATOR=,\n',
    ],
    ids=["colon", "separator"],
)
def test_its_files_are_merged_in_their_order(root: Path, setting: str) -> None:
    (root / ".env").write_text(setting)

    found = discover(root)

    assert names(found) == ["api", "worker"]
    compose = found.services[0].compose
    assert compose is not None
    assert compose.user is not None


def test_files_that_the_user_names_come_first(root: Path) -> None:
    (root / ".env").write_text("COMPOSE_FILE=deploy/base.yaml\n")

    assert names(discover(root, compose_files=[PurePosixPath("compose.yaml")])) == ["other"]


@pytest.mark.parametrize("missing", ["deploy/local.yaml", "../elsewhere.yaml", "/etc/compose.yaml"])
def test_a_file_that_is_not_here_is_told_and_the_usual_one_is_read(root: Path, missing: str) -> None:
    (root / ".env").write_text(f"COMPOSE_FILE=deploy/base.yaml:{missing}\n")

    found = discover(root)

    assert names(found) == ["other"]
    assert any("COMPOSE_FILE names" in note and missing.rpartition("/")[2] in note for note in found.notes)


@pytest.mark.parametrize("chosen", ["", "COMPOSE_PROFILES=jobs\n"], ids=["none", "one"])
def test_services_behind_a_profile_count_whichever_profile_is_chosen(root: Path, chosen: str) -> None:
    (root / ".env").write_text(f"COMPOSE_FILE=deploy/base.yaml:deploy/more.yaml\n{chosen}")
    more = root / "deploy" / "more.yaml"
    more.write_text(
        "services: {worker: {build: ./worker, profiles: [jobs]}, again: {build: ./worker, profiles: [b]}}\n"
    )

    assert sorted(names(discover(root))) == ["again", "api", "worker"]
