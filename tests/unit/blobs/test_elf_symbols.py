"""Symbols go, and what is loaded stays byte by byte where it was, in whatever order the file has its parts."""

import importlib.machinery
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import isal
import pytest

from careen.blobs.elf import read_linkage
from careen.blobs.elf_symbols import drop_symbols
from fakes.elves import with_symbols

NATIVES = sorted(Path(isal.__file__).parent.glob("*.so"))
NATIVE = max(NATIVES, key=lambda path: path.stat().st_size)


def loaded(data: bytes) -> dict[int, bytes]:
    """Contents of every part that is loaded, by address, without the file's own header."""
    (start,), (count,) = struct.unpack_from("<Q", data, 32), struct.unpack_from("<H", data, 56)
    found = {}
    for number in range(count):
        kind, flags, offset, address, _, size, memory, align = struct.unpack_from(
            "<IIQQQQQQ", data, start + number * 56
        )
        if kind == 1:
            content = data[offset : offset + size]
            assert len(content) == size
            assert (offset - address) % max(1, align) == 0
            found[address] = struct.pack("<IQ", flags, memory) + (content[64 + count * 56 :] if not offset else content)
    return found


def dropped(folder: Path, data: bytes) -> bytes | None:
    place = folder / "some.so"
    place.write_bytes(data)
    if drop_symbols(place):
        return place.read_bytes()
    assert place.read_bytes() == data
    return None


@pytest.mark.parametrize("tail_bytes", [0, 5000, 200_000], ids=["none", "small", "large"])
def test_what_is_loaded_stays_where_it_was(tmp_path: Path, tail_bytes: int) -> None:
    """A part behind the symbols, as patchelf puts it there, moves nearer in the file alone."""
    plain = NATIVE.read_bytes()
    data = with_symbols(plain, tail_bytes=tail_bytes)
    after = dropped(tmp_path, data)
    assert after is not None
    assert len(data) - len(after) >= 300_000 - 8192
    assert loaded(after) == loaded(data)
    assert read_linkage(after) == read_linkage(plain)


@pytest.mark.parametrize("kind", [1, 0], ids=["with a section", "without"])
def test_padding_for_large_pages_goes(tmp_path: Path, kind: int) -> None:
    data = with_symbols(NATIVE.read_bytes(), tail_bytes=6000, tail_alignment=1 << 21, section=(kind, 64))
    after = dropped(tmp_path, data)
    assert after is not None
    assert loaded(after) == loaded(data)
    assert len(data) > 1 << 21 > len(after)


def test_padding_for_data_that_asks_for_it_stays(tmp_path: Path) -> None:
    data = with_symbols(NATIVE.read_bytes(), tail_bytes=6000, tail_alignment=1 << 21, section=(1, 1 << 21))
    assert dropped(tmp_path, data) is None


def test_nothing_is_left_to_drop_a_second_time(tmp_path: Path) -> None:
    after = dropped(tmp_path, with_symbols(NATIVE.read_bytes()))
    assert after is not None
    assert dropped(tmp_path, after) is None


def test_a_module_works_without_its_symbols(tmp_path: Path) -> None:
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    package = tmp_path / "isal"
    shutil.copytree(Path(isal.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for native in package.glob(f"*{suffix}"):
        native.write_bytes(with_symbols(native.read_bytes(), tail_bytes=9000))
        assert drop_symbols(native)
    code = "from isal import isal_zlib as it; print(it.__file__, it.decompress(it.compress(b'a' * 99)) == b'a' * 99)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(package / f"isal_zlib{suffix}"), "True"]


def test_data_behind_the_file_keeps_it_as_it_is(tmp_path: Path) -> None:
    """Programs that bring an archive behind themselves look for it from their end."""
    data = with_symbols(NATIVE.read_bytes())
    assert dropped(tmp_path, data + b"PK\x05\x06" + bytes(18)) is None
    assert dropped(tmp_path, data + bytes(9)) is not None  # padding


@pytest.mark.parametrize("cut", [64, 100, 1000, 50_000])
def test_a_file_that_breaks_off_stays_as_it_is(tmp_path: Path, cut: int) -> None:
    data = with_symbols(NATIVE.read_bytes())
    assert dropped(tmp_path, data[:-cut]) is None


def test_headers_of_any_kind_break_nothing(tmp_path: Path) -> None:
    """Every byte of the header changed in turn: the file is left alone, or what is loaded is as it was."""
    data = with_symbols(NATIVES[0].read_bytes())
    for position in range(16, 64):
        changed = bytearray(data)
        changed[position] ^= 0x41
        after = dropped(tmp_path, bytes(changed))
        assert after is None or loaded(after) == loaded(bytes(changed)), position
