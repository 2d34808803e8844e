"""A folder's state in one digest: every path in it with its size and kind, so that a changed listing is noticed.

What files say is not in it: a reader knows which ones it has read and has their digests beside.
"""

import os
import stat
from collections.abc import Collection
from pathlib import Path

from careen.blobs.digest import Digest
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """``changed_ns`` is when the last of the entries changed, in nanoseconds since 1970 by the file system's clock."""

    digest: Digest
    changed_ns: int


def fingerprint(root: Path, *, passed_over: Collection[str] = (), unsized: Collection[str] = ()) -> Fingerprint:
    """``passed_over`` are folders below ``root`` that are not looked into, ``unsized`` files of any size. Links are not
    followed, mounts not crossed.

    An entry that cannot be looked at counts by its name.
    """
    skipped, loose = frozenset(passed_over), frozenset(unsized)
    rows: list[str] = []
    changed = 0
    try:
        device = root.stat().st_dev
    except OSError:
        device = -1
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        try:
            with os.scandir(root / inside) as entries:
                for entry in entries:
                    path = f"{inside}/{entry.name}" if inside else entry.name
                    try:
                        state = entry.stat(follow_symlinks=False)
                    except OSError:
                        rows.append(path)
                        continue
                    changed = max(changed, state.st_ctime_ns)
                    if stat.S_ISDIR(state.st_mode):
                        rows.append(f"{path}/")
                        if path not in skipped and state.st_dev == device:
                            waiting.append(path)
                    elif stat.S_ISLNK(state.st_mode):
                        rows.append(f"{path}\0{_target(entry.path)}")
                    else:
                        size = "" if path in loose else state.st_size
                        rows.append(f"{path}\0{size}\0{state.st_mode}")
        except OSError:
            rows.append(f"{inside}\0")
    rows.sort()
    return Fingerprint(Digest.of("\n".join(rows).encode("utf-8", "surrogateescape")), changed)


def _target(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""
