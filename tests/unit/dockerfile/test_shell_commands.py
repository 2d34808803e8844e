"""Commands are found wherever a shell would run them, with the words that it would see."""

from pathlib import PurePosixPath

import pytest

from careen.dockerfile.parser import parse
from careen.dockerfile.shell import Command, commands_of, commands_of_run
from careen.text.source import Source


def run(text: str, shell: tuple[str, ...] = (), **variables: str) -> tuple[Command, ...]:
    dockerfile = parse(Source(PurePosixPath("Dockerfile"), f"FROM a\n{text}"))
    return commands_of_run(dockerfile.instructions[-1], variables, shell=shell)


def words(commands: tuple[Command, ...]) -> list[str]:
    return [" ".join(command.argv) for command in commands]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a && b || c; d", ["a", "b", "c", "d"]),
        ("set -eux; apt-get update; rm -rf /x", ["set -eux", "apt-get update", "rm -rf /x"]),
        ("(cd /x && make) && { make install; }", ["cd /x", "make", "make install"]),
        ("if test -f x; then a; elif b; then c; else d; fi", ["test -f x", "a", "b", "c", "d"]),
        ("case $x in a) one;; *) two;; esac", ["one", "two"]),
        ("while read x; do use $x; done", ["read x", "use $x"]),
        ("f() { inner; }; f", ["inner", "f"]),
        ("! a | b | c", ["a", "b", "c"]),
        ("a \\\n  # gone\n  && b", ["a", "b"]),
        ("sh -c 'a && b'", ["a", "b"]),
        ("/bin/bash -euo pipefail -c \"a 'x y'; b\"", ["a x y", "b"]),
        ("bash -lc a", ["a"]),
        ("eval 'apt-get install x'", ["apt-get install x"]),
        ("exec a", ["a"]),
        ("sudo -E -u app A=b pip install x", ["pip install x"]),
        ("time -p make && command make x", ["make", "make x"]),
        ("command -v uv", ["command -v uv"]),
        ("X=1 Y=2 a", ["a"]),
        ("curl x | sh -s -- --yes", ["curl x", "sh -s -- --yes"]),
        ("a $(b $(c))", ["c", "b $(c)", "a $(b $(c))"]),
        ("x=`date` a", ["date", "a"]),
        ("diff <(a) <(b)", ["a", "b", "diff <(a) <(b)"]),
        ('bash -c "$(curl -fsSL https://x.example)"', ["curl -fsSL https://x.example", 'bash -c "$(curl -fsSL https://x.example)"']),
        ("a > /dev/null 2>&1 && b", ["a", "b"]),
        ("pip install 'a>=1' \"b[c]\" d~=2", ["pip install a>=1 b[c] d~=2"]),
        ("echo é ü && b", ["echo é ü", "b"]),
        ("", []),
        ("# nothing", []),
        ("[ -f x ] && a", ["a"]),
    ],
)  # fmt: skip
def test_commands_in_the_order_of_the_text(text: str, expected: list[str]) -> None:
    assert words(run(f"RUN {text}")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('P="gcc make"; apt-get install $P "$P"', ["apt-get", "install", "gcc", "make", "gcc make"]),
        ("export V=1.2; pip install uv==$V", ["pip", "install", "uv==1.2"]),
        ("pip install $KNOWN ${KNOWN:+extra} $EMPTY x", ["pip", "install", "a", "b", "extra", "x"]),
        ("pip install ${MISSING:-default}", ["pip", "install", "default"]),
        ("for p in one two; do pip install $p; done", ["pip", "install", "one", "two"]),
        ("pip install '$KNOWN' \\$KNOWN", ["pip", "install", "$KNOWN", "$KNOWN"]),
        ("a $'x\\ty'", ["a", "x\ty"]),
        ("a ${KNOWN%% *}.txt", ["a", "a.txt"]),
    ],
)
def test_variables_with_known_values_are_put_in(text: str, expected: list[str]) -> None:
    command = run(f"RUN {text}", KNOWN="a b", EMPTY="")[-1]

    assert list(command.argv) == expected
    assert not command.unknown


@pytest.mark.parametrize(
    ("text", "last", "unknown"),
    [
        ("a $MISSING", "$MISSING", {"MISSING"}),
        ('a "$MISSING x"', "$MISSING x", {"MISSING"}),
        ("if x; then P=1; else P=2; fi; a $P", "$P", {"P"}),
        ("P=$(date); a $P", "$P", {"P"}),
        ("for p in $MISSING; do a $p; done", "$p", {"p"}),
        ("for p; do a $p; done", "$p", {"p"}),
        ("a $(date)", "$(date)", {"$(date)"}),
        ("a ${x^^}", "${x^^}", {"${x^^}"}),
        ('a "$@"', "$@", {"@"}),
        ("P=known; unset P; P=$MISSING; a $P", "$P", {"P"}),
    ],
)
def test_what_is_not_known_stays_as_written_and_is_marked(text: str, last: str, unknown: set[str]) -> None:
    command = run(f"RUN {text}")[-1]

    assert command.argv == ("a", last)
    assert command.unknown == unknown


def test_a_remark_between_words_ends_no_command() -> None:
    text = "RUN apt-get install a `# for b (c)` d && rm -rf /x"
    install, removal = run(text)
    assert install.argv == ("apt-get", "install", "a", "d")
    assert removal.argv == ("rm", "-rf", "/x")
    assert text[removal.start : removal.end] == "rm -rf /x"


def test_offsets_are_those_of_the_logical_line() -> None:
    text = "RUN --mount=type=cache,target=/x \\\n  é=1 && pip install \\\n    uv && rm -rf /x\n"
    dockerfile = parse(Source(PurePosixPath("Dockerfile"), f"FROM a\n{text}"))
    instruction = dockerfile.instructions[-1]
    pip, remove = commands_of_run(instruction, {})[-2:]

    assert instruction.line.text[remove.start : remove.end] == "rm -rf /x"
    span = instruction.line.source_span(pip.start, pip.end)
    assert dockerfile.source.slice(span) == "pip install \\\n    uv"


def test_how_a_command_stands_among_the_others() -> None:
    first, second, third, fourth = run("RUN a & if b; then c | d > /out 2>>/log; fi")

    assert (first.background, first.piped, first.conditional, first.last) == (True, False, False, False)
    assert second.conditional
    assert third.piped
    assert not third.redirects
    assert (fourth.piped, fourth.redirects, fourth.last) == (True, ("/out", "/log"), True)


def test_a_redirect_belongs_to_the_last_command_of_its_list() -> None:
    assert [command.redirects for command in run("RUN a && b > x")] == [(), ("x",)]


def test_exec_and_assignments_are_kept() -> None:
    (command,) = run("RUN A=1 exec -a name sudo B=2 c")

    assert (command.argv, command.execs, command.assignments) == (("c",), True, (("A", "1"), ("B", "2")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RUN <<EOF\nset -e\napt-get update\npip install x\nEOF", ["set -e", "apt-get update", "pip install x"]),
        ("RUN <<-'EOF'\n\tif a; then\n\t  b $C\n\tfi\n\tEOF", ["a", "b $C"]),
        ("RUN <<EOF\n#!/bin/sh -e\na\nEOF", ["a"]),
        ("RUN <<EOF\n#!/usr/bin/env -S bash -e\na\nEOF", ["a"]),
        ("RUN <<EOF\n#!/usr/bin/env python3\nimport os\nEOF", []),
        ("RUN python3 <<EOF\nimport os\nEOF", ["python3"]),
        ("RUN <<EOF bash -eo pipefail\na\nEOF", ["bash -eo pipefail", "a"]),
        ("RUN bash <<EOF\na\nEOF", ["bash", "a"]),
        ("RUN bash script.sh <<EOF\na\nEOF", ["bash script.sh"]),
        ("RUN cat <<EOF > /x && sh <<'E2' && c\ntext\nEOF\na\nb\nE2", ["cat", "sh", "a", "b", "c"]),
        ("RUN bash <<EOF\nsh <<E2\na\nE2\nEOF", ["bash", "sh", "a"]),
        ("RUN <<one cat && <<two sh\nx\none\na\ntwo", ["cat", "sh", "a"]),
        ("RUN x=$((1<<2)) && a", ["a"]),
    ],
)
def test_heredocs_are_read_as_commands_where_a_shell_reads_them(text: str, expected: list[str]) -> None:
    assert words(run(text)) == expected


def test_a_command_of_a_heredoc_has_the_place_of_the_whole_line() -> None:
    (command,) = run("RUN <<EOF\na\nEOF")

    assert (command.start, command.end) == (0, len("RUN <<EOF"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('RUN ["pip", "install", "a b"]', [("pip", "install", "a b")]),
        ('RUN ["/bin/sh", "-c", "a && b"]', [("a",), ("b",)]),
        ('CMD ["python", "-m", "app"]', [("python", "-m", "app")]),
        ("CMD exec python -m app", [("python", "-m", "app")]),
        ("ENTRYPOINT []", []),
        ("HEALTHCHECK --interval=5s CMD  curl -f x || exit 1", [("curl", "-f", "x"), ("exit", "1")]),
        ('HEALTHCHECK CMD ["true"]', [("true",)]),
        ("HEALTHCHECK NONE", []),
    ],
)
def test_every_instruction_that_runs_something(text: str, expected: list[tuple[str, ...]]) -> None:
    assert [command.argv for command in run(text)] == expected


@pytest.mark.parametrize(
    ("shell", "count"),
    [
        (("/bin/bash", "-o", "pipefail", "-c"), 2),
        (("conda", "run", "-n", "env", "/bin/bash", "-c"), 2),
        (("/usr/local/bin/_dockerfile_shell.sh",), 2),
        (("powershell", "-Command"), 0),
        (("C:\\Windows\\System32\\cmd.exe", "/S", "/C"), 0),
        (("python3.11", "-c"), 0),
        ((), 2),
    ],
)
def test_only_what_a_shell_reads_has_commands(shell: tuple[str, ...], count: int) -> None:
    assert len(run("RUN a && b", shell)) == count


def test_a_script_keeps_its_heredocs_to_itself() -> None:
    script = (
        "#!/bin/sh\nset -e\ncat > /etc/x <<EOF\napt-get install not-run\nEOF\n"
        "cat <<-'A' | tee y\n\tnot 'run\n\tA\nexec gunicorn app\n"
    )

    assert words(commands_of(script)) == ["set -e", "cat", "cat", "tee y", "gunicorn app"]


@pytest.mark.parametrize(
    "text",
    ["(" * 20_000, "$(" * 20_000, '"' * 20_001, "cat <<A\n" * 5_000, "if " * 20_000, "\0" * 20_000, "a{b," * 10_000,
     "sh -c " * 5_000, "A=xxxxxxxx;" + "A=$A$A;" * 60, "<<A " * 5_000, "'" * 5_001, "eval " * 5_000],
    ids=range(12),
)  # fmt: skip
def test_hostile_texts_are_read_somehow(text: str) -> None:
    assert len(commands_of(text)) < 6_000
