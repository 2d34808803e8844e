"""Building a stack again: what is done anew, and what it costs beside reading and hashing the stack's bytes.

    python benchmarks/stack_build.py [PROJECT] [--rounds 3] [--cache FOLDER]

PROJECT is a stack with a lock, the example (a copy, locked here) when it is left out. Planning and fetching come
first and are not timed. Each case starts from a store in the state that it names; the best of the rounds counts.
"""

import argparse
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from careen.app.plan_request import PlanRequest
from careen.app.planning import plan_stack
from careen.app.session import Session, Surroundings
from careen.blobs.store import Store
from careen.build.engine import BuildOptions, BuildResult, BuildSources
from careen.build.native import build_stack
from careen.plan.target import Plan
from careen.platforms import Platform

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "shelf"


def unpack(result: BuildResult, folder: Path) -> None:
    """Every layer once, since that is what the stack's unique bytes are."""
    for number, layer in enumerate(result.layers):
        place = folder / str(number)
        place.mkdir(parents=True)
        with tarfile.open(result.layout / "blobs" / "sha256" / layer.digest.hex) as archive:
            archive.extractall(place, filter="tar")


def read_and_hash(folder: Path) -> None:
    digest = hashlib.sha256()
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)  # noqa: PTH118 - as fast as it can be
            if os.path.islink(path):  # noqa: PTH114
                continue
            descriptor = os.open(path, os.O_RDONLY)
            while data := os.read(descriptor, 1 << 20):
                digest.update(data)
            os.close(descriptor)
    digest.hexdigest()


class Bench:
    def __init__(self, plan: Plan, sources: BuildSources, scratch: Path) -> None:
        self.plan, self.sources, self.scratch = plan, sources, scratch

    @property
    def output(self) -> Path:
        return self.scratch / "out"

    def build(self) -> BuildResult:
        return build_stack(self.plan, self.sources, output=self.output, options=BuildOptions())

    def forget(self, *kinds: str) -> None:
        for kind in kinds:
            shutil.rmtree(self.sources.store.folder / kind, ignore_errors=True)

    def forget_one(self) -> None:
        """As after a new version: of the most shared layer one segment is unknown, and with it that layer."""
        store = self.sources.store.folder
        newest = self.build()
        wanted = newest.image(self.plan.services[0].name).layers[1]
        for entry in store.glob("layer/??/*.entry"):
            if f'"digest":"{wanted.digest.hex}"'.encode() in entry.read_bytes():
                entry.unlink()
        for entry in store.glob("segment/??/*.entry"):
            if f'"what":"{wanted.shares[-1].what}"'.encode() in entry.read_bytes():
                entry.unlink()


def best(rounds: int, output: Path, prepare: Callable[[], object], work: Callable[[], object]) -> float:
    """Of several, each into a layout that is not there yet; seconds."""
    least = float("inf")
    for _ in range(rounds):
        prepare()
        shutil.rmtree(output, ignore_errors=True)
        started = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - started)
    return least


def measure(bench: Bench, rounds: int) -> Mapping[str, float]:
    tree = bench.scratch / "tree"
    unpack(bench.build(), tree)
    service = bench.plan.services[0]
    changed = bench.sources.root / service.application[0].source
    original = changed.read_bytes()
    counter = iter(range(10**6))

    def change() -> None:
        changed.write_bytes(original + b"\n# %d\n" % next(counter))

    times = {
        "floor: read and sha256 of the unique bytes": best(
            rounds, bench.output, lambda: None, lambda: read_and_hash(tree)
        ),
        "nothing changed": best(rounds, bench.output, lambda: None, bench.build),
        "one file of the application changed": best(rounds, bench.output, change, bench.build),
        "one distribution bumped": best(rounds, bench.output, bench.forget_one, bench.build),
        "segments known, no layer known": best(
            rounds, bench.output, lambda: bench.forget("layer", "contents", "image"), bench.build
        ),
        "wheels and packages known, nothing packed": best(
            rounds,
            bench.output,
            lambda: bench.forget("layer", "contents", "image", "segment", "bytecode"),
            bench.build,
        ),
    }
    changed.write_bytes(original)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="careen-benchmark-") as folder:
        scratch = Path(folder)
        root = scratch / "project"
        shutil.copytree(arguments.project or EXAMPLE, root, ignore=shutil.ignore_patterns(".venv", ".git"))
        if not (root / "uv.lock").exists():
            uv = shutil.which("uv") or Path(sys.executable).with_name("uv")
            subprocess.run([uv, "lock", "--quiet"], cwd=root, check=True)
        surroundings = Surroundings(
            cache=arguments.cache or scratch / "cache", now=lambda: datetime.now(UTC), environment=os.environ
        )
        session = Session(surroundings=surroundings)
        request = PlanRequest(root=root, platform=Platform.parse("linux/amd64"), fetch_wheels=True)
        plan = plan_stack(session, request).plan
        sources = BuildSources(
            root=root / plan.root,
            packages=session.packages,
            debs=session.mirror.debs,
            store=Store(scratch / "store"),
            environment=os.environ,
        )
        bench = Bench(plan, sources, scratch)
        result = bench.build()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        print(f"{len(result.images)} images, {result.unique_bytes / 1e6:.1f} MB in {len(result.layers)} layers")
        times = measure(bench, arguments.rounds)
        session.close()
    least = next(iter(times.values()))
    for name, seconds in times.items():
        print(f"{name:46} {seconds:6.2f} s  {seconds / least:5.2f} x the floor")
    print(f"peak memory of planning and a first build: {memory:.0f} MB")


if __name__ == "__main__":
    main()
