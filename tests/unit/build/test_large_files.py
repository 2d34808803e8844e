"""Files that are never in memory as a whole: the linker's view of them is the same as of small ones."""

import mmap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import isal
import pytest

from careen.blobs.elf import ElfError, read_linkage, unread_part
from careen.blobs.store import Store
from careen.build.segment import Contents, Member, Segment, SegmentMaker
from careen.oci.layer import packer, part_chunks
from careen.oci.media_types import Compression

PROGRAM = max((path for path in Path(isal.__file__).parent.glob("*.so")), key=lambda path: path.stat().st_size)
"""Native code that is there wherever the tests run."""


def segment(folder: Path, data: bytes) -> Segment:
    def content() -> Iterator[bytes]:
        for start in range(0, len(data), 300_007):
            yield data[start : start + 300_007]

    with ThreadPoolExecutor(2) as pool:
        maker = SegmentMaker(Store(folder), packer(Compression.GZIP), pool, 0)
        members = [Member(path="lib/large.so", size=len(data), content=content)]
        return maker.get_or_make(maker.key("test", {}), lambda: Contents(what="test", members=members))


def test_a_large_native_file_says_what_it_is_linked_with(tmp_path: Path) -> None:
    data = PROGRAM.read_bytes() + bytes(9 << 20)
    made = segment(tmp_path, data)
    assert [native.linkage for native in made.natives] == [read_linkage(data)]
    stream = b"".join(part_chunks(made.part, packer(Compression.GZIP)))
    assert stream[512 : 512 + len(data)] == data


def test_a_large_file_that_only_begins_like_native_code_is_data(tmp_path: Path) -> None:
    made = segment(tmp_path, b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 40_000)
    assert made.natives == ()
    assert made.bytes == 7 + 256 * 40_000


@pytest.mark.parametrize("head", [64, 512, 4096])
def test_reading_in_parts_ends_and_tells_the_same(head: int) -> None:
    data = PROGRAM.read_bytes()
    known = [(0, head)]
    with mmap.mmap(-1, len(data)) as sparse:
        sparse[:head] = data[:head]
        while (part := unread_part(sparse, lambda start, size: _within(known, start, size))) is not None:
            start, size = part
            sparse[start : start + size] = data[start : start + size]
            known.append(part)
            assert len(known) < 8
        assert read_linkage(sparse) == read_linkage(data)
    assert sum(size for _, size in known) < len(data)


def test_headers_that_point_outside_the_file_end_the_reading() -> None:
    data = bytearray(PROGRAM.read_bytes()[:200_000])
    data[32:40] = (1 << 40).to_bytes(8, "little")
    assert unread_part(bytes(data), lambda *_: False) is None
    with pytest.raises(ElfError):
        read_linkage(bytes(data))


def _within(known: list[tuple[int, int]], start: int, size: int) -> bool:
    return any(first <= start and start + size <= first + length for first, length in known)
