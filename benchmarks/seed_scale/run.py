"""The seed's own stack, predicted without building or downloading it: ``python benchmarks/seed_scale/run.py``.

Locks a copy of this folder with the index that uv is configured for, plans it from the wheels' directories alone, and
compares today's images with those that the seed reports: 6.69 GB for the services, 20.6 GB for Flower.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from careen.app.plan_request import PlanRequest
from careen.app.planning import plan_stack
from careen.app.session import Session, Surroundings
from careen.app.uv import uv_program
from careen.platforms import Platform
from careen.text.units import format_bytes

HERE = Path(__file__).parent
REPORTED = {"api": 6.69e9, "worker-default": 6.69e9, "worker-heavy": 6.69e9, "worker-io": 6.69e9, "flower": 20.6e9}


def main() -> int:
    uv = uv_program()
    if uv is None:
        print("uv is not on this machine; it locks the stack")
        return 3
    cache = Path(os.environ.get("CAREEN_CACHE", "~/.cache/careen")).expanduser()
    session = Session(
        surroundings=Surroundings(cache=cache, now=lambda: datetime.now(UTC), environment=dict(os.environ))
    )
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "desk")
        shutil.copytree(HERE, root, ignore=shutil.ignore_patterns("run.py", "__pycache__", ".venv"))
        subprocess.run([uv, "lock", "--quiet"], cwd=root, check=True)
        started = time.perf_counter()
        plan = plan_stack(session, PlanRequest(root=root, platform=Platform.parse("linux/amd64"))).plan
        seconds = time.perf_counter() - started
    print(f"planned in {seconds:.1f} s, without fetching a wheel\n")
    print(f"{'service':16} {'reported':>10} {'predicted':>10} {'off':>7} {'careened':>10} {'without CUDA':>13}")
    for service in plan.services:
        reported, today = REPORTED[service.name], service.current_predicted_bytes or 0
        cuda = sum(
            item.installed_bytes or 0
            for item in service.distributions
            if item.name.startswith(("nvidia-", "triton", "cuda-"))
        )
        careened = service.predicted_bytes or 0
        print(
            f"{service.name:16} {format_bytes(round(reported)):>10} {format_bytes(today):>10} "
            f"{100 * (today / reported - 1):6.1f}% {format_bytes(careened):>10} {format_bytes(careened - cuda):>13}"
        )
    print("\nby instruction")
    for name in ("api", "flower"):
        print(f"  {name}")
        for item in plan.service(name).current_contributions:
            print(f"    {item.line:>3} {format_bytes(item.bytes or 0):>9}  {item.what}")
    print("\nby distribution, from 100 MB on")
    heavy = {item.name: item for service in plan.services for item in (*service.distributions, *service.dropped)}
    for item in sorted(heavy.values(), key=lambda item: -(item.installed_bytes or 0)):
        if (item.installed_bytes or 0) >= 100_000_000:
            print(f"    {format_bytes(item.installed_bytes or 0):>9}  {item.name} {item.version}")
    print()
    for note in plan.notes:
        if "CUDA" in note:
            print(note)
    return 0


if __name__ == "__main__":
    sys.exit(main())
