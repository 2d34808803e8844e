import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from careen.blobs.digest import Digest, DigestMismatchError
from careen.errors import CareenError
from careen.http.client import HttpClient
from careen.http.failures import HttpError, OfflineError
from careen.http.patience import HttpSettings
from careen.python.contents import DistributionContents
from careen.python.index import PackageFiles, UnverifiableError, WholeFileError
from careen.python.locked import LockedFile
from careen.python.wheels import WheelFormatError
from fakes.index import FakeIndex, Ranges, serve
from fakes.wheels import write_wheel

FILES = {
    "thing/__init__.py": b"x",
    "thing/core.abi3.so": b"\x7fELF" * 40_000,
    "thing/data.bin": bytes(range(256)) * 900,
}


@pytest.fixture
def index() -> Iterator[FakeIndex]:
    with serve(FakeIndex()) as served:
        yield served


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    requires = b"Metadata-Version: 2.1\nName: thing\nVersion: 1.0\nRequires-Dist: other>=2; extra == 'x'\n\nlong text\n"
    return write_wheel(
        tmp_path / "made",
        "thing",
        FILES,
        stored=True,
        console_scripts=["thing = thing.cli:main"],
        metadata={"METADATA": requires},
    )


OPEN: list[HttpClient] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


def store(folder: Path, *, offline: bool = False) -> PackageFiles:
    settings = HttpSettings(offline=offline, attempts=2, backoff=0.001, read_timeout=0.5, connect_timeout=0.5)
    OPEN.append(HttpClient(settings))
    return PackageFiles(OPEN[-1], folder / "kept")


def locked(index: FakeIndex, data: bytes, name: str = "thing-1.0-py3-none-any.whl") -> LockedFile:
    index.files[name] = data
    return LockedFile(url=index.url(name), digest=Digest.of(data), size=len(data))


def only(packages: PackageFiles, file: LockedFile) -> DistributionContents | CareenError:
    return packages.contents([file])[file]


def test_a_wheel_is_described_from_its_end_alone(index: FakeIndex, wheel: Path, tmp_path: Path) -> None:
    file = locked(index, wheel.read_bytes())

    found = only(store(tmp_path), file)

    assert isinstance(found, DistributionContents)
    assert found.imports == ("thing",)
    assert found.native == ("thing/core.abi3.so",)
    assert found.console_scripts == (("thing", "thing.cli:main"),)
    assert found.requires == ("other>=2; extra == 'x'",)
    assert found.installed_bytes > sum(map(len, FILES.values()))
    assert [wanted for _, wanted in index.asked] == ["bytes=-65536"]


def test_what_was_described_once_is_not_asked_for_again_even_offline(
    index: FakeIndex, wheel: Path, tmp_path: Path
) -> None:
    file = locked(index, wheel.read_bytes())
    first = only(store(tmp_path), file)
    index.asked.clear()

    assert only(store(tmp_path, offline=True), file) == first
    assert index.asked == []


def test_a_directory_larger_than_the_end_takes_one_request_more(index: FakeIndex, tmp_path: Path) -> None:
    many = {f"big/module_{number:05}_{'x' * 60}.py": b"" for number in range(900)}
    data = write_wheel(tmp_path / "made", "big", {"big/__init__.py": b"", **many}).read_bytes()
    file = locked(index, data, "big-1.0-py3-none-any.whl")

    found = only(store(tmp_path), file)

    assert isinstance(found, DistributionContents)
    assert found.imports == ("big",)
    assert len(index.asked) == 2


@pytest.mark.parametrize("ranges", [Ranges.IGNORED, Ranges.REFUSED, Ranges.ENCODED])
def test_a_server_without_ranges_gives_the_whole_file(
    ranges: Ranges, index: FakeIndex, wheel: Path, tmp_path: Path
) -> None:
    index.ranges = ranges

    found = only(store(tmp_path), locked(index, wheel.read_bytes()))

    assert isinstance(found, DistributionContents)
    assert found.imports == ("thing",)


@pytest.mark.parametrize("size", [None, 300_000_001])
def test_a_very_large_wheel_is_not_fetched_for_a_look(
    size: int | None, index: FakeIndex, wheel: Path, tmp_path: Path
) -> None:
    index.ranges = Ranges.REFUSED
    packages, file = store(tmp_path), replace(locked(index, wheel.read_bytes()), size=size)

    found = only(packages, file)

    assert isinstance(found, WholeFileError)
    assert ("300 MB" if size else "unknown size") in found.message
    packages.wheel(file)
    assert isinstance(only(packages, file), DistributionContents)


def test_whoever_waits_is_told_of_a_wheel_that_is_fetched_whole(index: FakeIndex, wheel: Path, tmp_path: Path) -> None:
    packages, file, told = store(tmp_path), locked(index, wheel.read_bytes()), list[LockedFile]()

    packages.contents([file], on_whole=told.append)
    assert told == []

    index.ranges = Ranges.REFUSED
    other = locked(index, wheel.read_bytes(), "other-1.0-py3-none-any.whl")
    PackageFiles(OPEN[-1], tmp_path / "another").contents([other], on_whole=told.append)
    assert told == [other]


@pytest.mark.parametrize("ranges", [Ranges.SHORT, Ranges.WRONG_TOTAL, Ranges.FIRST_BYTES, Ranges.UNSAID])
def test_a_server_that_lies_about_ranges_is_named_and_not_believed(
    ranges: Ranges, index: FakeIndex, tmp_path: Path
) -> None:
    index.ranges = ranges
    noise = Random(1).randbytes(200_000)  # noqa: S311 - so that the end is not the whole file
    wheel = write_wheel(tmp_path / "made", "thing", {"thing/__init__.py": b"", "thing/noise.bin": noise})

    found = only(store(tmp_path), locked(index, wheel.read_bytes()))

    assert isinstance(found, HttpError)
    assert index.address in found.message
    assert "truthfully" in found.message


@pytest.mark.parametrize("ranges", [Ranges.KEPT, Ranges.IGNORED])
def test_a_server_that_encodes_unasked_is_understood(
    ranges: Ranges, index: FakeIndex, wheel: Path, tmp_path: Path
) -> None:
    index.encoded, index.ranges = True, ranges
    packages, file = store(tmp_path), locked(index, wheel.read_bytes())

    assert isinstance(only(packages, file), DistributionContents)
    assert packages.wheel(file).read_bytes() == wheel.read_bytes()


def test_a_server_that_gives_a_few_bytes_now_and_then_is_not_waited_for(
    index: FakeIndex, wheel: Path, tmp_path: Path
) -> None:
    index.trickle = 0.02
    settings = HttpSettings(attempts=1, read_timeout=0.5, patience=0.1, slowest=1_000_000)
    OPEN.append(HttpClient(settings))

    found = only(PackageFiles(OPEN[-1], tmp_path / "kept"), locked(index, wheel.read_bytes()))

    assert isinstance(found, HttpError)
    assert re.search(r"only \d+ bytes in \d+ seconds", found.message)


def test_an_index_that_answers_nobody_is_given_up_and_one_that_has_not_the_files_is_not(
    index: FakeIndex, tmp_path: Path
) -> None:
    files = [
        LockedFile(url=index.url(f"gone{number}-1.0-py3-none-any.whl"), digest=Digest.of(b"x"), size=1)
        for number in range(40)
    ]

    store(tmp_path).contents(files)
    assert len(index.asked) == 40

    index.asked.clear()
    index.delay = 0.8
    found = store(tmp_path).contents(files)
    assert len(index.asked) < 2 * 40  # two attempts each
    assert any("nothing answers" in answer.message for answer in found.values() if isinstance(answer, CareenError))


def test_an_address_that_does_not_answer_costs_one_wheel(index: FakeIndex, wheel: Path, tmp_path: Path) -> None:
    good = locked(index, wheel.read_bytes())
    gone = LockedFile(url=index.url("gone-1.0-py3-none-any.whl"), digest=Digest.of(b"x"), size=1)

    found = store(tmp_path).contents([gone, good])

    assert isinstance(found[good], DistributionContents)
    answer = found[gone]
    assert isinstance(answer, HttpError)
    assert "404" in answer.message


def test_a_slow_server_ends_in_an_error_that_names_the_address(index: FakeIndex, wheel: Path, tmp_path: Path) -> None:
    index.delay = 0.8

    found = only(store(tmp_path), locked(index, wheel.read_bytes()))

    assert isinstance(found, HttpError)
    assert index.address in found.message


def test_a_hiccup_is_tried_again(index: FakeIndex, wheel: Path, tmp_path: Path) -> None:
    index.failures = [503]

    assert isinstance(only(store(tmp_path), locked(index, wheel.read_bytes())), DistributionContents)


def test_redirects_are_followed(index: FakeIndex, wheel: Path, tmp_path: Path) -> None:
    file = locked(index, wheel.read_bytes())
    index.redirects["old/thing-1.0-py3-none-any.whl"] = file.url
    moved = LockedFile(url=index.url("old/thing-1.0-py3-none-any.whl"), digest=file.digest, size=file.size)

    assert isinstance(only(store(tmp_path), moved), DistributionContents)


@pytest.mark.parametrize(
    "spoil", ["truncated", "not a zip", "false directory", "count", "climbing", "size", "overlap", "offset"]
)
def test_a_file_that_is_no_sound_wheel_is_told(spoil: str, index: FakeIndex, wheel: Path, tmp_path: Path) -> None:
    data = bytearray(wheel.read_bytes())
    end = data.rfind(b"PK\x05\x06")
    match spoil:
        case "truncated":
            data = data[: end - 40]
        case "not a zip":
            data = bytearray(b"<html>no such file</html>" * 40)
        case "false directory":
            data[end + 16 : end + 20] = (len(data) * 2).to_bytes(4, "little")
        case "count":
            data[end + 10 : end + 12] = (9999).to_bytes(2, "little")
        case "size":
            entry = data.rfind(b"PK\x01\x02", 0, data.rfind(b"thing/data.bin"))
            data[entry + 24 : entry + 28] = (0xFFFFFFF0).to_bytes(4, "little")
        case "overlap":
            entry = data.rfind(b"PK\x01\x02", 0, data.rfind(b"thing/data.bin"))
            data[entry + 20 : entry + 24] = (len(data)).to_bytes(4, "little")
        case "offset":
            entry = data.rfind(b"PK\x01\x02", 0, data.rfind(b"thing/data.bin"))
            data[entry + 42 : entry + 46] = (len(data)).to_bytes(4, "little")
        case _:
            data = data.replace(b"thing/data.bin", b"../thing/a.bin")

    found = only(store(tmp_path), locked(index, bytes(data)))

    assert isinstance(found, WheelFormatError)


def test_a_wheel_is_fetched_once_and_checked(index: FakeIndex, wheel: Path, tmp_path: Path) -> None:
    packages, file = store(tmp_path), locked(index, wheel.read_bytes())

    assert packages.wheel(file).read_bytes() == wheel.read_bytes()
    assert packages.wheel(file).name == file.filename
    assert len(index.asked) == 1
    assert packages.has_wheel(file)


def test_other_bytes_than_the_locks_are_refused_and_leave_nothing(index: FakeIndex, tmp_path: Path) -> None:
    packages, file = store(tmp_path), locked(index, b"promised")
    index.files["thing-1.0-py3-none-any.whl"] = b"delivered"

    with pytest.raises(DigestMismatchError, match="not the ones in the lock"):
        packages.wheel(file)

    assert not [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]


def test_a_transfer_that_breaks_off_leaves_nothing(index: FakeIndex, wheel: Path, tmp_path: Path) -> None:
    index.cut_after = 1000

    with pytest.raises(HttpError):
        store(tmp_path).wheel(locked(index, wheel.read_bytes()))

    assert not [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]


def test_what_was_never_fetched_is_not_to_be_had_offline(index: FakeIndex, wheel: Path, tmp_path: Path) -> None:
    found = only(store(tmp_path, offline=True), locked(index, wheel.read_bytes()))

    assert isinstance(found, OfflineError)


def test_a_file_without_a_digest_cannot_be_trusted(tmp_path: Path) -> None:
    file = LockedFile(url="https://index.example/a-1.0-py3-none-any.whl", digest=None, size=None)

    with pytest.raises(UnverifiableError, match="no sha256"):
        store(tmp_path).wheel(file)


def test_a_damaged_entry_of_the_cache_is_read_anew(index: FakeIndex, wheel: Path, tmp_path: Path) -> None:
    packages, file = store(tmp_path), locked(index, wheel.read_bytes())
    first = only(packages, file)
    for place in (tmp_path / "kept" / "contents").rglob("*.json"):
        place.write_text('{"installed_bytes": 1')

    assert only(packages, file) == first
