"""A wheel is installed as its author made it, or refused with a reason; there is no third thing."""

import tempfile
from pathlib import Path, PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from careen.errors import CareenError
from careen.python.installing import Scheme, content, installed_files
from careen.python.trimming import TrimmingPolicy
from careen.python.wheel_archive import WheelArchive
from fakes.wheels import write_wheel

SCHEME = Scheme(
    site_packages=PurePosixPath("/site"),
    scripts=PurePosixPath("/bin"),
    data=PurePosixPath("/usr/local"),
    headers=PurePosixPath("/include"),
    executable=PurePosixPath("/usr/bin/python3"),
)


def install(path: Path) -> dict[str, bytes]:
    with WheelArchive(path) as archive:
        return {
            file.path: b"".join(content(archive, file))
            for file in installed_files(archive, SCHEME, TrimmingPolicy.NONE)
        }


with tempfile.TemporaryDirectory() as _folder:
    _wheel = write_wheel(
        Path(_folder),
        "demo",
        {
            "demo/__init__.py": b"import demo.part\n",
            "demo/part.py": b"x = 1\n" * 50,
            "demo-1.0.data/scripts/run": b"#!python\n",
        },
        console_scripts=["demo = demo.part:main"],
    )
    WHOLE = _wheel.read_bytes()
    EXPECTED = install(_wheel)


def outcome(data: bytes) -> dict[str, bytes] | None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "demo-1.0-py3-none-any.whl")
        place.write_bytes(data)
        try:
            return install(place)
        except CareenError as error:
            assert error.message  # noqa: PT017 - any of them, as long as it says something
            return None


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=3))
def test_changed_bytes_are_noticed_or_do_not_matter(changes: list[tuple[int, int]]) -> None:
    data = bytearray(WHOLE)
    for place, value in changes:
        data[place] = value
    assert outcome(bytes(data)) in (None, EXPECTED)


@given(st.integers(0, len(WHOLE) - 1))
def test_a_wheel_that_breaks_off_is_refused(length: int) -> None:
    assert outcome(WHOLE[:length]) is None


@given(st.binary(max_size=400), st.integers(0, len(WHOLE)))
def test_foreign_bytes_in_between_are_noticed_or_do_not_matter(inserted: bytes, place: int) -> None:
    assert outcome(WHOLE[:place] + inserted + WHOLE[place:]) in (None, EXPECTED)


@given(st.binary(max_size=2000))
def test_anything_at_all_is_told_to_be_no_wheel(data: bytes) -> None:
    assert outcome(data) is None
