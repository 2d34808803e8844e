"""Whatever the kernel, a container or a file says: a value, or the reader's own error."""

import json
import socket
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from careen.plan.traces import TraceFormatError, parse_traces, render_traces
from careen.prove import flower
from careen.prove.groups import read_numbers
from careen.prove.in_flight.requests import Answer, read_answer
from careen.prove.instruments import read_untrusted_object
from careen.prove.tracing import touched_paths

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.text())
def test_counters_are_numbers_by_name(text: str) -> None:
    assert all(number >= 0 for number in read_numbers(text).values())


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), st.integers(0, 2**64)))
def test_counters_are_read_as_they_are_written(counters: dict[str, int]) -> None:
    assert read_numbers("".join(f"{name} {number}\n" for name, number in counters.items())) == counters


@given(st.binary(max_size=2000))
def test_an_answer_is_whole_or_has_a_complaint(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(data)
        answer = read_answer(ours, 1)
    assert isinstance(answer, Answer)
    assert (answer.status is None) == bool(answer.complaint)


@given(st.binary(max_size=400) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_what_a_container_writes_is_an_object_or_nothing(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "mark")
        place.write_bytes(data)
        found = read_untrusted_object(place)
    assert found is None or isinstance(found, dict)


@given(st.binary(max_size=400) | _JSON.map(lambda value: json.dumps({"data": value}).encode()))
def test_flowers_list_is_counted_or_complained_of(data: bytes) -> None:
    alive, complaint = flower.workers_alive(200, data)
    assert (alive < 0) == bool(complaint)


@given(st.lists(st.text(max_size=80), max_size=20))
def test_every_record_gives_absolute_paths(lines: list[str]) -> None:
    assert all(isinstance(path, str) for path in touched_paths(lines, "/app"))


@given(st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_a_trace_is_read_or_refused(data: bytes) -> None:
    try:
        traces = parse_traces(data)
    except TraceFormatError:
        return
    assert parse_traces(render_traces(traces)) == traces
