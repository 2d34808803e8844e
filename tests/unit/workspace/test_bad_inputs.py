"""A repository that nobody should have: everything bad is told, and the rest is judged all the same."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.users import run_as_ordinary

GOOD = "services:\n  good:\n    build: ./good\n"


def scan(root: Path, *arguments: str) -> tuple[int, dict[str, list[dict[str, object]]], str]:
    done = subprocess.run(
        [sys.executable, "-m", "careen", "scan", str(root), "--format", "json", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "Dockerfile").write_text("FROM python:3.11\nRUN pip install flask\nCMD flask run\n")
    (tmp_path / "compose.yaml").write_text(GOOD)
    return tmp_path


def check(root: Path, path: str, words: str, line: int = 1) -> None:
    """``path`` is told with ``words``, and the good service is judged."""
    _, found, _ = scan(root)

    told = [(item["path"], item["line"], str(item["message"])) for item in found["unreadable"]]
    assert any(where == path and at == line and words in message for where, at, message in told), told
    assert "good" in {service["name"] for service in found["services"]}
    assert any(finding["path"] == "good/Dockerfile" for finding in found["findings"])


@pytest.mark.parametrize(
    ("data", "words", "line"),
    [
        (b"\x7fELF\x02\x01\x01\x00\x00\xff\xfe" * 50, "not UTF-8", 1),
        (b"FROM a\nRUN \xe9t\xe9\n", "not UTF-8", 2),
        (b"\0" * 1000, "unknown instruction", 1),
        (b"FROM a\n" + b"RUN true\n" * 1_200_000, "larger than any Dockerfile", 1),
        (b"FROM a\nRUN " + b"x" * 10_000_000, "larger than any Dockerfile", 1),
        (b"FROM a\n" * 2000, "more than 500 stages", 501),
        (b"FROM a\n" + b"RUN true\n" * 10_000, "more than 5000 instructions", 5001),
        (b"FROM a\nRUN a" + b" \\\n" * 1_000_000, "larger than any Dockerfile", 1),
        (b"FROM a\nRUN echo " + b"$((" * 100_000, "line greater than max allowed size", 2),
        (b"FROM a\nRUN <<EOF\n" + b"echo a\n" * 1_300_000 + b"EOF\n", "larger than any Dockerfile", 1),
        (b"", "no instructions", 1),
        (b"FROM a\nCOPPY b c\n", "unknown instruction: COPPY", 2),
        (b"FROM a\nRUN <<EOF\n", "unterminated heredoc", 2),
    ],
    ids=[
        "binary",
        "latin-1",
        "zeros",
        "10 MB",
        "10 MB in a line",
        "stages",
        "instructions",
        "continuations",
        "deep",
        "long heredoc",
        "empty",
        "misspelt",
        "heredoc",
    ],
)
def test_dockerfiles(root: Path, data: bytes, words: str, line: int) -> None:
    (root / "bad").mkdir()
    (root / "bad" / "Dockerfile").write_bytes(data)
    (root / "compose.yaml").write_text(GOOD + "  bad:\n    build: ./bad\n")

    check(root, "bad/Dockerfile", words, line)


def test_stages_and_copies_in_a_circle(root: Path) -> None:
    (root / "good" / "Dockerfile").write_text(
        "FROM two AS one\nCOPY --from=two /a /a\nFROM one AS two\nCOPY --from=two /b /b\nCOPY --from=one /c /c\n"
    )

    assert scan(root)[0] in {0, 1, 2}


@pytest.mark.parametrize(
    ("data", "words", "line"),
    [
        (b"services: [\n", "not YAML", 2),
        (b"\xff\xfe\x00s", "not UTF-8", 1),
        (b"services:\n  a:\n    image: \xe9\n", "not UTF-8", 3),
        (b"x" * 2_000_000, "larger than any compose file", 1),
        (b"a: " + b"[" * 5_000 + b"]" * 5_000, "nested more than 100 deep", 1),
        (b"services:\n" + b"".join(b"  s%d: {}\n" % number for number in range(2000)), "more than 1000 services", 1002),
        (b"- a\n", "is a mapping", 1),
        (b"a: &x [*x]\n", "holds itself", 1),
    ],
    ids=["open", "binary", "latin-1", "2 MB", "deep", "services", "list", "itself"],
)
def test_compose_files(root: Path, data: bytes, words: str, line: int) -> None:
    (root / "compose.yaml").write_bytes(data)

    _, found, _ = scan(root)

    assert [(item["path"], item["line"]) for item in found["unreadable"]] == [("compose.yaml", line)]
    assert words in str(found["unreadable"][0]["message"])
    assert any(finding["path"] == "good/Dockerfile" for finding in found["findings"])


def test_bombs_and_circles_in_compose_are_notes(root: Path) -> None:
    bomb = "x0: &a0 {k: v}\n" + "".join(f"x{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
    (root / "other.yaml").write_text(
        "include: [compose.yaml]\nservices: {x: {extends: {file: compose.yaml, service: a}}}\n"
    )
    (root / "compose.yaml").write_text(
        bomb
        + "include: [other.yaml]\n"
        + GOOD
        + "    labels: *a39\n  a: {extends: b}\n  b: {extends: {file: other.yaml, service: x}}\n"
    )

    _, found, told = scan(root)

    assert "circle" in told
    assert any(finding["path"] == "good/Dockerfile" for finding in found["findings"])


def test_links_in_a_circle_and_out_of_the_tree(root: Path) -> None:
    (root / "loop").symlink_to("loop")
    (root / "good" / "again").symlink_to("..")
    (root / "bad").mkdir()
    (root / "bad" / "Dockerfile").symlink_to("/etc/passwd")
    (root / "round").mkdir()
    (root / "round" / "Dockerfile").symlink_to("Dockerfile")
    (root / "compose.yaml").write_text(
        GOOD + "  bad: {build: ./bad}\n  round: {build: ./round}\n  up: {build: ../..}\n  abs: {build: /etc}\n"
        "  loop: {build: ./loop}\n"
    )

    _, found, _ = scan(root)

    messages = " ".join(str(item["message"]) for item in found["unreadable"])
    assert "lies outside the project" in messages
    assert "circle" in messages
    assert "passwd" not in json.dumps(found["findings"])
    assert any(finding["path"] == "good/Dockerfile" for finding in found["findings"])


def test_devices_fifos_and_folders_in_the_place_of_files(root: Path) -> None:
    os.mkfifo(root / "good" / ".dockerignore")
    (root / "bad" / "Dockerfile").mkdir(parents=True)
    os.mkfifo(root / "pipe.Dockerfile")
    os.mknod(root / "socket.Dockerfile", stat.S_IFSOCK | 0o600)
    (root / "compose.yaml").write_text(
        GOOD + "  bad: {build: ./bad}\n  pipe: {build: {context: ., dockerfile: pipe.Dockerfile}}\n"
        "  socket: {build: {context: ., dockerfile: socket.Dockerfile}}\n"
    )

    check(root, "compose.yaml", "not a regular file", 4)
    check(root, "compose.yaml", "not a regular file", 5)
    check(root, "compose.yaml", "socket.Dockerfile", 6)


def test_folders_that_may_not_be_read(root: Path) -> None:
    secret = root / "good" / "secret"
    secret.mkdir(mode=0o000)
    (root / "closed").mkdir()
    (root / "closed" / "Dockerfile").write_text("FROM a\n")
    (root / "closed").chmod(0o000)
    (root / "compose.yaml").write_text(GOOD + "  closed: {build: ./closed}\n")
    try:
        done = run_as_ordinary([sys.executable, "-m", "careen", "scan", str(root), "--format", "json"])
    finally:
        (root / "closed").chmod(0o755)
        secret.chmod(0o755)
    found = json.loads(done.stdout)
    told = [(item["path"], item["line"], item["message"]) for item in found["unreadable"]]
    assert told == [("compose.yaml", 4, "closed/Dockerfile: permission denied")]
    assert any(finding["path"] == "good/Dockerfile" for finding in found["findings"])
    assert "note: closed/: not looked into: permission denied" in done.stderr


@pytest.mark.parametrize(
    ("text", "words", "line"), [("[\n", "syntax error in pattern", 1), ("a\n!\n", "illegal exclusion", 2)]
)
def test_ignore_files(root: Path, text: str, words: str, line: int) -> None:
    (root / "good" / ".dockerignore").write_text(text)

    check(root, "good/.dockerignore", words, line)


def test_names_that_are_no_text(root: Path) -> None:
    place = os.fsencode(root / "good") + b"/\xff\xfe"
    with open(place, "wb") as file:  # noqa: PTH123 - a name that is no text
        file.write(b"x" * 200_000)
    (root / "good" / "Dockerfile").write_text("FROM python:3.11\nCOPY . /app\n")

    assert scan(root)[0] in {0, 1}
    listed = subprocess.run(
        [sys.executable, "-m", "careen", "context", str(root), "--list"], capture_output=True, check=False, timeout=60
    )
    assert b"\xff\xfe\n" in listed.stdout


def test_empty_lines_without_end_are_passed_over_once(root: Path) -> None:
    """A file that might be a compose file by what is in it; each empty line could be tried with the next or alone."""
    (root / "docker").mkdir()
    (root / "docker" / "Dockerfile").write_text("FROM python:3.11\n")
    (root / "docker" / "default.yml").write_text("services:\n" + "\n" * 200 + "none\n")

    _, found, _ = scan(root)

    assert "good" in {service["name"] for service in found["services"]}


def test_a_compose_file_that_is_a_link_out_of_the_project_is_told_of(root: Path) -> None:
    (root / "compose.yaml").unlink(missing_ok=True)
    (root / "compose.yaml").symlink_to("/etc/hostname")

    _, _, told = scan(root)

    assert "compose.yaml: not read: it is a link out of the project" in told
