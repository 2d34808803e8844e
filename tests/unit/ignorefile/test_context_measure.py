"""A context is weighed in one walk that trusts nothing it meets."""

import os
import socket
import sys
from pathlib import Path, PurePosixPath

import pytest

from careen.ignorefile.causes import Cause, cause_of
from careen.ignorefile.context import candidate_ignore_files, measure
from careen.ignorefile.patterns import IgnoreFile, parse_ignorefile
from careen.text.source import Source
from fakes.users import run_as_ordinary


def ignoring(*patterns: str) -> IgnoreFile:
    return parse_ignorefile(Source(PurePosixPath(".dockerignore"), "\n".join(patterns)))


def plant(root: Path, **sizes: int) -> Path:
    for path, size in sizes.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"x" * size)
    return root


def test_what_is_sent_and_what_is_not_add_up(tmp_path: Path) -> None:
    plant(
        tmp_path, **{"app/main.py": 10, ".git/objects/ab": 500, "data/a.csv": 70, "data/keep.csv": 5, "Dockerfile": 3}
    )

    measured = measure(tmp_path, ignoring(".git", "data", "!data/keep.csv"))

    assert [(file.path, file.bytes) for file in measured.sent] == [
        ("Dockerfile", 3),
        ("app/main.py", 10),
        ("data/keep.csv", 5),
    ]
    assert [file.path for file in measured.excluded] == ["data/a.csv"]
    assert measured.excluded_folders == (".git",)
    assert (measured.sent_bytes, measured.sent_files) == (18, 3)
    assert {weight.cause: weight.bytes for weight in measured.excluded_by_cause()} == {
        Cause.VERSION_CONTROL: 500,
        Cause.DATA: 70,
    }


def test_causes_are_told_heaviest_first_with_their_heaviest_files(tmp_path: Path) -> None:
    plant(tmp_path, **{f"tests/t{number}.py": number for number in range(1, 9)}, **{"a.py": 2, "b.ipynb": 900})

    weights = measure(tmp_path, None).by_cause()

    assert [(weight.cause, weight.bytes, weight.files) for weight in weights] == [
        (Cause.NOTEBOOKS, 900, 1),
        (Cause.TESTS, 36, 8),
        (Cause.PYTHON, 2, 1),
    ]
    assert [file.path for file in weights[1].heaviest] == [f"tests/t{number}.py" for number in (8, 7, 6, 5, 4)]


def test_a_virtual_environment_is_known_by_its_mark_whatever_its_name(tmp_path: Path) -> None:
    plant(tmp_path, **{"env39/pyvenv.cfg": 1, "env39/lib/certifi/cacert.pem": 200, "env39/lib/key.pem": 9})

    (weight,) = measure(tmp_path, None).by_cause()

    assert (weight.cause, weight.files) == (Cause.VIRTUAL_ENVIRONMENT, 3)


def test_files_docker_needs_are_sent_whatever_the_patterns_say(tmp_path: Path) -> None:
    plant(tmp_path, **{"docker/Dockerfile": 7, "docker/other": 1})

    measured = measure(tmp_path, ignoring("*"), always=frozenset({"docker/Dockerfile"}))

    assert [file.path for file in measured.sent] == ["docker/Dockerfile"]
    assert [file.path for file in measured.excluded] == ["docker/other"]


def test_links_weigh_nothing_and_are_not_followed(tmp_path: Path) -> None:
    plant(tmp_path, **{"a/b": 4})
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "proc").symlink_to("/proc")
    (tmp_path / "dangling").symlink_to("nowhere")

    assert {file.path: file.bytes for file in measure(tmp_path, None).sent} == {
        "a/b": 4,
        "dangling": 0,
        "loop": 0,
        "proc": 0,
    }


def test_fifos_and_sockets_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("here.sock")

        assert measure(tmp_path, None).sent == ()


def test_a_root_that_is_not_there_is_a_note(tmp_path: Path) -> None:
    measured = measure(tmp_path / "gone", None)

    assert (measured.sent, measured.notes) == ((), (".: no such file or directory",))


def test_a_folder_that_may_not_be_read_is_a_note(tmp_path: Path) -> None:
    plant(tmp_path, **{"open": 1, "shut/inside": 1})
    (tmp_path / "shut").chmod(0)
    told = (
        "import pathlib, sys; from careen.ignorefile.context import measure;"
        "found = measure(pathlib.Path(sys.argv[1]), None);"
        "print([file.path for file in found.sent], found.notes)"
    )

    done = run_as_ordinary([sys.executable, "-c", told, str(tmp_path)])

    (tmp_path / "shut").chmod(0o755)
    assert done.stdout == "['open'] ('shut/: permission denied',)\n", done.stderr


def test_a_context_without_end_is_looked_at_up_to_a_limit(tmp_path: Path) -> None:
    plant(tmp_path, **{f"f{number}": 1 for number in range(9)})

    measured = measure(tmp_path, None, most=4)

    assert len(measured.sent) == 4
    assert measured.notes == ("more than 4 files; the rest was not looked at",)


def test_names_that_are_not_text_are_files_too(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.py")).write_bytes(b"12")

    assert measure(tmp_path, ignoring("*.md")).sent_bytes == 2


def test_the_ignore_file_beside_the_dockerfile_comes_first() -> None:
    assert candidate_ignore_files(PurePosixPath(), PurePosixPath("docker/api.Dockerfile")) == (
        PurePosixPath("docker/api.Dockerfile.dockerignore"),
        PurePosixPath(".dockerignore"),
    )


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        (".git/config", Cause.VERSION_CONTROL),
        ("web/node_modules/a/README.md", Cause.NODE_MODULES),
        ("tests/node_modules/x.js", Cause.NODE_MODULES),
        ("src/app/__pycache__/a.pyc", Cause.CACHES),
        (".env", Cause.SECRETS),
        (".env.production", Cause.SECRETS),
        (".env.example", Cause.OTHER),
        ("deploy/id_rsa", Cause.SECRETS),
        ("certs/server.pem", Cause.SECRETS),
        ("certs/cacert.pem", Cause.OTHER),
        ("tests/fixtures/key.pem", Cause.TESTS),
        ("tests/.env", Cause.SECRETS),
        ("venv/lib/certifi/cacert.pem", Cause.VIRTUAL_ENVIRONMENT),
        ("src/shop/data/models.py", Cause.PYTHON),
        ("src/shop/build/engine.py", Cause.PYTHON),
        ("data/2024.bin", Cause.DATA),
        ("shop.egg-info/PKG-INFO", Cause.BUILD_ARTEFACTS),
        ("notes/plan.ipynb", Cause.NOTEBOOKS),
        ("README.md", Cause.OTHER),
        ("docs/logo.png", Cause.DOCUMENTATION),
        ("static/logo.png", Cause.MEDIA),
        (".github/workflows/ci.yml", Cause.EDITOR),
        ("pyproject.toml", Cause.OTHER),
    ],
)
def test_a_path_tells_what_kind_of_thing_it_is(path: str, cause: Cause) -> None:
    assert cause_of(path) is cause
