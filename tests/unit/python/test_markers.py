import pytest

from careen.python.markers import Active, MarkerError, holds, parse_marker
from fakes.locks import environment

VALUES = environment(11, 2).values


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ("python_version >= '3.11'", True),
        ("python_version < '3.11'", False),
        ("python_version > '3.9'", True),  # versions, not texts
        ("'3.12' > python_version", True),
        ("python_full_version < '3.11.3'", True),
        ("python_full_version < '3.11.2'", False),
        ("python_full_version == '3.11.*'", True),
        ("python_full_version != '3.11.*'", False),
        ("python_full_version ~= '3.11.1'", True),
        ("python_full_version ~= '3.12.0'", False),
        ("python_version == '3.11.0'", True),  # zeros at the end do not count
        ("python_version in '3.10, 3.11'", True),
        ("python_version not in '3.1 3.12'", True),
        ("sys_platform == 'linux' and platform_machine == 'x86_64'", True),
        ("sys_platform == 'win32' or os_name == 'posix'", True),
        ("sys_platform == 'win32' and os_name == 'posix' or python_version == '3.11'", True),
        ("sys_platform == 'win32' and (os_name == 'posix' or python_version == '3.11')", False),
        ("'linux' in sys_platform", True),
        ("os.name == 'posix'", True),
        ("platform.python_implementation != 'PyPy'", True),
        ("implementation_name == 'cpython'", True),
        ("extra == 'redis'", False),
    ],
)
def test_a_marker_is_answered_for_the_target(marker: str, expected: bool) -> None:
    assert holds(parse_marker(marker), VALUES) is expected


def test_extra_is_a_set_as_in_locks_with_conflicts() -> None:
    marker = parse_marker("extra == 'extra-5-shelf-cpu' and extra != 'extra-5-shelf-gpu'")

    assert holds(marker, VALUES, Active(frozenset({"extra-5-shelf-cpu"})))
    assert not holds(marker, VALUES, Active(frozenset({"extra-5-shelf-cpu", "extra-5-shelf-gpu"})))


def test_lock_files_ask_for_membership() -> None:
    active = Active(frozenset({"redis"}), frozenset({"dev"}))

    assert holds(parse_marker("'redis' in extras"), VALUES, active)
    assert not holds(parse_marker("'docs' in dependency_groups"), VALUES, active)
    assert holds(parse_marker("'docs' not in dependency_groups and 'dev' in dependency_groups"), VALUES, active)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "python_version",
        "python_version >=",
        "python_version >= 3.11",
        "'a' == 'b'",
        "colour == 'blue'",
        "os_name == 'a' and",
        "(os_name == 'a'",
        "os_name == 'a')",
        "os_name == 'a",
        "(" * 500 + "os_name == 'a'" + ")" * 500,
    ],
)
def test_what_is_no_marker_is_refused(text: str) -> None:
    with pytest.raises(MarkerError):
        parse_marker(text)


def test_an_unreadable_marker_loses_nothing() -> None:
    assert environment().satisfies("this is no marker")
    assert environment().satisfies(None)
