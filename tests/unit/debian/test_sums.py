"""The sums that lie beside dpkg's status are of files that are there as their packages brought them."""

from pathlib import Path

import pytest

from careen.debian import base
from careen.debian.root import RootFile
from fakes.debs import write_deb

FILES = {
    "usr/bin/python3.11": b"a program\n",
    "usr/lib/python3.11/os.py": b"import abc\n",
    "usr/lib/python3.11/json/tool.py": b"",
}


@pytest.fixture
def sums(tmp_path: Path) -> list[str]:
    files = {**FILES, "usr/lib/python3.11/idlelib/run.py": b"", "etc/passwd": b"root\n"}
    md5sums = "".join(f"{number:032x}  {path}\n" for number, path in enumerate(files)).encode()
    package = write_deb(tmp_path, "libpython3.11-stdlib", files, md5sums=md5sums)
    entries = base.compose([package], release="bookworm")
    name = "var/lib/dpkg/status.d/libpython3.11-stdlib.md5sums"
    [found] = [entry for entry in entries if isinstance(entry, RootFile) and entry.path == name]
    assert {"etc/passwd", "usr/bin/python3.11"} <= {entry.path for entry in entries}
    return [line.partition("  ")[2] for line in found.content.decode().splitlines()]


def test_what_is_left_of_a_package_can_be_verified(sums: list[str]) -> None:
    assert "usr/bin/python3.11" in sums
    assert "usr/lib/python3.11/os.py" in sums


def test_what_careen_put_in_the_place_of_a_file_has_no_sum(sums: list[str]) -> None:
    assert "etc/passwd" not in sums
