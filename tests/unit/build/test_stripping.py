from pathlib import Path

import isal

from careen.blobs.elf import read_linkage
from careen.build.stripping import strip
from fakes.elves import with_symbols

NATIVE = max(Path(isal.__file__).parent.glob("*.so"), key=lambda path: path.stat().st_size)


def test_what_is_no_native_code_stays_as_it_is(tmp_path: Path) -> None:
    for number, data in enumerate((b"", b"text", b"\x7fELF" + bytes(300), b"\x7fELF\x02\x01\x01" + b"\xff" * 300)):
        place = tmp_path / str(number)
        place.write_bytes(data)
        assert not strip(place)
        assert place.read_bytes() == data


def test_a_stripped_library_is_smaller_and_linked_as_before(tmp_path: Path) -> None:
    place = tmp_path / "native.so"
    data = with_symbols(NATIVE.read_bytes())
    place.write_bytes(data)
    assert strip(place)
    assert place.stat().st_size < len(data)
    assert read_linkage(place.read_bytes()) == read_linkage(data)


def test_what_the_loader_would_refuse_is_left_alone(tmp_path: Path) -> None:
    data = bytearray(with_symbols(NATIVE.read_bytes()))
    first = int.from_bytes(data[32:40], "little")
    data[first + 8] ^= 8  # the first part's place in the file no longer fits its address
    place = tmp_path / "native.so"
    place.write_bytes(data)
    assert not strip(place)
    assert place.read_bytes() == data
