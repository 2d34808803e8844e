"""Lists of packages as they are kept and asked."""

import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from careen.blobs.digest import Digest
from careen.debian.indices import IndexFormatError, SuiteIndex, read_packages
from careen.debian.lists import KeptLists, UnpackingError
from careen.debian.tables import Table, TableError

DIGEST = "0" * 64
TEXT = f"""\
Package: libfolded
Version: 2.0-1
Architecture: amd64
Filename: pool/libfolded.deb
Size: 12
SHA256: {DIGEST}
Pre-Depends: libc6 (>= 2.36)
Depends: libone,
 libtwo (>= 1)
Provides: libvirtual (= 7),
 other-name
Recommends: libgood


Version: 1
Package: later-named
Architecture: all
Filename: pool/later.deb
Size: 3
SHA256: {DIGEST}
Installed-Size: 4
"""
BROKEN = "Package: broken\nVersion: 1\nArchitecture: all\nFilename: pool/x.deb\nSize: 1\n"


def suite(text: str, *, piece: int = 1 << 20) -> SuiteIndex:
    data = text.encode()
    kept: list[bytes] = []
    tables = read_packages((data[at : at + piece] for at in range(0, len(data), piece)), kept.append)
    assert b"".join(kept) == data
    return SuiteIndex(
        suite="bookworm",
        mirror="https://mirror.example",
        packages=Table(tables.packages),
        provides=Table(tables.provides),
        text=data,
    )


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 50, 1000])
def test_wherever_the_pieces_end_the_same_packages_are_found(piece: int) -> None:
    index = suite(TEXT, piece=piece)
    [folded] = index.versions("libfolded")
    assert (folded.version, folded.size, folded.installed_bytes) == ("2.0-1", 12, 0)
    assert folded.depends == "libc6 (>= 2.36), libone, libtwo (>= 1)"
    assert folded.url == "https://mirror.example/pool/libfolded.deb"
    [later] = index.versions("later-named")
    assert (later.version, later.architecture, later.installed_bytes) == ("1", "all", 4096)
    assert list(index.provides.rows("other-name", cells=3)) == [["other-name", "libfolded", ""]]
    assert list(index.provides.rows("libvirtual", cells=3)) == [["libvirtual", "libfolded", "7"]]


def test_recommendations_are_those_of_the_version() -> None:
    index = suite(TEXT)
    assert index.recommends("libfolded", "2.0-1") == "libgood"
    assert index.recommends("libfolded", "1.0-1") is None
    assert index.recommends("later-named", "1") == ""


def test_a_stanza_that_lacks_something_harms_only_who_asks_for_it() -> None:
    index = suite(TEXT + "\n" + BROKEN)
    assert [package.name for package in index.versions("libfolded")] == ["libfolded"]
    with pytest.raises(IndexFormatError, match="broken in the index lacks its SHA256"):
        list(index.versions("broken"))


def test_a_stanza_without_a_name_is_refused() -> None:
    with pytest.raises(IndexFormatError, match="lacks its Package"):
        suite("Version: 1\nSize: 2\n")


def test_a_table_that_points_elsewhere_is_told(tmp_path: Path) -> None:
    lists, digest = KeptLists(tmp_path), Digest(DIGEST)
    lists.packages(digest, lambda: lzma.compress(TEXT.encode()), suite="bookworm", mirror="https://mirror.example")
    text = tmp_path / f"{DIGEST}.text-1"
    text.write_bytes(text.read_bytes()[::-1])
    index = lists.packages(digest, _never, suite="bookworm", mirror="https://mirror.example")
    with pytest.raises(TableError, match="libfolded"):
        list(index.versions("libfolded"))


def test_a_list_that_is_here_is_not_asked_for(tmp_path: Path) -> None:
    lists, digest = KeptLists(tmp_path), Digest(DIGEST)
    for fetch in (_packed(TEXT), _never):
        index = lists.packages(digest, fetch, suite="bookworm", mirror="https://mirror.example")
        assert [package.version for package in index.versions("libfolded")] == ["2.0-1"]


@pytest.mark.parametrize("damage", [slice(0, -40), slice(5, None)], ids=["cut short", "no xz"])
def test_a_list_that_cannot_be_unpacked_leaves_nothing_behind(tmp_path: Path, damage: slice) -> None:
    packed = lzma.compress(TEXT.encode())[damage]
    with pytest.raises(UnpackingError):
        KeptLists(tmp_path).packages(Digest(DIGEST), lambda: packed, suite="x", mirror="https://mirror.example")
    assert not list(tmp_path.iterdir())


def _packed(text: str) -> Callable[[], bytes]:
    return lambda: lzma.compress(text.encode())


def _never() -> bytes:
    raise AssertionError("asked for again")
