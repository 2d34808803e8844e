"""Records of strace, and the files they speak of."""

import pytest

from careen.plan.traces import TraceFormatError, parse_traces, render_traces
from careen.prove.tracing import touched_paths


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ('openat(AT_FDCWD</app>, "/usr/lib/a.py", O_RDONLY|O_CLOEXEC) = 3</usr/lib/a.py>', "/usr/lib/a.py"),
        ('openat(AT_FDCWD</srv>, "a.py", O_RDONLY) = 3</srv/a.py>', "/srv/a.py"),
        ('newfstatat(5</usr/lib>, "b", {st_mode=S_IFREG|0644}, 0) = 0', "/usr/lib/b"),
        ('access("/etc/ld.so.preload", R_OK) = 0', "/etc/ld.so.preload"),
        ('readlink("here", "there", 4095) = 5', "/app/here"),
        ('execve("/usr/bin/python3.11", ["python"], 0x7ffe /* 3 vars */) = 0', "/usr/bin/python3.11"),
        ("getdents64(4</usr/lib/python3.11>, 0x55 /* 9 entries */, 32768) = 288", "/usr/lib/python3.11"),
        (r'openat(AT_FDCWD</app>, "/data/\303\244\" \\.txt", O_RDONLY) = 3', '/data/ä" \\.txt'),
    ],
)
def test_a_call_tells_its_path(line: str, path: str) -> None:
    assert list(touched_paths([line], "/app")) == [path]


@pytest.mark.parametrize("line", ["getcwd() = 5", "+++ exited with 0 +++", ""])
def test_other_lines_tell_none(line: str) -> None:
    assert list(touched_paths([line], "/app")) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"schema": "careen.trace/2", "services": {}}',
        '{"schema": "careen.trace/1", "services": {"api": ["relative"]}}',
        '{"schema": "careen.trace/1", "services": {"api": ["/a/../b"]}}',
        '{"schema": "careen.trace/1", "services": {"api": [7]}}',
    ],
)
def test_what_is_no_trace_is_refused(text: str) -> None:
    with pytest.raises(TraceFormatError):
        parse_traces(text.encode())


def test_a_trace_is_written_sorted() -> None:
    traces = parse_traces(b'{"schema": "careen.trace/1", "services": {"b": ["/z", "/a"], "a": []}}')
    assert [trace.service for trace in traces] == ["a", "b"]
    assert render_traces(traces).index(b'"/a"') < render_traces(traces).index(b'"/z"')
