"""Files asked for by name: whole, or not there."""

from pathlib import Path

import pytest

from careen.app.outputs import NotWrittenError, write_file


def test_a_file_is_replaced_and_folders_above_it_are_made(tmp_path: Path) -> None:
    place = tmp_path / "new" / "record.json"
    write_file(place, b"1")
    write_file(place, b"2")
    assert place.read_bytes() == b"2"
    assert list(place.parent.iterdir()) == [place]


def test_a_place_that_cannot_be_written_to_is_named_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "taken").mkdir()
    with pytest.raises(NotWrittenError, match=r"file/record\.json cannot be written"):
        write_file(tmp_path / "file/record.json", b"{}")
    with pytest.raises(NotWrittenError, match="taken cannot be written"):
        write_file(tmp_path / "taken", b"{}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken"]
