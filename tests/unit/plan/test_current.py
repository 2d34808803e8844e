from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from careen.plan.current import CurrentInputs, contributions, times_counted
from careen.plan.leftovers import Weight
from careen.workspace.discover import discover
from careen.workspace.facts import derive

INPUTS = CurrentInputs(
    context=(("src/a.py", 10), ("docs/b.md", 5)),
    synced=lambda _: Weight(installed=1000, packed=300, bytecode=150),
    packages=lambda names, recommends: Weight(installed=(150 if recommends else 100) * len(list(names)), packed=40),
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


REQUIREMENTS = "pip install -r requirements.txt"
DOWNLOADS = "pip's downloads, left in its cache"
BYTECODE = "pip: bytecode of all that it installs"
ROOT_CACHE = "--mount=type=cache,target=/root/.cache"


def left(folder: Path, run: str, before: str = "") -> dict[str, int | None]:
    """What a RUN adds beside what it installs, by its words."""
    found = told(folder, f"FROM python:3.11-slim\nWORKDIR /app\n{before}RUN {run}\n")
    return {what: count for _, count, what in found[1:] if "left" in what or "bytecode" in what or "tables" in what}


def test_pip_leaves_what_it_downloads_and_compiles_what_it_installs(tmp_path: Path) -> None:
    assert left(tmp_path, REQUIREMENTS) == {DOWNLOADS: 300, BYTECODE: 150}


@pytest.mark.parametrize(
    ("run", "before"),
    [
        ("pip install --no-cache-dir -r requirements.txt", ""),
        (REQUIREMENTS, "ENV PIP_NO_CACHE_DIR=1\n"),
        (f"PIP_NO_CACHE_DIR=off {REQUIREMENTS}", ""),
        (f"{ROOT_CACHE} {REQUIREMENTS}", ""),
        (f"{REQUIREMENTS} && rm -rf /root/.cache", ""),
        (f"{REQUIREMENTS} && rm -rf ~/.cache/pip/*", ""),
        (f"{REQUIREMENTS} && pip cache purge", ""),
        (f"{ROOT_CACHE}/elsewhere {REQUIREMENTS}", "ENV PIP_CACHE_DIR=/root/.cache/elsewhere\n"),
    ],
)
def test_downloads_that_are_not_kept_or_are_removed_in_the_same_step_cost_nothing(
    run: str, before: str, tmp_path: Path
) -> None:
    assert left(tmp_path, run, before) == {BYTECODE: 150}


@pytest.mark.parametrize(
    "run", [f"rm -rf /root/.cache && {REQUIREMENTS}", f"--mount=type=cache,target=/var/cache {REQUIREMENTS}"]
)
def test_what_is_removed_before_or_mounted_elsewhere_changes_nothing(run: str, tmp_path: Path) -> None:
    assert DOWNLOADS in left(tmp_path, run)


def test_no_compile_is_believed(tmp_path: Path) -> None:
    assert left(tmp_path, "pip install --no-compile -r requirements.txt") == {DOWNLOADS: 300}


def test_what_uv_links_from_its_cache_costs_nothing_and_what_it_copies_costs_all_of_it(tmp_path: Path) -> None:
    assert left(tmp_path, "uv sync") == {}
    assert left(tmp_path, "uv sync", "ENV UV_LINK_MODE=copy\n") == {"uv's cache, copied from and left": 1000}
    assert left(tmp_path, "uv sync --link-mode=copy") == {"uv's cache, copied from and left": 1000}
    assert left(tmp_path, "uv sync --no-cache --link-mode=copy") == {}
    assert left(tmp_path, f"{ROOT_CACHE} uv sync", "ENV UV_LINK_MODE=copy\n") == {}


def test_uv_compiles_when_it_is_told_to(tmp_path: Path) -> None:
    expected = {"uv: bytecode of all that it installs": 150}

    assert left(tmp_path, "uv sync --compile-bytecode") == expected
    assert left(tmp_path, "uv sync", "ENV UV_COMPILE_BYTECODE=1\n") == expected
    assert left(tmp_path, "uv sync", "ENV UV_COMPILE_BYTECODE=0\n") == {}


def test_bytecode_below_a_folder_is_stored_again_with_it_and_a_cache_elsewhere_is_not(tmp_path: Path) -> None:
    text = f"FROM python:3.11-slim\nWORKDIR /app\nRUN {REQUIREMENTS} --target /app/lib\nRUN chown -R a /app\n"

    assert told(tmp_path, text)[-1] == (4, 1150, "chown -R: stored a second time")


def test_apt_keeps_its_downloads_only_where_the_setting_against_it_is_removed(tmp_path: Path) -> None:
    removing = "rm -f /etc/apt/apt.conf.d/docker-clean"
    kept = {"apt's downloads, left in its cache": 40, "apt's tables of packages": 80_000_000}
    install = "apt-get install -y git"

    assert left(tmp_path, install) == {}
    assert left(tmp_path, f"{removing} && {install}") == kept
    assert left(tmp_path, install, f"RUN {removing}\n") == kept
    assert left(tmp_path, f"{removing} && {install} && apt-get clean") == {}
    assert left(tmp_path, f"--mount=type=cache,target=/var/cache/apt {removing}; {install}") == {}


@pytest.mark.parametrize("package", ["uv", "uv==0.8.0", "'uv>=0.8'", "uv[extra]"])
def test_an_installer_is_known_in_whatever_version(package: str, tmp_path: Path) -> None:
    found = told(tmp_path, f"FROM python:3.11-slim\nRUN pip install --no-cache-dir {package}\n")

    assert [count for _, count, _ in found[1:]] == [50_000_000]


@pytest.mark.parametrize("variable", ["PATH=/opt/venv/bin:$PATH", "VIRTUAL_ENV=/opt/venv"])
def test_pip_installs_into_the_environment_that_variables_activate(variable: str, tmp_path: Path) -> None:
    text = (
        f"FROM python:3.11 AS builder\nRUN python -m venv /opt/venv\nENV {variable}\nWORKDIR /app\nCOPY . .\n"
        "RUN pip install --no-compile --no-cache-dir -r requirements.txt\n"
        "FROM python:3.11-slim\nCOPY --from=builder /opt/venv /opt/venv\n"
    )
    assert told(tmp_path, text)[1:] == [(8, 1000, "copy of /opt/venv from builder")]


def test_uv_syncs_into_the_environment_that_a_variable_names(tmp_path: Path) -> None:
    text = (
        "FROM python:3.11 AS builder\nENV UV_PROJECT_ENVIRONMENT=/opt/venv\nWORKDIR /app\nRUN uv sync\n"
        "FROM python:3.11-slim\nCOPY --from=builder /opt/venv /opt/venv\n"
    )
    assert told(tmp_path, text)[1:] == [(6, 1000, "copy of /opt/venv from builder")]


def counted(folder: Path, dockerfile: str, context: tuple[tuple[str, int], ...]) -> list[Mapping[str, int]] | None:
    (folder / "Dockerfile").write_text(dockerfile)
    image = derive(discover(folder)).images[0]
    inputs = replace(INPUTS, context=context)
    known = contributions(image, inputs)
    times = times_counted(image, inputs, known, frozenset({"src/a.py", "src/b.py"}))
    return None if times is None else list(times)


CONTEXT = (("docs/c.md", 5), ("src/a.py", 10), ("src/b.py", 0))


def test_how_often_a_file_is_in_each_contribution(tmp_path: Path) -> None:
    text = (
        "FROM python:3.11-slim\nRUN apt-get install -y gcc\nWORKDIR /app\nCOPY . .\nCOPY src/a.py src/a.py src/\n"
        "COPY docs docs\nRUN chown -R a /app\n"
    )
    assert counted(tmp_path, text, CONTEXT) == [
        {},
        {},
        {"src/a.py": 1, "src/b.py": 1},
        {"src/a.py": 2},
        {},
        {"src/a.py": 3, "src/b.py": 1},
    ]


def test_it_is_not_told_where_a_contribution_is_no_sum_of_them(tmp_path: Path) -> None:
    """What a sync adds is what is not there yet, and a COPY puts sources where its environment is."""
    text = "FROM python:3.11-slim\nWORKDIR /app\nCOPY src .venv\nRUN uv sync\n"
    assert counted(tmp_path, text, CONTEXT) is None


def test_it_is_not_told_where_a_contribution_is_there_for_a_file_that_weighs_something(tmp_path: Path) -> None:
    text = "FROM python:3.11-slim\nWORKDIR /app\nCOPY src/b.py src/b.py\nRUN chown -R a /app\n"
    assert counted(tmp_path, text, CONTEXT) is None


def test_what_steps_that_nobody_understands_have_made_is_not_known_and_an_empty_base_weighs_nothing(
    tmp_path: Path,
) -> None:
    text = "FROM debian AS packages\nRUN make-root /foundation\nFROM scratch\nCOPY --from=packages /foundation/ /\n"

    assert [(line, count) for line, count, _ in told(tmp_path, text)] == [(3, 0), (4, None)]


@pytest.mark.parametrize(("pattern", "size"), [("*.py", 0), ("src/*.py", 10), ("sr?", 10), ("[st]rc/a*", 10)])
def test_patterns_take_what_they_match_in_one_folder(pattern: str, size: int, tmp_path: Path) -> None:
    assert told(tmp_path, f"FROM scratch\nCOPY {pattern} /app/\n")[1][1] == size
