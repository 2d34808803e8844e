"""Native code that passes in pieces tells the linker the same as when all of it is there."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import isal
import pytest

from careen.blobs.elf import read_linkage
from careen.blobs.elf_streams import linkage_of, streamed_linkage
from fakes.elves import elf64

PROGRAM = max((path for path in Path(isal.__file__).parent.glob("*.so")), key=lambda path: path.stat().st_size)


@dataclass
class Passing:
    """Counts what was taken of it."""

    data: bytes
    piece: int = 100_003
    taken: int = 0
    passes: int = 0
    pieces: list[int] = field(default_factory=list)

    def __call__(self) -> Iterator[bytes]:
        self.passes += 1
        for start in range(0, len(self.data), self.piece):
            self.taken += len(self.data[start : start + self.piece])
            yield self.data[start : start + self.piece]


def far(data: bytes, distance: int) -> bytes:
    """The same library with its dynamic section and its strings far behind the headers."""
    moved = bytearray(data[:176]) + bytes(distance) + data[176:]
    moved[64 + 56 + 8 : 64 + 56 + 16] = (176 + distance).to_bytes(8, "little")  # where the dynamic section is
    moved[64 + 56 + 16 : 64 + 56 + 24] = (0x1000 + 176 + distance).to_bytes(8, "little")
    moved[64 + 32 : 64 + 48] = len(moved).to_bytes(8, "little") * 2  # how much is loaded
    at = 176 + distance
    while (tag := int.from_bytes(moved[at : at + 8], "little")) != 5:
        assert tag, "the library has no strings"
        at += 16
    strings = int.from_bytes(moved[at + 8 : at + 16], "little") + distance
    moved[at + 8 : at + 16] = strings.to_bytes(8, "little")
    return bytes(moved)


@pytest.mark.parametrize(
    "data", [PROGRAM.read_bytes(), elf64(needed=("libm.so.6",), soname="libx.so.1", runpath="$ORIGIN")]
)
def test_what_is_asked_is_the_same(data: bytes) -> None:
    passing = Passing(data)
    assert linkage_of(len(data), passing) == read_linkage(data) == streamed_linkage(len(data), passing(), passing)


def test_what_is_far_behind_the_headers_is_found_when_the_file_passes_again() -> None:
    data = far(elf64(needed=("libm.so.6", "libfar.so.3"), soname="libx.so.1"), 5 << 20) + bytes(3 << 20)
    passing = Passing(data)
    assert linkage_of(len(data), passing) == read_linkage(data)
    assert read_linkage(data).needed == ("libm.so.6", "libfar.so.3")
    assert passing.passes == 3  # the head, the dynamic section, the names


def test_what_is_far_behind_the_headers_is_kept_as_it_passes() -> None:
    data = far(elf64(needed=("libm.so.6", "libfar.so.3"), soname="libx.so.1"), 5 << 20) + bytes(3 << 20)
    passing = Passing(data)
    assert streamed_linkage(len(data), passing(), passing) == read_linkage(data)
    assert passing.passes == 1


@pytest.mark.parametrize("piece", [1 << 20, (5 << 20) + 177, (5 << 20) + 300, 9 << 20])
def test_pieces_may_end_anywhere(piece: int) -> None:
    data = far(elf64(needed=("libm.so.6", "libfar.so.3"), soname="libx.so.1"), 5 << 20) + bytes(3 << 20)
    passing = Passing(data, piece=piece)
    assert streamed_linkage(len(data), passing(), passing) == read_linkage(data) == linkage_of(len(data), passing)


def test_what_has_passed_already_passes_again_as_far_as_that() -> None:
    """As linkers write it: the names before the section that says where they are."""
    plain = elf64(needed=("libm.so.6", "libfar.so.3"), soname="libx.so.1")
    data = bytearray(far(plain, 6 << 20))
    at = 176 + (6 << 20)
    while int.from_bytes(data[at : at + 8], "little") != 5:
        at += 16
    strings = int.from_bytes(data[at + 8 : at + 16], "little") - 0x1000
    names = bytes(data[strings:])
    data[2 << 20 : (2 << 20) + len(names)] = names
    data[strings:] = bytes(len(names))
    data[at + 8 : at + 16] = (0x1000 + (2 << 20)).to_bytes(8, "little")
    passing = Passing(bytes(data))
    assert streamed_linkage(len(data), passing(), passing) == read_linkage(bytes(data)) == read_linkage(plain)
    assert passing.passes == 2
    assert passing.taken < len(data) + (3 << 20)


def test_no_more_is_read_than_it_takes() -> None:
    passing = Passing(elf64(needed=("libm.so.6",)) + bytes(20 << 20))
    linkage_of(len(passing.data), passing)
    assert passing.taken < 2 << 20


def test_of_what_is_to_be_written_everything_is_taken() -> None:
    passing = Passing(elf64(needed=("libm.so.6",)) + bytes(5 << 20))
    assert streamed_linkage(len(passing.data), passing(), passing) is not None
    assert passing.taken == len(passing.data)


@pytest.mark.parametrize("data", [b"", b"text", b"\x7fELF", b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 9000])
def test_what_the_linker_would_refuse_asks_for_nothing(data: bytes) -> None:
    assert linkage_of(len(data), Passing(data)) is None


def test_a_part_that_ends_behind_the_file_is_asked_for_once() -> None:
    data = bytearray(far(elf64(needed=("libm.so.6",)), 2 << 20))
    data[64 + 56 + 32 : 64 + 56 + 40] = (1 << 40).to_bytes(8, "little")
    passing = Passing(bytes(data))
    assert linkage_of(len(data), passing) is None
    assert passing.passes == 2
