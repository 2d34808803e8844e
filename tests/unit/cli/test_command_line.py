"""The program as a user meets it: words, streams and exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def careen(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}
    }  # nothing of the caller's terminal or settings
    return subprocess.run(
        [sys.executable, "-m", "careen", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**environment, "NO_COLOR": "1"},
        timeout=60,
    )


def test_version_is_one_line_on_stdout() -> None:
    done = careen("--version")

    assert (done.returncode, done.stdout.split()[0], done.stderr) == (0, "careen", "")


def test_help_lists_every_verb_and_the_exit_statuses() -> None:
    done = careen("--help")

    assert done.returncode == 0
    for verb in ("scan", "plan", "fix", "build", "prove", "overhaul", "context", "dump", "gate", "store", "completion"):
        assert f"  {verb} " in done.stdout
    assert "70 a bug in careen" in " ".join(done.stdout.split())


def test_mistyped_verb_gets_a_suggestion() -> None:
    done = careen("paln")

    assert done.returncode == 2
    assert "did you mean `plan`?" in done.stderr
    assert done.stdout == ""


def test_unknown_option_is_bad_usage() -> None:
    done = careen("plan", "--frobnicate")

    assert (done.returncode, done.stdout) == (2, "")
    assert "--frobnicate" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_calls_careen_back(shell: str) -> None:
    done = careen("completion", shell)

    assert done.returncode == 0
    assert f"_CAREEN_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("careen sc", ["scan"]),
        ("careen gate --fai", ["--fail-on"]),
        ("careen scan --explain runs", ["runs-as-root"]),
        ("careen nosuch --x", []),
    ],
)
def test_completion_offers_what_fits_and_says_nothing_else(line: str, found: list[str]) -> None:
    words = line.split()
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv = ['careen']; import careen.cli.main as m; m.main()"],
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "_CAREEN_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        },
        timeout=60,
    )

    assert [offered.partition(",")[2] for offered in done.stdout.split()] == found
    assert done.stderr == ""


def test_folder_without_a_docker_set_up_is_named_with_a_hint(tmp_path: Path) -> None:
    done = careen("plan", str(tmp_path))

    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path} holds no compose file")
    assert "\nhint: " in done.stderr


def test_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    done = careen("plan", str(tmp_path / "nowhere"))

    assert done.returncode == 2
    assert "nowhere is not a folder" in done.stderr


def test_project_without_a_lock_is_told_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text('FROM python:3.11-slim\nCOPY . .\nCMD ["python", "-m", "pkg"]\n')
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "pkg"\nversion = "1"\n')

    done = careen("plan", str(tmp_path))

    assert done.returncode == 2
    assert "pyproject.toml: the project has no lock" in done.stderr
    assert "hint: lock it: uv lock" in done.stderr


def test_bad_variable_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "careen", "plan", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": "yesterday"},
        timeout=60,
    )

    assert done.returncode == 2
    assert "SOURCE_DATE_EPOCH is 'yesterday'" in done.stderr


def test_context_tells_what_is_sent_by_cause_and_what_patterns_would_save(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.11-slim\nCOPY . /app\n")
    (tmp_path / "main.py").write_text("print()\n")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "a.ipynb").write_bytes(b"0" * 5000)

    done = careen("context", str(tmp_path), "--format", "json")

    found = json.loads(done.stdout)["contexts"]
    assert [(c["sent"]["files"], c["proposed_patterns"], c["after"]["files"]) for c in found] == [
        (3, ["**/notebooks"], 2)
    ]
    assert found[0]["causes"][0]["cause"] == "notebooks"
    assert "a.ipynb" in careen("context", str(tmp_path), "--list").stdout


@pytest.mark.parametrize("verb", ["plan", "build", "overhaul"])
@pytest.mark.parametrize(
    ("broken", "text", "told"),
    [
        ("compose.yaml", "services:\n  api:\n    build: [\n  x: y\n", "compose.yaml:"),
        ("Dockerfile", "FROM python:3.11-slim\nRUNN pip install x\n", "Dockerfile:2: "),
    ],
)
def test_nothing_is_planned_from_half_a_set_up(tmp_path: Path, verb: str, broken: str, text: str, told: str) -> None:
    (tmp_path / "compose.yaml").write_text("services:\n  api:\n    build: .\n    command: python -m pkg\n")
    (tmp_path / "Dockerfile").write_text("FROM python:3.11-slim\nCOPY . .\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "pkg"\nversion = "1"\n')
    (tmp_path / broken).write_text(text)

    done = careen(verb, ".", cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.splitlines()[-3].startswith(f"error: {told}")
    assert {path.name for path in tmp_path.iterdir()} == {"compose.yaml", "Dockerfile", "pyproject.toml"}


def test_no_verb_prints_the_help_and_is_no_error() -> None:
    done = careen()

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: careen")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("scan", "--frmat", "json"), "error: no such option: --frmat\n\nhint: did you mean `--format`?\n"),
        (("scan", "--format", "yaml"), "error: --format: 'yaml' is not one of"),
        (("scan", "a", "b"), "error: got unexpected extra argument (b)\n"),
        (("dump",), "error: FILE is missing\n"),
        (("store", "burn"), "error: ACTION: 'burn' is not one of"),
    ],
)
def test_bad_usage_is_one_sentence_and_leads_to_the_help(words: tuple[str, ...], told: str) -> None:
    done = careen(*words)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(told)
    assert done.stderr.endswith(f"hint: `careen {words[0]} --help` tells what it takes\n")


def _write_stack(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text("FROM python:3.11-slim\nCOPY . /app\n")
    (folder / "other.yaml").write_text("services:\n  api:\n    build: .\n    command: python -m pkg\n")


@pytest.mark.parametrize("named", ["other.yaml", "stack/other.yaml", "{here}/stack/other.yaml"])
def test_a_compose_file_is_named_in_the_folder_or_from_here(tmp_path: Path, named: str) -> None:
    _write_stack(tmp_path / "stack")

    done = careen("scan", "stack", "--format", "json", "-f", named.format(here=tmp_path), cwd=tmp_path)

    assert [service["name"] for service in json.loads(done.stdout)["services"]] == ["api"]


def test_a_compose_file_that_is_not_there_is_told_with_both_places(tmp_path: Path) -> None:
    _write_stack(tmp_path / "stack")

    done = careen("plan", "stack", "-f", "oter.yaml", cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith("error: --file: oter.yaml is not there, neither in stack nor here\n\nhint: ")


def test_a_full_disk_behind_stdout_is_no_bug_of_careen(tmp_path: Path) -> None:
    _write_stack(tmp_path)

    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "careen", "scan", str(tmp_path)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )

    assert done.returncode == 2
    assert done.stderr.startswith("error: writing failed: no space left on device\n\nhint: make room")


def test_a_file_in_the_place_of_a_folder_is_no_bug_of_careen(tmp_path: Path) -> None:
    _write_stack(tmp_path)
    (tmp_path / "taken").write_text("")

    baseline = careen("scan", str(tmp_path), "--write-baseline", str(tmp_path / "taken" / "known.json"))
    cache = subprocess.run(
        [sys.executable, "-m", "careen", "store"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "CAREEN_CACHE": str(tmp_path / "taken")},
        timeout=60,
    )

    assert (baseline.returncode, cache.returncode) == (2, 2)
    assert baseline.stderr.startswith(f"error: {tmp_path}/taken/known.json cannot be written: ")
    assert cache.stderr.startswith(f"error: careen's cache cannot be made at {tmp_path}/taken: file exists\n\nhint: ")


_INTERRUPTED_IMPORTING = """
import sys, careen.cli.main as entry
class Interrupt:
    def find_spec(self, *_): raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
entry.main()
"""
_INTERRUPTED_READING = """
import os, signal, sys, careen.cli.main as entry
class Input:
    def read(self, *_): os.kill(os.getpid(), signal.SIGINT)
sys.stdin = type("Stdin", (), {"buffer": Input()})()
sys.argv = ["careen", "dump", "-"]
entry.main()
"""


@pytest.mark.parametrize("program", [_INTERRUPTED_IMPORTING, _INTERRUPTED_READING])
def test_an_interrupt_is_one_word_and_130_however_early_it_comes(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\nerror: interrupted\n")
