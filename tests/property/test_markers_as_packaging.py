"""Markers mean what the ``packaging`` library says they mean, and any text is a marker or a MarkerError."""

from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker

from careen.python.markers import MarkerError, holds, parse_marker
from fakes.locks import environment

VERSIONS = st.sampled_from(
    ["3", "3.9", "3.10", "3.11", "3.11.0", "3.11.2", "3.11.10", "3.12", "4", "3.12.0a1", "3.11.2.post1"]
)
OPERATORS = st.sampled_from(["<", "<=", "==", "!=", ">=", ">", "~="])


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    if draw(st.booleans()):
        name = draw(st.sampled_from(["python_version", "python_full_version"]))
        operator, version = draw(OPERATORS), draw(VERSIONS)
        if operator == "~=" and "." not in version:
            version = "3.0"
        if operator in {"==", "!="} and draw(st.booleans()) and version.replace(".", "").isdigit():
            version += ".*"
        return f"{name} {operator} '{version}'"
    name = draw(st.sampled_from(["sys_platform", "platform_machine", "os_name", "platform_system"]))
    value = draw(st.sampled_from(["linux", "x86_64", "posix", "Linux", "win32", "aarch64"]))
    return f"{name} {draw(st.sampled_from(['==', '!=', 'in', 'not in']))} '{value}'"


MARKERS = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join), inner.map(lambda text: f"({text})")
    ),
    max_leaves=6,
)


@given(MARKERS)
def test_the_answer_is_that_of_packaging(text: str) -> None:
    values = environment(11, 2).values

    assert holds(parse_marker(text), values) is Marker(text).evaluate({**values, "extra": ""})


@given(st.text(max_size=80))
def test_any_text_is_a_marker_or_an_error(text: str) -> None:
    try:
        holds(parse_marker(text), environment().values)
    except MarkerError:
        return
