import io

import pytest

from careen.blobs.digest import Descriptor, Digest, DigestMismatchError
from careen.oci.media_types import LAYER
from careen.oci.verified import VerifiedReader

_DATA = b"0123456789"


def _reader(data: bytes, *, promised: bytes = _DATA) -> VerifiedReader:
    return VerifiedReader(io.BytesIO(data), Descriptor(LAYER, Digest.of(promised), len(promised)))


@pytest.mark.parametrize("size", [1, 3, 10, 11, -1])
def test_the_right_bytes_pass_in_pieces_of_any_size(size: int) -> None:
    reader, read = _reader(_DATA), b""
    while piece := reader.read(size):
        read += piece
    assert read == _DATA
    assert reader.read() == b""


def test_wrong_bytes_are_never_handed_out_whole() -> None:
    reader = _reader(b"012345678X")
    assert reader.read(9) == b"012345678"
    with pytest.raises(DigestMismatchError, match="holds other bytes"):
        reader.read(9)


def test_more_bytes_than_promised_are_an_error() -> None:
    with pytest.raises(DigestMismatchError, match="has more than 10 bytes"):
        _reader(_DATA + b"X").read()
    with pytest.raises(DigestMismatchError, match="has more than 0 bytes"):
        _reader(b"X", promised=b"").read()


def test_fewer_bytes_than_promised_are_an_error() -> None:
    with pytest.raises(DigestMismatchError, match="ends after 4 of 10 bytes"):
        _reader(b"0123").read()


def test_what_is_left_is_checked_when_it_is_drained() -> None:
    reader = _reader(b"012345678X")
    assert reader.read(2) == b"01"
    with pytest.raises(DigestMismatchError):
        reader.drain()
