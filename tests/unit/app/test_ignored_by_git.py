"""A new file that the project's own rules keep from git is told, with the rule."""

import os
import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from careen.app.ignored_by_git import ignored_by_git
from careen.findings import FixKind
from careen.rewrite.patchset import FileChange

ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
CHANGES = [
    FileChange(path=PurePosixPath(path), before=before, after="x\n", disposition=FixKind.SAFE)
    for path, before in (("docker/careen/health.py", None), ("Dockerfile", None), ("docker/old", "y\n"))
]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not on this machine")
    subprocess.run([git, "init", "--quiet", str(tmp_path)], check=True, env=ENVIRONMENT)
    return tmp_path


def test_an_ignored_new_file_is_told_with_its_rule(repository: Path) -> None:
    (repository / ".gitignore").write_text("*.log\ndocker/\n")

    told = list(ignored_by_git(repository, CHANGES, ENVIRONMENT))

    (sentence,) = told
    assert sentence.startswith("docker/careen/health.py is new, and git will not see it: .gitignore:2 ignores docker/ ")
    assert "git add --force docker/careen/health.py" in sentence


def test_a_rule_that_is_taken_back_ignores_nothing(repository: Path) -> None:
    (repository / ".gitignore").write_text("*.py\n!health.py\n")

    assert list(ignored_by_git(repository, CHANGES, ENVIRONMENT)) == []


def test_outside_of_a_repository_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("docker/\n")

    assert list(ignored_by_git(tmp_path, CHANGES, {**ENVIRONMENT, "GIT_CEILING_DIRECTORIES": "/"})) == []


def test_without_git_nothing_is_said(repository: Path) -> None:
    (repository / ".gitignore").write_text("docker/\n")

    assert list(ignored_by_git(repository, CHANGES, {"PATH": "/nonexistent"})) == []
