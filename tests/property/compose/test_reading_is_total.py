"""Any text is a project or a SyntaxProblem, and its nodes stand where they say."""

from pathlib import PurePosixPath

from hypothesis import given, settings
from hypothesis import strategies as st

from careen.compose.document import YamlMapping, YamlNode, YamlScalar, YamlSequence, read_compose
from careen.compose.env_file import read_env_file
from careen.compose.interpolate import interpolate
from careen.compose.load import load_project
from careen.text.problems import SyntaxProblem
from careen.text.source import Source

_KEYS = [
    "services", "api", "db", "build", "image", "command", "environment", "volumes", "ports", "extends", "include", "<<",
    "deploy", "resources", "limits", "healthcheck", "test", "depends_on", "x-a", "file", "service", "path",
]  # fmt: skip
_VALUES = [
    "a", "'b c'", '"d"', "[a, b]", "{k: v}", "*x", "&x", "&x {a: b}", "!reset null", "!override [a]", "|\n      t",
    "{{ v }}", "{% if a %}", "$A", "${B:-c}", "80:80", "./a:/b", "~", "[", "}", "# c", "- a", "\t", "compose.yaml",
]  # fmt: skip


@st.composite
def composes(draw: st.DrawFn) -> str:
    lines = []
    for _ in range(draw(st.integers(0, 12))):
        indent = "  " * draw(st.integers(0, 4))
        dash = draw(st.sampled_from(["", "", "", "- "]))
        key = draw(st.sampled_from(_KEYS))
        lines.append(f"{indent}{dash}{key}: {draw(st.sampled_from(['', *_VALUES]))}")
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines)


def _nodes(node: YamlNode, depth: int = 0) -> list[YamlNode]:
    found = [node]
    if depth < 8:
        children = (
            [entry.value for entry in node] if isinstance(node, YamlMapping)
            else list(node.items) if isinstance(node, YamlSequence) else []
        )  # fmt: skip
        for child in children[:10]:
            found += _nodes(child, depth + 1)
    return found


def check(text: str) -> None:
    source = Source(PurePosixPath("compose.yaml"), text)
    try:
        project = load_project([source.path], lambda _: source, variables={"A": "1"}, folder_name="x")
    except SyntaxProblem as problem:
        assert 1 <= problem.line <= source.line_count + 1  # noqa: PT017 - one of two right answers
        return
    assert project.documents[0].source is source
    for node in _nodes(read_compose(source).root):
        assert 0 <= node.span.start <= node.span.end <= len(text)
        if isinstance(node, YamlScalar) and node.plain and node.text and "\n" not in node.text:
            assert node.text in source.slice(node.span)


@given(composes())
@settings(max_examples=150, deadline=None)
def test_texts_that_look_like_compose_files(text: str) -> None:
    check(text)


@given(st.text(max_size=80))
@settings(max_examples=100, deadline=None)
def test_any_text(text: str) -> None:
    check(text)


@given(st.text(alphabet="aB${}:-+?\"'\\\n= #", max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_interpolates_and_is_some_env_file(text: str) -> None:
    interpolate(text, {"a": "x$y", "B": ""})
    read_env_file(text, {"a": "x"})
