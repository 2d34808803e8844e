"""Any bytes are a wheel's directory or a WheelFormatError, and what zipfile writes is read as zipfile reads it."""

import io
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from careen.python.wheels import WheelFormatError, locate_directory, read_directory

NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\\/\0.", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12
)


@given(st.dictionaries(NAMES, st.binary(max_size=200), max_size=12), st.binary(max_size=40))
def test_what_zipfile_writes_is_read(files: dict[str, bytes], comment: bytes) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(f"pkg/{name}", data)
        archive.comment = comment
    data = buffer.getvalue()
    if comment.count(b"PK\x05\x06"):
        return

    place = locate_directory(data[-65_536:], len(data))
    directory = read_directory(data[place.offset : place.offset + place.size], place)

    assert {entry.path: entry.size for entry in directory.files()} == {f"pkg/{n}": len(d) for n, d in files.items()}


@given(st.binary(max_size=400), st.integers(0, 10**12))
def test_any_bytes_are_a_directory_or_an_error(data: bytes, size: int) -> None:
    try:
        place = locate_directory(data, size)
        read_directory(data, place)
    except WheelFormatError:
        return


@given(st.data())
def test_damage_is_an_error_or_harmless(data: st.DataObject) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("pkg/__init__.py", b"x" * 50)
        archive.writestr("pkg/module.py", b"y" * 50)
    raw = bytearray(buffer.getvalue())
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] = data.draw(st.integers(0, 255))

    try:
        place = locate_directory(bytes(raw), len(raw))
        directory = read_directory(bytes(raw)[place.offset : place.offset + place.size], place)
    except WheelFormatError:
        return
    assert all(".." not in entry.path.split("/") and not entry.path.startswith("/") for entry in directory.entries)
