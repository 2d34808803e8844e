"""The standard library's reader gives back what was written, whatever the names and sizes are."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careen.oci.tarwriter import END_OF_ARCHIVE, TarHeaders, TarValueError, padding

_part = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="/\0"), min_size=1, max_size=120
).filter(lambda part: part not in {".", ".."})
_paths = st.lists(_part, min_size=1, max_size=6).map("/".join)


@given(st.lists(st.tuples(_paths, st.binary(max_size=1500), st.booleans()), max_size=6), st.integers(0, 8**11 - 1))
def test_files_come_back(files: list[tuple[str, bytes, bool]], time: int) -> None:
    headers = TarHeaders(time)
    data = b""
    for path, content, executable in files:
        data += headers.file(path, len(content), mode=0o755 if executable else 0o644) + content + padding(len(content))
    with tarfile.open(fileobj=io.BytesIO(data + END_OF_ARCHIVE)) as archive:
        members = archive.getmembers()
        assert [member.name for member in members] == [path for path, _, _ in files]
        for member, (_, content, executable) in zip(members, files, strict=True):
            stream = archive.extractfile(member)
            assert stream is not None
            assert stream.read() == content
            assert (member.mode, member.mtime) == (0o755 if executable else 0o644, time)
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")


@given(_paths, st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=300))
def test_folders_and_links_come_back(path: str, target: str) -> None:
    headers = TarHeaders(0)
    data = headers.folder(path, mode=0o1777, owner=10001) + headers.symlink(f"{path}/l", target)
    with tarfile.open(fileobj=io.BytesIO(data + END_OF_ARCHIVE)) as archive:
        folder, link = archive.getmembers()
    assert (folder.name, folder.type, folder.mode, folder.uid) == (path, tarfile.DIRTYPE, 0o1777, 10001)
    assert (link.name, link.type, link.linkname) == (f"{path}/l", tarfile.SYMTYPE, target)


@pytest.mark.parametrize("length", [99, 100, 101, 155, 156, 157, 254, 255, 256, 257, 300])
def test_a_path_has_a_pax_header_only_when_it_needs_one(length: int) -> None:
    path = ("d/" * 150)[: length - 1] + "f"
    header = TarHeaders(0).file(path, 0)
    with tarfile.open(fileobj=io.BytesIO(header + END_OF_ARCHIVE)) as archive:
        assert archive.getnames() == [path]
    assert (len(header) == 512) == (length <= 256)


def test_a_size_beyond_octal_is_told_in_a_pax_header() -> None:
    header = TarHeaders(0).file("large", 9 * 1024**3)
    assert tarfile.TarInfo.frombuf(header[:512], "utf-8", "strict").type == b"x"
    assert b" size=9663676416\n" in header


@pytest.mark.parametrize("path", ["", "/", "/etc", "a\0b"])
def test_paths_that_lead_elsewhere_are_refused(path: str) -> None:
    with pytest.raises(TarValueError, match="path"):
        TarHeaders(0).file(path, 0)


def test_times_and_owners_that_have_no_room_are_refused() -> None:
    with pytest.raises(TarValueError, match="time"):
        TarHeaders(-1)
    with pytest.raises(TarValueError, match="user"):
        TarHeaders(0).folder("a", owner=8**7)
