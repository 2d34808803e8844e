from pathlib import Path

import pytest

from careen.plan.current import CurrentInputs, contributions
from careen.workspace.discover import discover
from careen.workspace.facts import derive

INPUTS = CurrentInputs(
    context=(("src/a.py", 10), ("docs/b.md", 5)),
    synced=lambda _: 1000,
    packages=lambda names, recommends: (150 if recommends else 100) * len(list(names)),
    named={},
)


def told(folder: Path, dockerfile: str) -> list[tuple[int, int | None, str]]:
    (folder / "Dockerfile").write_text(dockerfile)
    image = derive(discover(folder)).images[0]
    return [(item.line, item.bytes, item.what) for item in contributions(image, INPUTS)]


def test_every_instruction_has_its_bytes_and_a_change_of_owner_stores_again(tmp_path: Path) -> None:
    installing = "FROM python:3.11-slim\nRUN apt-get install -y gcc git\nWORKDIR /app\nCOPY . .\nRUN uv sync\n"
    text = f"{installing}RUN chown -R a /app\n"

    assert told(tmp_path, text)[1:] == [
        (2, 300, "apt: gcc, git, and what they recommend"),
        (4, 15, "copy of ."),
        (5, 1000, "uv: everything the lock gives"),
        (6, 1015, "chown -R: stored a second time"),
    ]


@pytest.mark.parametrize("path", ["/app/.venv", "/app"])
def test_what_is_taken_from_another_stage_counts_and_what_stays_there_does_not(path: str, tmp_path: Path) -> None:
    text = (
        "FROM python:3.11 AS builder\nRUN apt-get install -y gcc\nWORKDIR /app\nRUN uv sync\n"
        f"FROM python:3.11-slim\nWORKDIR /app\nCOPY --from=builder {path} {path}\nCOPY src src\n"
    )

    assert told(tmp_path, text)[1:] == [
        (7, 1000, f"copy of {path} from builder"),
        (8, 10, "copy of src"),
    ]


def test_of_a_foreign_image_nobody_knows(tmp_path: Path) -> None:
    text = "FROM python:3.11-slim\nCOPY --from=index.example/uv:1 /uv /bin/\n"

    assert told(tmp_path, text)[1:] == [(2, None, "copy of /uv from index.example/uv:1")]


def test_a_second_sync_adds_only_what_the_first_left_out(tmp_path: Path) -> None:
    text = "FROM python:3.11-slim\nWORKDIR /app\nRUN uv sync --no-install-project\nCOPY . .\nRUN uv sync\n"

    assert [count for _, count, _ in told(tmp_path, text)[1:]] == [1000, 15, 0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [("", 150), (" --no-install-recommends", 100), (" -o APT::Install-Recommends=false", 100)],
)
def test_apt_takes_what_is_recommended_unless_told_otherwise(options: str, expected: int, tmp_path: Path) -> None:
    assert told(tmp_path, f"FROM python:3.11-slim\nRUN apt-get install -y{options} git\n")[1][1] == expected


@pytest.mark.parametrize(
    ("run", "left"),
    [
        ("RUN apt-get update && apt-get install -y git", True),
        ("RUN apt-get update && apt-get install -y git && rm -rf /var/lib/apt/lists/*", False),
        ("RUN --mount=type=cache,target=/var/lib/apt apt-get update && apt-get install -y git", False),
        ("RUN apt-get install -y git", False),
    ],
)
def test_lists_that_nobody_removes_stay(run: str, left: bool, tmp_path: Path) -> None:
    found = [what for _, _, what in told(tmp_path, f"FROM python:3.11-slim\n{run}\n")]

    assert ("apt's lists, left in the layer" in found) is left
