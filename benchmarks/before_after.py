"""The example before and after: careen overhauls it, and this prints the table of the README.

Usage: python benchmarks/before_after.py [PATH]

PATH is a stack with a lock, ``examples/shelf`` when it is left out (locked first if it never was). Sizes before
are predicted from Dockerfile and lock, since the fat images need not be built for that; sizes after are what was built,
and times are of this machine: one start each, in containers, beside one another.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from careen.text.units import format_bytes, format_seconds

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "shelf"


def locked(path: Path) -> Path:
    if not (path / "uv.lock").exists():
        uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
        subprocess.run([uv, "lock", "--quiet"], cwd=path, check=True)
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="?", type=Path, default=EXAMPLE)
    path = locked(parser.parse_args().path)
    with tempfile.TemporaryDirectory() as scratch:
        into = Path(scratch, "out")
        started = time.perf_counter()
        command = [sys.executable, "-m", "careen", "overhaul", str(path), "--into", str(into), "--quiet"]
        done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - started
        if done.returncode not in {0, 1}:
            sys.stderr.write(done.stderr)
            return done.returncode
        result = json.loads(done.stdout)
    plans = {service["name"]: service for service in result["plan"]["services"]}
    proofs = {service["name"]: service for service in result["proof"]["services"]}
    print("| image | before | after | to pull | healthy after | peak memory | checks passed |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for image in result["build"]["images"]:
        plan, proof = plans[image["service"]], proofs[image["service"]]
        passed = sum(check["verdict"] == "pass" for check in proof["checks"])
        print(
            f"| {image['reference']} | {format_bytes(plan['current_predicted_bytes'])} "
            f"| **{format_bytes(image['bytes'])}** | {format_bytes(image['compressed_bytes'])} "
            f"| {format_seconds(proof['start_seconds'])} | {format_bytes(proof['peak_memory_bytes'])} "
            f"| {passed} of {len(proof['checks'])} |"
        )
    stack = result["build"]["stack"]
    print()
    print(
        f"All five on one host: {format_bytes(stack['unique_bytes'])}, since layers are shared; "
        f"{format_bytes(stack['unique_compressed_bytes'])} to pull. Built in "
        f"{format_seconds(result['build']['timing']['seconds'])}; the whole overhaul took {format_seconds(seconds)}."
    )
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
