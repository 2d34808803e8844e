"""``careen store``: what it weighs, and what is forgotten."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from careen.blobs.digest import ByteSink
from careen.blobs.store import EntryKey, Store


def careen_store(cache: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "careen", "store", *arguments],
        capture_output=True,
        check=False,
        timeout=60,
        env={**os.environ, "CAREEN_CACHE": str(cache)},
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def fill(cache: Path, kind: str, size: int, *, unused_days: float) -> EntryKey:
    key = EntryKey.of(kind, {"size": size, "days": unused_days})

    def make(sink: ByteSink) -> bytes:
        sink.write(bytes(size))
        return b""

    store = Store(cache / "store")
    store.get_or_make(key, make)
    used = time.time() - unused_days * 86_400
    for entry in (cache / "store").glob(f"{kind}/??/{key.digest.hex}.entry"):
        os.utime(entry, (used, used))
    return key


def test_what_is_kept_is_weighed_by_kind(tmp_path: Path) -> None:
    fill(tmp_path, "layer", 5000, unused_days=1)
    fill(tmp_path, "layer", 6000, unused_days=1)
    fill(tmp_path, "segment", 100, unused_days=1)
    status, text, _ = careen_store(tmp_path, "--format", "json")
    document = json.loads(text)
    assert status == 0
    assert document["kinds"]["layer"]["entries"] == 2
    assert 11_000 < document["kinds"]["layer"]["bytes"] < 12_000
    assert document["bytes"] == sum(kind["bytes"] for kind in document["kinds"].values())


def test_what_was_not_used_for_so_long_is_forgotten(tmp_path: Path) -> None:
    old, new = fill(tmp_path, "layer", 5000, unused_days=9), fill(tmp_path, "layer", 4000, unused_days=2)
    status, text, _ = careen_store(tmp_path, "clean", "--older-than", "1w")
    assert (status, text.splitlines()[0].split(",")[0]) == (0, "forgotten: 1 entries")
    assert Store(tmp_path / "store").get(old) is None
    assert Store(tmp_path / "store").get(new) is not None


def test_beyond_a_size_the_longest_unused_is_forgotten(tmp_path: Path) -> None:
    old, new = fill(tmp_path, "layer", 5000, unused_days=3), fill(tmp_path, "layer", 4000, unused_days=2)
    assert careen_store(tmp_path, "clean", "--keep", "5kB")[0] == 0
    assert Store(tmp_path / "store").get(old) is None
    assert Store(tmp_path / "store").get(new) is not None


def test_a_store_that_nobody_filled_weighs_nothing(tmp_path: Path) -> None:
    assert json.loads(careen_store(tmp_path, "--format", "json")[1])["bytes"] == 0


@pytest.mark.parametrize("arguments", [("clean", "--keep", "5"), ("clean", "--older-than", "30x"), ("empty",)])
def test_amounts_without_a_unit_are_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    status, _, errors = careen_store(tmp_path, *arguments)
    assert status == 2
    assert arguments[-1] in errors
