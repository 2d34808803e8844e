"""Proves a stack again and again, and names every verdict that is not the same each time.

    python benchmarks/prove_repeat.py PROJECT [TIMES [RUNNER]]

The first run builds what is not built; seconds are those of the proof alone.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path


def main() -> int:
    project, times = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20
    runner = sys.argv[3] if len(sys.argv) > 3 else "runc"
    seen: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "careen", "prove", project, "--images", str(Path(folder, "images"))]
        for number in range(times):
            begun = time.monotonic()
            done = subprocess.run(
                [*words, "--runner", runner, "--format", "json", "--quiet"], capture_output=True, text=True, check=False
            )
            if not done.stdout:
                print(done.stderr, file=sys.stderr)
                return 2
            if number:
                seconds.append(time.monotonic() - begun)
            report = json.loads(done.stdout)
            for service in (*report["services"], {"name": "stack", "checks": report["stack"]}):
                for result in service["checks"]:
                    seen[service["name"], result["check"]][result["verdict"]] += 1
            print(f"{number + 1:3}  {'passed' if report['passed'] else 'failed'}", flush=True)
    flaky = {key: dict(verdicts) for key, verdicts in seen.items() if len(verdicts) > 1}
    failing = sorted(key for key, verdicts in seen.items() if set(verdicts) == {"fail"})
    print(f"{times} proofs of {len(seen)} verdicts each, {len(flaky)} of them not always the same")
    if seconds:
        print(f"median {statistics.median(seconds):.1f} s, slowest {max(seconds):.1f} s")
    for (service, check), verdicts in sorted(flaky.items()):
        print(f"  flaky: {service} {check}: {verdicts}")
    for service, check in failing:
        print(f"  fails each time: {service} {check}")
    return 1 if flaky else 0


if __name__ == "__main__":
    sys.exit(main())
