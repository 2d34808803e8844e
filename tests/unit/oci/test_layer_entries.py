import io
import tarfile

import pytest

from careen.oci.decompress import LayerError
from careen.oci.layer_entries import EntryKind, LayerEntries, LayerEntry
from fakes.images import Item, folder, hard_link, symlink, tar

_FORMS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def _entries(data: bytes) -> list[LayerEntry]:
    return list(LayerEntries(io.BytesIO(data).read))


def _header(**changes: bytes) -> bytes:
    """A header of an empty file, with fields replaced and its sum made right."""
    places = {"name": 0, "mode": 100, "uid": 108, "size": 124, "mtime": 136, "kind": 156, "magic": 257, "prefix": 345}
    data = bytearray(tar([Item("file")], tarfile.USTAR_FORMAT)[:512])
    for name, value in changes.items():
        data[places[name] : places[name] + len(value)] = value
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data)
    return bytes(data)


def _extended(*records: bytes) -> bytes:
    body = b"".join(records)
    return _header(kind=b"x", size=b"%011o" % len(body)) + body + bytes(-len(body) % 512)


@pytest.mark.parametrize("form", _FORMS.values(), ids=_FORMS.keys())
def test_every_dialect_is_read(form: int) -> None:
    items = [
        folder("srv/"),
        Item("srv/app.py", b"print()", mode=0o4755, owner=1000),
        Item("./srv/long/" + "n" * 90 + "/file", b"x" * 513),
        symlink("srv/link", "../elsewhere"),
        hard_link("srv/same", "./srv/app.py"),
        Item("/dev/null", kind=tarfile.CHRTYPE),
        Item("run/pipe", kind=tarfile.FIFOTYPE),
    ]
    found = _entries(tar(items, form))
    assert [(entry.path, entry.kind, entry.size, entry.target) for entry in found] == [
        ("srv", EntryKind.DIRECTORY, 0, ""),
        ("srv/app.py", EntryKind.FILE, 7, ""),
        ("srv/long/" + "n" * 90 + "/file", EntryKind.FILE, 513, ""),
        ("srv/link", EntryKind.SYMBOLIC_LINK, 0, "../elsewhere"),
        ("srv/same", EntryKind.HARD_LINK, 0, "srv/app.py"),
        ("dev/null", EntryKind.CHARACTER_DEVICE, 0, ""),
        ("run/pipe", EntryKind.PIPE, 0, ""),
    ]
    assert (found[1].mode, found[1].uid, found[1].gid, found[1].modified) == (0o4755, 1000, 1000, 1_700_000_000 * 10**9)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
def test_what_ustar_has_no_room_for_is_read(form: int) -> None:
    name, target = "deep/" + "é" * 200, "t" * 300
    owner = 3_000_000
    found = _entries(tar([symlink(name, target), Item("b", b"2", owner=owner)], form))
    assert [(entry.path, entry.target, entry.uid) for entry in found] == [(name, target, 0), ("b", "", owner)]


def test_extended_attributes_and_parts_of_seconds_are_read() -> None:
    items = [Item("ping", b"x", pax={"SCHILY.xattr.security.capability": "a=\n\x01", "mtime": "-1.25"})]
    (entry,) = _entries(tar(items))
    assert entry.attributes == {"security.capability": b"a=\n\x01"}
    assert entry.modified == -1_250_000_000


def test_an_extension_is_for_the_next_entry_only() -> None:
    data = _extended(b"12 path=new\n") + _header() + _header(name=b"other") + bytes(1024)
    assert [entry.path for entry in _entries(data)] == ["new", "other"]


def test_a_global_extension_says_nothing() -> None:
    record = b"12 path=new\n"
    data = _header(kind=b"g", size=b"%011o" % len(record)) + record.ljust(512, b"\0") + _header() + bytes(1024)
    assert [entry.path for entry in _entries(data)] == ["file"]


def test_numbers_beyond_octal_are_read() -> None:
    times = _header(mtime=b"\xff" * 11 + b"\xfe") + _header(mtime=b"\x80" + bytes(10) + b"\x07")
    assert [entry.modified for entry in _entries(times)] == [-2 * 10**9, 7 * 10**9]


def test_a_folder_of_the_oldest_dialect_is_a_folder() -> None:
    (entry,) = _entries(_header(name=b"old/\0", kind=b"\0", magic=bytes(8)))
    assert (entry.path, entry.kind) == ("old", EntryKind.DIRECTORY)


def test_sums_of_signed_bytes_are_accepted() -> None:
    data = bytearray(_header(name="naïve".encode()))
    signed = sum(data) - sum(data[148:156]) + 256 - 256 * sum(byte > 127 for byte in data)
    data[148:156] = b"%06o\0 " % signed
    assert _entries(bytes(data))[0].path == "naïve"


def test_content_is_read_in_pieces_or_passed_over() -> None:
    data = tar([Item("a", b"1" * 600_000), Item("b", b"2" * 700), Item("c", b"3")])
    entries = LayerEntries(io.BytesIO(data).read)
    read = {entry.path: b"".join(entries.content()) for entry in entries if entry.path != "b"}
    assert read == {"a": b"1" * 600_000, "c": b"3"}


def test_a_stream_may_end_without_its_mark() -> None:
    assert len(_entries(_header())) == 1
    assert len(_entries(_header() + bytes(512))) == 1
    assert _entries(b"") == []
    assert len(_entries(_header() + bytes(1024) + b"what comes after the end is nobody's business")) == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"not a tar stream", "ends inside a header"),
        (b"x" * 512, "malformed number"),
        (_header()[:511] + b"x", "damaged header"),
        (_header(name=b"../up"), "climbs out: '../up"),
        (_header(name=b"a/../../up\0"), "climbs out"),
        (_header(name=bytes(4)), "without a name"),
        (_header(kind=b"S"), "unknown kind b'S'"),
        (_header(kind=b"1"), "hard link to nothing"),
        (_header(kind=b"2"), "symbolic link to nothing"),
        (_header(size=b"00000001000"), "ends inside a file"),
        (_header(size=b"9"), "malformed number"),
        (_header(uid=b"\xff" * 8), "impossible number"),
        (_header(size=b"\x8f" * 12), "impossible number"),
        (_header() + bytes(512) + _header(), "header of zeros"),
        (_extended(b"12 path=new"), "malformed extended"),
        (_extended(b"99 path=new\n"), "malformed extended"),
        (_extended(b"0 path=new\n"), "malformed extended"),
        (_extended(b"path=new\n"), "malformed extended"),
        (_extended(b"13 path=n\0w\0\n"), "malformed extended"),
        (_extended(b"14 size=-1000\n") + _header(), "malformed size"),
        (_extended(b"13 mtime=now\n") + _header(), "malformed time"),
        (_extended(b"22 GNU.sparse.major=1\n") + _header(), "unknown kind"),
        (_header(kind=b"x", size=b"77777777777"), "too large"),
    ],
)
def test_what_no_image_should_hold_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(LayerError, match=reason):
        _entries(data)
