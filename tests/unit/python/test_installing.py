import csv
import io
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from careen.blobs.digest import Digest
from careen.errors import CareenError
from careen.python.installing import Additions, InstalledFile, Scheme, WheelContentError, content, installed_files
from careen.python.trimming import TrimmingPolicy
from careen.python.wheel_archive import WheelArchive
from careen.python.wheels import WheelFormatError
from fakes.wheels import recorded, write_wheel

SCHEME = Scheme(
    site_packages=PurePosixPath("/usr/local/lib/python3.11/dist-packages"),
    scripts=PurePosixPath("/usr/local/bin"),
    data=PurePosixPath("/usr/local"),
    headers=PurePosixPath("/usr/local/include/python3.11/demo"),
    executable=PurePosixPath("/usr/bin/python3.11"),
)
SITE = "usr/local/lib/python3.11/dist-packages"


def install(
    wheel: Path, trimming: TrimmingPolicy = TrimmingPolicy.SAFE, additions: Additions | None = None
) -> dict[str, bytes]:
    with WheelArchive(wheel) as archive:
        files = installed_files(archive, SCHEME, trimming, additions)
        assert [file.path for file in files] == sorted(file.path for file in files)
        found = {file.path: b"".join(content(archive, file)) for file in files}
        assert {file.path: file.size for file in files} == {path: len(data) for path, data in found.items()}
        return found


def listed(wheel: Path) -> dict[str, InstalledFile]:
    with WheelArchive(wheel) as archive:
        return {file.path: file for file in installed_files(archive, SCHEME, TrimmingPolicy.SAFE)}


def rows(files: dict[str, bytes]) -> dict[str, tuple[str, str]]:
    text = files[f"{SITE}/demo-1.0.dist-info/RECORD"].decode()
    return {name: (digest, size) for name, digest, size in csv.reader(io.StringIO(text))}


def test_every_scheme_has_its_place(tmp_path: Path) -> None:
    wheel = write_wheel(
        tmp_path,
        "demo",
        {
            "demo/__init__.py": b"",
            "demo.pth": b"import demo\n",
            "space/name/part.py": b"",
            "demo-1.0.data/purelib/pure.py": b"pure",
            "demo-1.0.data/platlib/plat.so": b"plat",
            "demo-1.0.data/scripts/run": b"#!/bin/sh\n",
            "demo-1.0.data/data/share/demo/data.txt": b"data",
            "demo-1.0.data/headers/demo.h": b"header",
        },
    )
    everything = set(install(wheel, TrimmingPolicy.NONE))
    assert {
        f"{SITE}/demo/__init__.py",
        f"{SITE}/demo.pth",
        f"{SITE}/space/name/part.py",
        f"{SITE}/pure.py",
        f"{SITE}/plat.so",
        "usr/local/bin/run",
        "usr/local/share/demo/data.txt",
        "usr/local/include/python3.11/demo/demo.h",
        f"{SITE}/demo-1.0.dist-info/INSTALLER",
    } <= everything
    assert everything - set(install(wheel)) == {"usr/local/include/python3.11/demo/demo.h"}


def test_record_lists_exactly_what_is_installed_and_what_it_hashes_to(tmp_path: Path) -> None:
    wheel = write_wheel(
        tmp_path,
        "demo",
        {"demo/a.py": b"a", "demo/tests/test_a.py": b"t", "demo-1.0.data/scripts/run": b"#!python\nrun\n"},
        console_scripts=["demo = demo.a:main"],
    )
    files = install(wheel, additions=Additions(bytecode={"demo/a.py": b"compiled"}, cache_tag="cpython-311"))
    found = rows(files)
    assert found.pop("demo-1.0.dist-info/RECORD") == ("", "")
    places = {name: str(PurePosixPath(SITE, name)) for name in found if not name.startswith("..")}
    places |= {name: f"usr/local/bin/{name.rpartition('/')[2]}" for name in found if name.startswith("../../../bin/")}
    assert set(places) == set(found)
    assert set(places.values()) | {f"{SITE}/demo-1.0.dist-info/RECORD"} == set(files)
    assert found == {name: (recorded(files[place]), str(len(files[place]))) for name, place in places.items()}
    assert f"{SITE}/demo/__pycache__/a.cpython-311.pyc" in files
    assert f"{SITE}/demo/tests/test_a.py" not in files


def test_scripts_name_the_images_interpreter(tmp_path: Path) -> None:
    wheel = write_wheel(
        tmp_path,
        "demo",
        {
            "demo.py": b"",
            "demo-1.0.data/scripts/old": b"#!pythonw -E\nprint()\n",
            "demo-1.0.data/scripts/binary": b"\x7fELF binary",
        },
        console_scripts=["new = demo:group.main", "with-extra = demo:main [extra]"],
    )
    files = install(wheel)
    assert files["usr/local/bin/old"] == b"#!/usr/bin/python3.11\nprint()\n"
    assert files["usr/local/bin/binary"] == b"\x7fELF binary"
    assert files["usr/local/bin/new"].startswith(b"#!/usr/bin/python3.11\nimport sys\nfrom demo import group\n")
    assert b"sys.exit(group.main())" in files["usr/local/bin/new"]
    assert b"from demo import main\n" in files["usr/local/bin/with-extra"]
    assert all(listed(wheel)[f"usr/local/bin/{name}"].executable for name in ("old", "binary", "new"))


def test_executable_bits_are_kept_and_nothing_else_of_a_mode(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path, "demo", {"demo/run": b"", "demo/data": b""}, executables=["demo/run"])
    found = listed(wheel)
    assert found[f"{SITE}/demo/run"].executable
    assert not found[f"{SITE}/demo/data"].executable


def test_a_direct_reference_is_recorded(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path, "demo", {"demo.py": b""})
    files = install(wheel, additions=Additions(direct_url=b'{"url": "https://git.example/demo"}'))
    assert files[f"{SITE}/demo-1.0.dist-info/direct_url.json"] == b'{"url": "https://git.example/demo"}'
    assert "demo-1.0.dist-info/direct_url.json" in rows(files)


def test_a_file_that_record_does_not_list_is_hashed_and_listed(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path, "demo", {"demo.py": b"demo"}, record="demo-1.0.dist-info/RECORD,,\n")
    assert rows(install(wheel))["demo.py"] == (recorded(b"demo"), "4")


def test_a_replaced_file_is_recorded_as_it_is(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path, "demo", {"demo.so": b"with symbols"})
    stripped = tmp_path / "stripped"
    stripped.write_bytes(b"without")
    files = install(wheel, additions=Additions(replaced={"demo.so": stripped}))
    assert files[f"{SITE}/demo.so"] == b"without"
    assert rows(files)["demo.so"] == (recorded(b"without"), "7")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"../evil.py": b""}, "leads out"),
        ({"/etc/passwd": b""}, "leads out"),
        ({"demo/../../evil.py": b""}, "leads out"),
        ({"demo\\evil.py": b""}, "leads out"),
        ({"demo//twice.py": b""}, "plain form"),
        ({"./demo.py": b""}, "plain form"),
        ({"demo.py": b"", "demo-1.0.data/purelib/demo.py": b""}, "two files for one place"),
        ({"demo": b"", "demo/inner.py": b""}, "where a folder has to be"),
        ({"demo-1.0.data/elsewhere/x": b""}, "a scheme that is unknown"),
        ({"demo-1.0.data/stray": b""}, "outside of any scheme"),
    ],
)
def test_hostile_names_are_refused(tmp_path: Path, files: dict[str, bytes], reason: str) -> None:
    with pytest.raises(CareenError, match=reason):
        install(write_wheel(tmp_path, "demo", files))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("../../../etc/cron.d/evil = demo:main", "impossible name"),
        ("evil = demo:main);import os;(", "does not say what it runs"),
        ("evil = demo", "does not say what it runs"),
    ],
)
def test_hostile_scripts_are_refused(tmp_path: Path, script: str, reason: str) -> None:
    with pytest.raises(WheelContentError, match=reason):
        install(write_wheel(tmp_path, "demo", {"demo.py": b""}, console_scripts=[script]))


@pytest.mark.parametrize(
    ("metadata", "record", "reason"),
    [
        ({"WHEEL": b"Wheel-Version: 2.0\n"}, None, "a version that is unknown"),
        ({"WHEEL": b"nothing"}, None, "a version that is unknown"),
        ({}, f"{'x' * 200_000},,\n", "a RECORD that cannot be read"),
    ],
)
def test_metadata_that_cannot_be_believed_is_refused(
    tmp_path: Path, metadata: dict[str, bytes], record: str | None, reason: str
) -> None:
    with pytest.raises(WheelContentError, match=reason):
        install(write_wheel(tmp_path, "demo", {"demo.py": b"demo"}, metadata=metadata, record=record))


@pytest.mark.parametrize("told", ["sha256=c2hvcnQ", "sha256=not base64!!", "sha512=abc", "sha256=e2234c6ede4474c7"])
def test_a_row_without_a_digest_is_hashed_again(tmp_path: Path, told: str) -> None:
    wheel = write_wheel(tmp_path, "demo", {"demo.py": b"demo"}, record=f"demo.py,{told},4\n")
    assert rows(install(wheel))["demo.py"] == (recorded(b"demo"), "4")


def test_the_wheel_of_another_distribution_is_refused(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path, "demo", {"demo.py": b""})
    other = wheel.rename(tmp_path / "other-1.0-py3-none-any.whl")
    with pytest.raises(WheelContentError, match="the wheel of another distribution"):
        install(other)


def test_a_content_that_record_does_not_promise_is_refused(tmp_path: Path) -> None:
    record = f"demo.py,{recorded(b'other')},5\n"
    with pytest.raises(WheelContentError, match=r"demo\.py is not the file that RECORD lists"):
        install(write_wheel(tmp_path, "demo", {"demo.py": b"demo!"}, record=record))


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path, "demo", {"demo.py": b""})
    with zipfile.ZipFile(wheel, "a") as archive:
        link = zipfile.ZipInfo("demo/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(WheelFormatError, match="symbolic link"):
        install(wheel)


def test_what_two_headers_tell_differently_is_refused(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path, "demo", {"demo.py": b"demo"})
    data = bytearray(wheel.read_bytes())
    at = data.index(b"demo.py")  # the local header, which comes first
    data[at : at + 7] = b"evil.py"
    wheel.write_bytes(data)
    with pytest.raises(WheelFormatError, match="described differently"):
        install(wheel)


def test_a_file_that_the_archive_holds_twice_is_refused(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path, "demo", {"demo.py": b"demo"})
    with zipfile.ZipFile(wheel, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("demo.py", b"evil")
    with pytest.raises(WheelFormatError, match=r"holds demo\.py twice"):
        install(wheel)


@pytest.mark.parametrize("announced", [4_000_000_000, 2_000_000])
def test_a_bomb_is_refused_by_what_it_announces(tmp_path: Path, announced: int) -> None:
    wheel = write_wheel(tmp_path, "demo", {"demo.bin": bytes(1000)})
    data = bytearray(wheel.read_bytes())
    central = data.rindex(b"PK\x01\x02", 0, data.rindex(b"demo.bin"))
    data[central + 24 : central + 28] = announced.to_bytes(4, "little")
    wheel.write_bytes(data)
    with pytest.raises(WheelFormatError, match=r"cannot be true of demo\.bin"):
        install(wheel)


@pytest.mark.parametrize("size", [100, 6 << 20])
@pytest.mark.parametrize("stored", [True, False])
def test_an_announced_size_that_is_not_true_is_refused(tmp_path: Path, size: int, *, stored: bool) -> None:
    wheel = write_wheel(tmp_path, "demo", {"demo.bin": bytes(size)}, stored=stored)
    data = wheel.read_bytes()
    central = data.rindex(b"PK\x01\x02", 0, data.rindex(b"demo.bin"))
    lie = bytearray(data)
    lie[central + 24 : central + 28] = (size // 2).to_bytes(4, "little")
    wheel.write_bytes(lie)
    with pytest.raises(WheelFormatError, match=r"announced|damaged"):
        install(wheel)


@pytest.mark.parametrize("stored", [True, False])
def test_large_files_come_in_pieces_and_whole(tmp_path: Path, *, stored: bool) -> None:
    data = bytes(range(256)) * 40_000
    wheel = write_wheel(tmp_path, "demo", {"demo.bin": data}, stored=stored)
    with WheelArchive(wheel) as archive:
        entry = next(entry for entry in archive.directory.files() if entry.path == "demo.bin")
        pieces = list(archive.chunks(entry))
    assert len(pieces) > 1
    assert b"".join(pieces) == data
    assert Digest.of(install(wheel)[f"{SITE}/demo.bin"]) == Digest.of(data)
