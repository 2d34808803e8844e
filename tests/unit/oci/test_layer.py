import gzip
import hashlib
import io
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zstandard

from careen.oci.layer import PIECE_BYTES, DamagedPartError, Part, PartWriter, join_parts, packer, part_chunks
from careen.oci.media_types import Compression
from careen.oci.tarwriter import END_OF_ARCHIVE, TarHeaders, padding


def entry(path: str, content: bytes) -> bytes:
    return TarHeaders(0).file(path, len(content)) + content + padding(len(content))


def pack(
    place: Path,
    stream: bytes,
    compression: Compression,
    *,
    threads: int = 2,
    step: int = 70_001,
    copies: bool = False,
) -> Part:
    with ThreadPoolExecutor(threads) as pool, place.open("wb") as target:
        writer = PartWriter(target, packer(compression), pool, copies=copies)
        for start in range(0, len(stream), step):
            writer.write(stream[start : start + step])
        writer.finish()
    return Part(place, tuple(writer.pieces), writer.size)


def unpacked(data: bytes, compression: Compression) -> bytes:
    if compression is Compression.NONE:
        return data
    if compression is Compression.GZIP:
        return gzip.decompress(data)
    reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True)
    return reader.read()


LARGE = entry("large", bytes(range(256)) * 40_000)
SMALL = entry("small", b"small")


@pytest.mark.parametrize("compression", list(Compression))
def test_a_layer_is_its_parts_one_after_another(tmp_path: Path, compression: Compression) -> None:
    parts = [pack(tmp_path / "0", LARGE, compression), pack(tmp_path / "1", SMALL, compression)]
    head = TarHeaders(0).folder("folder")
    target = io.BytesIO()
    with ThreadPoolExecutor(2) as pool:
        digests = join_parts(head, parts, target, packer(compression), pool)
    stream = head + LARGE + SMALL + END_OF_ARCHIVE
    assert unpacked(target.getvalue(), compression) == stream
    assert digests.digest.hex == hashlib.sha256(target.getvalue()).hexdigest()
    assert digests.diff_id.hex == hashlib.sha256(stream).hexdigest()
    assert (digests.packed_bytes, digests.tar_bytes) == (len(target.getvalue()), len(stream))
    with tarfile.open(fileobj=io.BytesIO(stream)) as archive:
        assert archive.getnames() == ["folder", "large", "small"]
    if compression is not Compression.NONE:
        assert parts[0].path.read_bytes() in target.getvalue()  # what was packed is not packed again


@pytest.mark.parametrize("compression", [Compression.GZIP, Compression.ZSTD])
def test_packed_bytes_depend_neither_on_threads_nor_on_how_they_were_written(
    tmp_path: Path, compression: Compression
) -> None:
    ways = [(1, 512), (2, 70_001), (4, PIECE_BYTES), (2, 3 * PIECE_BYTES)]
    packed = {
        pack(tmp_path / "part", LARGE, compression, threads=threads, step=step).path.read_bytes()
        for threads, step in ways
    }
    assert len(packed) == 1


def test_pieces_have_no_time_and_no_name_in_them(tmp_path: Path) -> None:
    data = pack(tmp_path / "part", SMALL, Compression.GZIP).path.read_bytes()
    assert data[:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"


@pytest.mark.parametrize("compression", list(Compression))
@pytest.mark.parametrize("copies", [False, True])
def test_a_part_with_a_single_damaged_byte_is_told(tmp_path: Path, compression: Compression, copies: bool) -> None:
    stream = entry("small", bytes(range(256)))
    part = pack(tmp_path / "part", stream, compression, copies=copies)
    whole = part.path.read_bytes()
    for place in range(len(whole)):
        part.path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with pytest.raises(DamagedPartError):
            list(part_chunks(part, packer(compression)))


def test_copies_change_how_a_part_is_unpacked_and_nothing_of_the_layer(tmp_path: Path) -> None:
    layers = []
    for copies in (False, True):
        part = pack(tmp_path / f"part{copies}", LARGE, Compression.GZIP, copies=copies)
        target = io.BytesIO()
        with ThreadPoolExecutor(2) as pool:
            digests = join_parts(b"", [part], target, packer(Compression.GZIP), pool)
        assert b"".join(part_chunks(part, packer(Compression.GZIP))) == LARGE
        assert all(bool(piece.copy) == copies for piece in part.pieces)
        layers.append((target.getvalue(), digests))
    assert layers[0] == layers[1]


@pytest.mark.parametrize("compression", [Compression.ZSTD, Compression.NONE])
def test_what_unpacks_fast_has_no_copy(tmp_path: Path, compression: Compression) -> None:
    part = pack(tmp_path / "part", LARGE, compression, copies=True)
    assert [piece.copy for piece in part.pieces] == [0] * len(part.pieces)


def test_a_part_that_was_cut_off_is_told(tmp_path: Path) -> None:
    part = pack(tmp_path / "part", LARGE, Compression.GZIP)
    part.path.write_bytes(part.path.read_bytes()[:-10])
    with pytest.raises(DamagedPartError, match="ends too early"):
        list(part_chunks(part, packer(Compression.GZIP)))


def test_a_part_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    part = pack(tmp_path / "part", LARGE, Compression.GZIP)
    assert b"".join(part_chunks(part, packer(Compression.GZIP))) == LARGE
