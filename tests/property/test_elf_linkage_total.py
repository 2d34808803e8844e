import sys
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from careen.blobs.elf import ElfError, Linkage, read_linkage
from careen.blobs.elf_streams import streamed_linkage
from fakes.elves import elf64

_START = Path(sys.executable).resolve().read_bytes()[:4096]


@given(st.binary(max_size=400), st.booleans(), st.sampled_from([b"\x01", b"\x02"]), st.sampled_from([b"\x01", b"\x02"]))
def test_any_bytes_give_a_linkage_or_the_one_error(data: bytes, magic: bool, width: bytes, order: bytes) -> None:
    try:
        assert isinstance(read_linkage(b"\x7fELF" + width + order + data if magic else data), Linkage)
    except ElfError as error:
        assert error.message  # noqa: PT017 - either outcome is right


@given(st.lists(st.tuples(st.integers(0, len(_START) - 1), st.integers(0, 255)), max_size=20))
def test_a_damaged_real_program_gives_a_linkage_or_the_one_error(damage: list[tuple[int, int]]) -> None:
    data = bytearray(_START)
    for offset, value in damage:
        data[offset] = value
    try:
        assert isinstance(read_linkage(bytes(data)), Linkage)
    except ElfError as error:
        assert error.message  # noqa: PT017 - either outcome is right


_LIBRARY = elf64(needed=("libm.so.6", "libpq.so.5"), soname="libx.so.1", runpath="$ORIGIN")


@given(
    st.lists(st.tuples(st.integers(0, len(_LIBRARY) - 1), st.integers(0, 255)), max_size=4),
    st.integers(0, 1200) | st.integers((1 << 20) - 400, (1 << 20) + 400),
    st.integers(40, 5000) | st.just(1 << 20),
)
def test_a_library_that_passes_in_pieces_tells_the_same(
    damage: list[tuple[int, int]], distance: int, piece: int
) -> None:
    """Whatever is said to lie where: what comes later, what has passed, what overlaps, what is beyond the end."""
    data = bytearray(_LIBRARY + bytes(distance) + _LIBRARY)
    for offset, value in damage:
        data[offset] = value

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(data), piece):
            yield bytes(data[start : start + piece])

    try:
        known = read_linkage(bytes(data))
    except ElfError:
        known = None
    assert streamed_linkage(len(data), pieces(), pieces) == known
