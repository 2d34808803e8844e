import errno
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from careen.blobs.digest import ByteSink
from careen.blobs.store import EntryKey, Store, StoreError

KEY = EntryKey.of("thing", {"name": "one", "number": 1})


def filled(content: bytes = b"content", document: bytes = b"document") -> "Making":
    return Making(content, document)


class Making:
    """Counts how often something is made."""

    def __init__(self, content: bytes, document: bytes) -> None:
        self.content = content
        self.document = document
        self.calls = 0

    def __call__(self, sink: ByteSink) -> bytes:
        self.calls += 1
        if self.content:
            sink.write(self.content)
        return self.document


def test_a_key_does_not_depend_on_the_order_of_its_inputs() -> None:
    assert EntryKey.of("thing", {"number": 1, "name": "one"}) == KEY
    assert EntryKey.of("thing", {"number": 2, "name": "one"}) != KEY


def test_an_entry_is_made_once_and_then_found(tmp_path: Path) -> None:
    store, making = Store(tmp_path), filled()
    made = store.get_or_make(KEY, making)
    found = Store(tmp_path).get_or_make(KEY, making)
    assert making.calls == 1
    assert (found.document, found.blob.read_bytes(), found.size) == (b"document", b"content", 7)
    assert made == found


def test_an_entry_without_bytes_has_no_blob(tmp_path: Path) -> None:
    entry = Store(tmp_path).get_or_make(KEY, filled(b""))
    assert not entry.blob.exists()
    assert Store(tmp_path).get(KEY) == entry


def test_what_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def fail(sink: ByteSink) -> bytes:
        sink.write(b"half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.get_or_make(KEY, fail)
    assert store.get(KEY) is None
    assert list((tmp_path / "aside").iterdir()) == []


@pytest.mark.parametrize("damage", ["truncated blob", "changed blob", "no blob", "changed document", "half an entry"])
def test_a_damaged_entry_is_made_again(tmp_path: Path, damage: str) -> None:
    store, making = Store(tmp_path), filled()
    entry = store.get_or_make(KEY, making)
    record = entry.blob.with_suffix(".entry")
    match damage:
        case "truncated blob":
            entry.blob.write_bytes(b"con")
        case "changed blob":
            entry.blob.write_bytes(b"CONTENT")
        case "no blob":
            entry.blob.unlink()
        case "changed document":
            record.write_bytes(record.read_bytes().replace(b"\ndocument", b"\nmonument"))
        case _:
            record.write_bytes(record.read_bytes()[:20])
    again = store.get_or_make(KEY, making)
    assert making.calls == 2
    assert again.blob.read_bytes() == b"content"
    assert again.document == b"document"


def test_a_blob_that_was_restored_with_another_time_is_the_same_blob(tmp_path: Path) -> None:
    store, making = Store(tmp_path), filled()
    os.utime(store.get_or_make(KEY, making).blob, (1, 1))
    store.get_or_make(KEY, making)
    assert making.calls == 1


def test_many_threads_at_once_make_an_entry_once(tmp_path: Path) -> None:
    store, making = Store(tmp_path), filled()
    gate = threading.Barrier(8)

    def work(_: int) -> bytes:
        gate.wait()
        return store.get_or_make(KEY, making).blob.read_bytes()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(8))) == {b"content"}
    assert making.calls == 1


def test_several_processes_at_once_make_an_entry_once(tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from careen.blobs.store import EntryKey, Store
def make(sink):
    time.sleep(0.2)
    sink.write(b"content")
    print("made")
    return b""
Store(Path(sys.argv[1])).get_or_make(EntryKey.of("thing", {}), make)
"""
    source = Path(__file__).parents[3] / "src"
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, env={"PYTHONPATH": str(source)}
        )
        for _ in range(4)
    ]
    printed = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * 4
    assert b"".join(printed).count(b"made") == 1


def test_a_run_that_is_killed_while_it_makes_an_entry_keeps_nobody_waiting(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from careen.blobs.store import EntryKey, Store
def make(sink):
    sink.write(b"half")
    os.kill(os.getpid(), 9)
Store(Path(sys.argv[1])).get_or_make(EntryKey.of("thing", {"name": "one", "number": 1}), make)
"""
    source = Path(__file__).parents[3] / "src"
    done = subprocess.run([sys.executable, "-c", program, tmp_path], env={"PYTHONPATH": str(source)}, check=False)
    assert done.returncode == -9
    assert Store(tmp_path).get(KEY) is None
    assert Store(tmp_path).get_or_make(KEY, filled()).blob.read_bytes() == b"content"


def test_a_full_disk_is_named_and_leaves_the_store_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def fail(_: ByteSink) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreError, match="no space left"):
        store.get_or_make(KEY, fail)
    assert store.get_or_make(KEY, filled()).document == b"document"


def test_a_folder_is_made_once_and_again_when_a_file_of_it_is_lost(tmp_path: Path) -> None:
    store, made = Store(tmp_path), []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "sub").mkdir()
        (folder / "sub/file").write_bytes(b"file")

    tree = store.tree(KEY, make)
    assert store.tree(KEY, make) == tree
    assert len(made) == 1
    (tree / "sub/file").unlink()
    assert (store.tree(KEY, make) / "sub/file").read_bytes() == b"file"
    assert len(made) == 2


def test_collecting_forgets_what_was_not_used_for_long(tmp_path: Path) -> None:
    store = Store(tmp_path)
    old, new = EntryKey.of("thing", {"n": "old"}), EntryKey.of("thing", {"n": "new"})
    for key in (old, new):
        store.get_or_make(key, filled(bytes(1000)))
    now = 10**9
    _used(store, old, now - 100_000)
    _used(store, new, now - 5_000)
    gone = store.collect(now=now, keep_for=50_000, keep_bytes=10**9)
    assert (gone.entries, gone.bytes > 1000) == (1, True)
    assert store.get(old) is None
    assert store.get(new) is not None
    assert not list(tmp_path.glob(f"thing/??/{old.digest.hex}*"))


def test_collecting_by_size_forgets_the_longest_unused_first_and_never_what_is_in_use(tmp_path: Path) -> None:
    store, now = Store(tmp_path), 10**9
    keys = [EntryKey.of("thing", {"n": number}) for number in range(3)]
    for key, age in zip(keys, (9_000, 8_000, 10), strict=True):
        store.get_or_make(key, filled(bytes(1000)))
        _used(store, key, now - age)
    store.collect(now=now, keep_for=10**6, keep_bytes=2_800)
    assert [store.get(key) is not None for key in keys] == [False, True, True]
    _used(store, keys[1], now - 8_000)
    _used(store, keys[2], now - 10)
    store.collect(now=now, keep_for=10**6, keep_bytes=0)
    assert [store.get(key) is not None for key in keys] == [False, False, True]


def test_collecting_sweeps_up_after_killed_runs(tmp_path: Path) -> None:
    store = Store(tmp_path)
    entry = store.get_or_make(KEY, filled())
    left = tmp_path / "aside/left"
    left.write_bytes(b"half")
    orphan = tmp_path / "thing/ab/abcd.blob"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"blob without entry")
    now = left.stat().st_mtime + 2 * 24 * 3600
    store.collect(now=now, keep_for=10**9, keep_bytes=10**9)
    assert not left.exists()
    assert not orphan.exists()
    assert entry.blob.exists()


def test_the_record_says_what_the_module_promises(tmp_path: Path) -> None:
    entry = Store(tmp_path).get_or_make(KEY, filled())
    header, document = entry.blob.with_suffix(".entry").read_bytes().split(b"\n", 1)
    assert set(json.loads(header)) == {"version", "size", "digest", "time", "document"}
    assert document == b"document"


def _used(store: Store, key: EntryKey, moment: float) -> None:
    entry = store.folder / key.kind / key.digest.hex[:2] / f"{key.digest.hex}.entry"
    os.utime(entry, (moment, moment))
