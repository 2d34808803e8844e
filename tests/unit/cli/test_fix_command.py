"""``careen fix`` as a user meets it: what is written, what is left and why, and what the exit status tells."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

DOCKERFILE = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY shop shop
CMD uvicorn shop.main:app
"""
ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


def careen(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "careen", "fix", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**ENVIRONMENT, "NO_COLOR": "1"},
        timeout=120,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "shop").mkdir(parents=True)
    (root / "shop" / "main.py").write_text("app = None\n")
    (root / "requirements.txt").write_text("uvicorn==0.30\n")
    (root / ".dockerignore").write_text(".git\n**/.venv\n**/__pycache__\n**/.env\n**/tests\n")
    (root / "Dockerfile").write_text(DOCKERFILE)
    return root


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_check_changes_nothing_and_tells_by_its_status(project: Path) -> None:
    before = files(project)

    done = careen(project, "--mend", "--check")

    assert done.returncode == 1
    assert "would change: Dockerfile" in done.stderr
    assert files(project) == before


def test_after_writing_there_is_nothing_to_do(project: Path) -> None:
    written = careen(project, "--mend", "--write", "--unsafe")
    after = files(project)

    again = careen(project, "--mend", "--write", "--unsafe")

    assert written.returncode == 0, written.stderr
    assert again.returncode == 0
    assert "nothing to change" in again.stderr
    assert files(project) == after
    assert careen(project, "--mend", "--check").returncode == 0


def test_what_needs_review_is_left_and_told(project: Path) -> None:
    done = careen(project, "--mend", "--write")

    assert "left for review: Dockerfile:" in done.stderr
    assert "USER" not in (project / "Dockerfile").read_text()
    assert 'CMD ["uvicorn", "shop.main:app"]' in (project / "Dockerfile").read_text()


def test_carriage_returns_stay(project: Path) -> None:
    (project / "Dockerfile").write_bytes(DOCKERFILE.replace("\n", "\r\n").encode())

    done = careen(project, "--mend", "--write", "--unsafe")

    data = (project / "Dockerfile").read_bytes()
    assert done.returncode == 0, done.stderr
    assert data != DOCKERFILE.replace("\n", "\r\n").encode()
    assert data.count(b"\n") == data.count(b"\r\n")


def test_a_file_that_is_not_utf8_stays_as_it_is_and_is_told(project: Path) -> None:
    (project / "Dockerfile").write_bytes(b"# caf\xe9\n" + DOCKERFILE.encode())
    before = files(project)

    done = careen(project, "--mend", "--write", "--unsafe")

    assert done.returncode == 0
    assert "left: Dockerfile:1: " in done.stderr
    assert "Traceback" not in done.stderr
    assert files(project)["Dockerfile"] == before["Dockerfile"]


@pytest.mark.skipif(os.geteuid() != 0 and sys.platform != "linux", reason="permissions of Linux")
def test_a_read_only_file_is_told_and_nothing_is_changed(project: Path) -> None:
    (project / "Dockerfile").chmod(0o444)
    before = files(project)

    done = careen(project, "--mend", "--write", "--unsafe")

    assert done.returncode == 2
    assert "Dockerfile: is read-only; nothing was changed" in done.stderr
    assert files(project) == before


def test_a_link_out_of_the_project_is_never_written_through(project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "Dockerfile"
    outside.write_text(DOCKERFILE)
    (project / "Dockerfile").unlink()
    (project / "Dockerfile").symlink_to(outside)

    done = careen(project, "--mend", "--write", "--unsafe")

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert outside.read_text() == DOCKERFILE
    assert (project / "Dockerfile").is_symlink()


def test_a_compose_file_behind_a_link_inside_is_changed_where_it_lies(project: Path) -> None:
    (project / "deploy").mkdir()
    (project / "deploy" / "compose.yaml").write_text(
        "services:\n  web:\n    build: .\n    command: sh -c 'uvicorn shop.main:app'\n"
    )
    (project / "compose.yaml").symlink_to("deploy/compose.yaml")

    done = careen(project, "--mend", "--write", "--unsafe")

    assert done.returncode == 0, done.stderr
    assert (project / "compose.yaml").is_symlink()
    assert "sh -c" not in (project / "deploy" / "compose.yaml").read_text()


def test_json_says_why_there_is_no_recast(project: Path) -> None:
    (project / "requirements.txt").unlink()
    (project / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1"\ndynamic = ["dependencies"]\n')
    (project / "Dockerfile").write_text(
        DOCKERFILE.replace("-r requirements.txt", ".").replace("requirements.txt", "*.toml")
    )

    done = careen(project, "--offline", "--format", "json")

    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert "no lock" in document["not_recast"]["reason"]
    assert [change["path"] for change in document["changes"]] == ["Dockerfile"]


def picked(project: Path, answers: str) -> str:
    """What a terminal shows while a person answers."""
    controller, terminal = pty.openpty()
    argv = [sys.executable, "-m", "careen", "fix", str(project), "--mend", "--write", "--pick", "--no-color"]
    with subprocess.Popen(argv, stdin=terminal, stdout=terminal, stderr=terminal, env=ENVIRONMENT) as run:
        os.close(terminal)
        os.write(controller, answers.encode())
        shown = b""
        while True:
            try:
                data = os.read(controller, 4096)
            except OSError:  # the other end is closed
                break
            if not data:
                break
            shown += data
        assert run.wait(60) == 0, shown.decode()
    os.close(controller)
    return shown.decode()


def test_only_what_a_person_picks_is_written(project: Path) -> None:
    shown = picked(project, "n\n" * 20)
    assert "[Y/n]" in shown
    assert (project / "Dockerfile").read_text() == DOCKERFILE

    questions = shown.count("[Y/n]")
    shown = picked(project, "y\n" + "n\n" * (questions - 1))

    assert "changed: Dockerfile" in shown
    text = (project / "Dockerfile").read_text()
    assert text != DOCKERFILE
    assert careen(project, "--mend", "--check").returncode == 1, "the others are still to be made"
