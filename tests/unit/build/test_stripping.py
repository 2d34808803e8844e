import shutil
from pathlib import Path

import isal
import pytest

from careen.blobs.elf import read_linkage
from careen.build.interpreter import host_architecture
from careen.build.stripping import Stripper, find_stripper
from careen.errors import MissingToolError
from careen.platforms import Architecture

NATIVE = max(Path(isal.__file__).parent.glob("*.so"), key=lambda path: path.stat().st_size)


@pytest.fixture
def stripper() -> Stripper:
    host = host_architecture()
    if host is None or shutil.which("strip") is None:
        pytest.skip("strip is not on this machine (apt-get install binutils)")
    return find_stripper(host)


def test_what_is_no_native_code_stays_as_it_is(stripper: Stripper, tmp_path: Path) -> None:
    for number, data in enumerate((b"", b"text", b"\x7fELF" + bytes(300), b"\x7fELF\x02\x01\x01" + b"\xff" * 300)):
        place = tmp_path / str(number)
        place.write_bytes(data)
        assert not stripper.strip(place)


def test_a_stripped_library_is_smaller_and_linked_as_before(stripper: Stripper, tmp_path: Path) -> None:
    place = tmp_path / "native.so"
    place.write_bytes(NATIVE.read_bytes())
    if not stripper.strip(place):
        pytest.skip("the native code at hand has no symbols to lose")
    assert place.stat().st_size < NATIVE.stat().st_size
    assert read_linkage(place.read_bytes()) == read_linkage(NATIVE.read_bytes())


def test_a_file_that_strip_would_make_unloadable_is_not_used(tmp_path: Path) -> None:
    place = tmp_path / "native.so"
    place.write_bytes(NATIVE.read_bytes())
    breaker = tmp_path / "strip"
    breaker.write_text('#!/bin/sh\nfor file; do :; done\nhead -c 200 "$file" > "$file.cut" && mv "$file.cut" "$file"\n')
    breaker.chmod(0o755)
    assert not Stripper(breaker, "one that cuts files off").strip(place)


def test_without_a_strip_for_another_processor_the_package_is_named() -> None:
    other = next(known for known in Architecture if known is not host_architecture())
    if shutil.which(f"{other.multiarch}-strip") is not None:
        pytest.skip("this machine strips for other processors")
    with pytest.raises(MissingToolError) as caught:
        find_stripper(other)
    assert f"binutils-{other.multiarch.replace('_', '-')}" in caught.value.hints[0]
