"""The most memory that a command and the processes it starts have together.

    python benchmarks/memory.py careen build PROJECT -o IMAGES

Looks fifty times a second at what the kernel tells of each (proc(5), status). "own" is what the processes have for
themselves and would have to be swapped out (RssAnon, RssShmem); pages of files that are mapped, which the kernel drops
when it wants them, count in "with files" alone. The largest single process is that of getrusage(2).
"""

import resource
import subprocess
import sys
import time
from pathlib import Path

_EVERY_SECONDS = 0.02


def family(process: int) -> list[int]:
    found, waiting = [], [process]
    while waiting:
        one = waiting.pop()
        found.append(one)
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:
            continue  # it has ended
    return found


def kilobytes(process: int) -> tuple[int, int]:
    """Own, and with files."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0, 0
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    if "VmRSS" not in fields:
        return 0, 0
    anonymous, shared, whole = (int(fields[name].split()[0]) for name in ("RssAnon", "RssShmem", "VmRSS"))
    return anonymous + shared, whole


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    most = [0, 0]
    with subprocess.Popen(sys.argv[1:]) as command:
        while command.poll() is None:
            now = [sum(column) for column in zip(*map(kilobytes, family(command.pid)), strict=True)]
            most = [max(pair) for pair in zip(most, now, strict=True)]
            time.sleep(_EVERY_SECONDS)
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    own, whole = (1024 * size / 1e6 for size in most)
    print(f"own {own:.0f} MB, with files {whole:.0f} MB, the largest process {1024 * largest / 1e6:.0f} MB")
    return command.returncode


if __name__ == "__main__":
    sys.exit(main())
