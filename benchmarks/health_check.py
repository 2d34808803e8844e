"""What a worker's health check costs: careen's heartbeat check beside ``celery inspect ping``, in CPU time.

    python benchmarks/health_check.py PYTHON BROKER_URL [TIMES]

PYTHON is an interpreter with Celery; a worker must be running on the broker, for the ping to be answered.
Both are started anew each time, as an engine does.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HEALTH = Path(__file__).parents[1] / "src" / "careen" / "plan" / "shipped" / "health.py"


def cpu_seconds(argv: list[str]) -> float:
    """User and system time of one run, its children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)}: {done.stdout}{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    python, broker = sys.argv[1:3]
    times = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    with tempfile.NamedTemporaryFile() as beat:
        heartbeat = [python, "-I", "-S", str(HEALTH), "heartbeat", beat.name, "60"]
        ping = [python, "-m", "celery", "-b", broker, "inspect", "ping", "--timeout", "2"]
        mine = [cpu_seconds(heartbeat) for _ in range(times)]
        theirs = [cpu_seconds(ping) for _ in range(times)]
    ours, other = statistics.median(mine), statistics.median(theirs)
    print(f"heartbeat check      {ours * 1000:7.1f} ms CPU (median of {times}, worst {max(mine) * 1000:.1f})")
    print(f"celery inspect ping  {other * 1000:7.1f} ms CPU (median of {times}, worst {max(theirs) * 1000:.1f})")
    print(f"ratio                {other / ours:7.0f}")


if __name__ == "__main__":
    main()
