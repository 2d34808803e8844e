import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from careen.blobs.elf import ElfError, Linkage, read_linkage

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
