"""Whatever the text: a tree that renders to it and has sound places, or a SyntaxProblem, and nothing else."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careen.dockerfile.dump import dump
from careen.dockerfile.instructions import problems_of
from careen.dockerfile.parser import parse
from careen.dockerfile.stages import stages_of
from careen.dockerfile.tree import render
from careen.dockerfile.words import LONGEST_VALUE, expand
from careen.text.problems import SyntaxProblem
from careen.text.source import Source, UndecodableError

_KEYWORDS = [
    "FROM", "RUN", "COPY", "ADD", "CMD", "ENTRYPOINT", "ENV", "LABEL", "ARG", "HEALTHCHECK", "ONBUILD", "SHELL", "USER",
    "WORKDIR", "EXPOSE", "VOLUME", "STOPSIGNAL", "MAINTAINER", "from", "Run", "FOO",
]  # fmt: skip
_WORDS = [
    "a", "b=c", '"x y"', "'q'", "\\", "`", "$A", "${B:-d}", "${", "--from=a", "--link", "--", "--mount=type=cache", '"',
    "'", '["a", "b"]', "[1]", "[", "<<EOF", "<<-'EOF'", "3<<EOF", "<<", "EOF", "#", "# c", "=", "\u00e9", "\u00a0",
    "\u2028", "\x00", "\x1c", "AS", "CMD", "NONE", "--interval=5s", "\ufeff",
]  # fmt: skip
_GAPS = [" ", " ", "\t", "", "\\\n", " \\\n", "`\n", "\\\n# c\n", "\\\n\n", " \\\r\n", "\v"]
_ENDS = ["\n", "\n", "\r\n", "\n\n", "\n# c\n", "\nEOF\n", "\n\tEOF\n", "\r", ""]
_HEADS = ["", "", "# escape=`\n", "#syntax=a\n", "# check=skip=all\n", "\ufeff", "\n", "# c\n"]


@st.composite
def dockerfiles(draw: st.DrawFn) -> str:
    parts = draw(st.lists(st.sampled_from(_HEADS), max_size=3))
    for _ in range(draw(st.integers(1, 4))):
        parts.append(draw(st.sampled_from(_KEYWORDS)))
        for word in draw(st.lists(st.sampled_from(_WORDS), max_size=5)):
            parts += (draw(st.sampled_from(_GAPS)), word)
        parts.append(draw(st.sampled_from(_ENDS)))
    return "".join(parts)


def check(text: str) -> None:
    source = Source(PurePosixPath("Dockerfile"), text)
    try:
        dockerfile = parse(source)
    except SyntaxProblem as problem:
        assert 1 <= problem.line <= source.line_count  # noqa: PT017 - a problem is one of two right answers
        return
    assert render(dockerfile) == text
    end = 0
    for instruction in dockerfile.instructions:
        assert end <= instruction.span.start <= instruction.span.end <= len(text)
        end = instruction.span.end
        line = instruction.line
        for offset, char in enumerate(line.text):
            assert text[line.source_offset(offset)] == char
        assert instruction.arguments_start <= len(line.text)
        for heredoc in (instruction.onbuild or instruction).heredocs:
            assert source.slice(heredoc.span) == heredoc.content
    dump(dockerfile)
    problems_of(dockerfile)
    graph = stages_of(dockerfile)
    for stage in graph.stages:
        graph.environment(stage)
        graph.dependencies(stage)


@given(dockerfiles())
@settings(max_examples=300, deadline=None)
def test_texts_that_look_like_dockerfiles(text: str) -> None:
    check(text)


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text(text: str) -> None:
    check(text)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes(data: bytes) -> None:
    try:
        source = Source.decode(PurePosixPath("Dockerfile"), data)
    except UndecodableError:
        return
    check(source.text)


@given(
    st.text(alphabet="aB$_{}:-+?#%/\\`\"'<> \t*01", max_size=40),
    st.dictionaries(st.sampled_from(["a", "B", "aB", "_"]), st.text(max_size=20)),
    st.sampled_from("\\`"),
)
@settings(max_examples=400, deadline=None)
def test_any_text_expands_or_is_refused_in_words(text: str, variables: dict[str, str], escape: str) -> None:
    found = expand(text, variables, escape=escape)

    assert len(found.text) <= max(LONGEST_VALUE, len(text))
    assert found.problem is None or found.text == text


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\nRUN a \\\n" + "\\\n" * 100_000 + " b\n",
        "FROM a\nRUN " + " && \\\n  apt-get install -y x" * 20_000,
        "FROM a\nENV " + 'a="" ' * 13_000 + "\n",
        "FROM a\nENV A=" + "${A:-" * 10_000 + "}" * 10_000 + "\n",
        "FROM a\nRUN " + "<<A " * 10_000 + "\n" + "A\n" * 10_000,
        "FROM a\nRUN <<EOF\n" + "x\n" * 100_000,
        "FROM a\nCMD " + "[" * 30_000 + "]" * 30_000,
        "FROM " + "${" * 30_000,
        "FROM a\n" + "ONBUILD " * 8_000,
        "# c\n" * 50_000,
        "FROM a\nHEALTHCHECK --interval=" + "9" * 60_000 + "s CMD a",
        "FROM a\nHEALTHCHECK --retries=" + "9" * 60_000 + " CMD a",
        "FROM a\nRUN --mount=" + '\\"' * 20_000 + " a",
    ],
    ids=[
        "continuations", "long RUN", "pairs", "nested braces", "heredocs", "open heredoc", "nested JSON", "open braces",
        "ONBUILD", "comments", "interval", "retries", "quotes in a mount",
    ],
)  # fmt: skip
def test_hostile_texts_end_soon(text: str) -> None:
    try:
        dockerfile = parse(Source(PurePosixPath("Dockerfile"), text))
    except SyntaxProblem:
        return
    assert render(dockerfile) == text
    problems_of(dockerfile)
    for stage in stages_of(dockerfile).stages:
        stages_of(dockerfile).environment(stage)
