import sys
from pathlib import Path

import pytest

from careen.blobs.elf import ElfError, Linkage, is_elf, read_linkage
from fakes.elves import elf64


def test_needed_soname_and_search_folders_are_read() -> None:
    data = elf64(needed=("libc.so.6", "libm.so.6"), soname="libdemo.so.1", runpath="$ORIGIN/../demo.libs:/opt/lib")
    assert read_linkage(data) == Linkage(
        machine="x86_64",
        needed=("libc.so.6", "libm.so.6"),
        soname="libdemo.so.1",
        search=("$ORIGIN/../demo.libs", "/opt/lib"),
    )


def test_the_machine_has_the_kernels_name() -> None:
    assert read_linkage(elf64(machine=183)).machine == "aarch64"
    assert read_linkage(elf64(machine=9999)).machine == "em-9999"


def test_the_running_interpreter_is_linked_with_the_c_library() -> None:
    assert "libc.so.6" in read_linkage(Path(sys.executable).resolve().read_bytes()).needed


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not an ELF file"),
        (b"#!/bin/sh\n", "not an ELF file"),
        (b"\x7fELF\x02\x01", "ends before its own headers"),
        (b"\x7fELF\x07\x01" + bytes(100), "unknown class"),
    ],
)
def test_what_is_no_elf_file_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ElfError, match=reason):
        read_linkage(data)


def test_a_file_cut_anywhere_is_an_error_and_never_a_guess() -> None:
    whole = elf64(needed=("libc.so.6",), soname="libdemo.so.1")
    expected = read_linkage(whole)
    for length in range(len(whole)):
        with pytest.raises(ElfError):
            assert read_linkage(whole[:length]) == expected
    assert is_elf(whole)
