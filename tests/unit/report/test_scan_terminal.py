"""Findings on a terminal: folded at its width, the same thing said once, nothing claimed of what was not read."""

import re
from pathlib import Path, PurePosixPath

import pytest

from careen.app.scanning import ScanRequest, scan
from careen.report.scan_terminal import render

DOCKERFILE = """\
FROM python:3.11-slim
RUN pip install --no-cache-dir uvicorn celery flask && echo a line that is longer than a terminal is wide, or nearly so
COPY src src
"""
COMPOSE = """\
x-app: &app
  build: .
  volumes:
    - ./src:/src
services:
  first: {<<: *app, command: python -m first}
  second: {<<: *app, command: python -m second}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "first.py").write_text("")
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    return tmp_path


def shown(project: Path, *, width: int | None = None, colour: bool = False) -> str:
    return render(scan(ScanRequest(root=project)), colour=colour, shown_root=PurePosixPath(), width=width)


@pytest.mark.parametrize("width", [40, 60, 100])
def test_nothing_is_wider_than_the_terminal(project: Path, width: int) -> None:
    body = shown(project, width=width).split("\n\n")[:-1]

    lines = [line for block in body for line in block.splitlines()]
    assert max(map(len, lines)) <= width
    assert " ".join(" ".join(body).split()).count("(repair to review)") == shown(project).count("(repair to review)")


def test_without_a_terminal_a_finding_is_a_line(project: Path) -> None:
    told = [line for line in shown(project).splitlines() if line.startswith(("  high ", "  medium", "  low "))]

    assert all(": " in line and line.endswith(")") for line in told)


def test_colours_change_nothing_but_colours(project: Path) -> None:
    painted = shown(project, width=60, colour=True)

    assert "\x1b[" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == shown(project, width=60)


def test_the_same_of_several_services_is_said_once(project: Path) -> None:
    told = [line for line in shown(project).splitlines() if "redundant-volume" in line]

    assert len(told) == 1
    assert "the image of first already holds" in told[0]
    assert "likewise for second" in told[0]


def test_what_could_not_be_read_is_not_called_clean(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(b"FROM python:3.11\n# caf\xe9\n")

    told = shown(tmp_path)

    assert "nothing could be read" in told
    assert "nothing found" not in told
