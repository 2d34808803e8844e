"""Where things stand in the file, and what is attached to an instruction."""

from pathlib import PurePosixPath

import pytest

from careen.dockerfile.parser import parse
from careen.dockerfile.tree import Dockerfile, Instruction
from careen.text.problems import SyntaxProblem
from careen.text.source import Source


def read(text: str) -> Dockerfile:
    return parse(Source(PurePosixPath("Dockerfile"), text))


def last(text: str) -> Instruction:
    return read(f"FROM alpine\n{text}").instructions[-1]


def test_lines_span_continuations_and_heredocs_and_leave_comments_in_front_alone() -> None:
    dockerfile = read(
        "# syntax=docker/dockerfile:1\n\n# about the base\nFROM alpine\n\nRUN a \\\n  # between\n\n  b\n"
        "RUN <<EOF\nx\nEOF\nCMD true\n"
    )

    assert [dockerfile.lines_of(instruction) for instruction in dockerfile.instructions] == [
        (4, 4),
        (6, 9),
        (10, 12),
        (13, 13),
    ]
    assert [comment.text for comment in dockerfile.comments] == [
        "# syntax=docker/dockerfile:1",
        "# about the base",
        "# between",
    ]


def test_an_offset_in_the_logical_line_leads_back_to_its_place_in_the_file() -> None:
    text = "FROM alpine\r\nRUN one \\\r\n# gone\r\n   two && \\\r\n three\r\n"
    instruction = read(text).instructions[1]
    line = instruction.line

    for word in ("one", "two", "three"):
        start = line.text.index(word)
        span = line.source_span(start, start + len(word))
        assert text[span.start : span.end] == word
    assert line.source_span(4, 4).start == text.index("one")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# escape=`\nFROM a", {"escape": "`"}),
        ("#Syntax = one/two:1 \n#  CHECK=skip=all\nFROM a", {"syntax": "one/two:1", "check": "skip=all"}),
        ("\ufeff# escape=`\nFROM a", {"escape": "`"}),
        ("  # escape=`\nFROM a", {"escape": "`"}),
        ("\n# escape=`\nFROM a", {}),
        ("# hello\n# escape=`\nFROM a", {}),
        ("# name=value\n# escape=`\nFROM a", {}),
        ("#!/usr/bin/env docker\n# escape=`\nFROM a", {}),
        ("FROM a\n# escape=`", {}),
        ("# escape=\nFROM a", {}),
    ],
)  # fmt: skip
def test_directives_count_only_in_front_of_everything(text: str, expected: dict[str, str]) -> None:
    dockerfile = read(text)

    assert {directive.name: directive.value for directive in dockerfile.directives} == expected
    assert dockerfile.escape == expected.get("escape", "\\")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RUN <<EOF\na\nEOF", [("EOF", "a\n", True, False, 0)]),
        ("RUN <<-EOF\n\ta\n\tEOF\n", [("EOF", "\ta\n", True, True, 0)]),
        ("RUN <<'EOF'\n$a\nEOF", [("EOF", "$a\n", False, False, 0)]),
        ('RUN <<-"E O F"\nE O F', [("E O F", "", False, True, 0)]),
        ("RUN <<E'O'F\nEOF", [("EOF", "", False, False, 0)]),
        ("RUN <<\\EOF\nEOF", [("EOF", "", True, False, 0)]),
        ("RUN 3<<EOF cat\nx\nEOF", [("EOF", "x\n", True, False, 3)]),
        (f"RUN {'9' * 30}<<EOF\nEOF", [("EOF", "", True, False, 2**64 - 1)]),
        ("RUN << EOF\nx\nEOF", [("EOF", "x\n", True, False, 0)]),
        ("RUN <<a <<-'b'\n1\na\n\t2\n\tb\n", [("a", "1\n", True, False, 0), ("b", "\t2\n", False, True, 0)]),
        ("COPY <<EOF /etc/x\r\none\r\nEOF\r\n", [("EOF", "one\r\n", True, False, 0)]),
        ("ADD <<a /x\n\n\na", [("a", "\n\n", True, False, 0)]),
        ("RUN <<$A\n$A", [("$A", "", True, False, 0)]),
        ("RUN echo '<<EOF'", []),
        ("RUN echo <<", []),
        ("RUN x=$((1<<2))", []),
        ("RUN cat <<<EOF", []),
        ('RUN ["cat", "<<EOF"]', []),
        ("CMD cat <<EOF", []),
        ("RUN cat <<EOF 'open", []),
        ("RUN cat <<a${}", []),
    ],
)
def test_heredocs(text: str, expected: list[tuple[str, str, bool, bool, int]]) -> None:
    found = [
        (heredoc.name, heredoc.content, heredoc.expand, heredoc.chomp, heredoc.descriptor)
        for heredoc in last(text).heredocs
    ]

    assert found == expected


def test_a_heredoc_gives_its_text_without_leading_tabs_when_asked_to() -> None:
    (heredoc,) = last("RUN <<-EOF\n\t\tif x; then\n\t  y\n\tEOF\n").heredocs

    assert heredoc.text == "if x; then\n  y\n"
    assert heredoc.content == "\t\tif x; then\n\t  y\n"


def test_a_heredoc_of_onbuild_belongs_to_the_instruction_inside() -> None:
    instruction = last("ONBUILD RUN <<EOF\nx\nEOF\n")

    assert instruction.onbuild is not None
    assert [heredoc.content for heredoc in instruction.onbuild.heredocs] == ["x\n"]


def test_a_line_may_have_65535_bytes_and_no_more() -> None:
    longest = "RUN " + "é" * ((65535 - 4) // 2) + "a"

    assert len(longest.encode()) == 65535
    assert last(longest + "\n").arguments == (longest[4:],)
    with pytest.raises(SyntaxProblem) as refusal:
        last(longest + "a\n")
    assert str(refusal.value) == "Dockerfile:2: dockerfile line greater than max allowed size of 65535"


def test_a_file_beyond_measure_is_refused_before_it_is_read() -> None:
    with pytest.raises(SyntaxProblem, match="larger than any Dockerfile"):
        read("FROM a\n" + "RUN true\n" * 1_200_000)


@pytest.mark.parametrize(
    ("flag", "name", "value"),
    [
        ("--from=builder", "from", "builder"),
        ('--chown="1000:10 00"', "chown", "1000:10 00"),
        ("--link", "link", None),
        ("--mount=a --mount=b", "mount", "b"),
    ],
)
def test_flags_lose_their_quotes_and_the_last_one_holds(flag: str, name: str, value: str | None) -> None:
    instruction = last(f"COPY {flag} x y")

    assert instruction.flag(name) == value
    assert instruction.arguments == ("x", "y")
    assert instruction.value == "x y"


def test_instructions_are_found_by_keyword_however_they_are_spelled() -> None:
    dockerfile = read("from a\nrun b\nUSER c\nRun d\n")

    assert [instruction.written_keyword for instruction in dockerfile.of("RUN", "USER")] == ["run", "USER", "Run"]
