"""How long a plan takes: ``python benchmarks/plan.py PROJECT [--wheels 60]``.

Runs the command itself, start-up included, beside ``careen --version``, which does nothing else:

* cold: the answers about wheels are forgotten before every run; Debian's indices and packages stay, since they are
  the same for every project. Without the wheels' own bytes (``--no-fetch``), as the sizes need none.
* computed: everything is in the cache, the plan itself is not.
* remembered: the plan was made before.
* what if: ``--without`` a distribution that was never asked about.
* nothing cached: an empty folder, as on the first day; and beside it what of that is Debian's: lists and packages that
  every later plan on the machine finds, whatever its project.

Then, with ``--wheels``, the same number of wheels of the project's lock alone, with an empty cache.
That is the row for the claim of 3 s.
Times are the medians of ``--runs`` runs; on a machine that does other things only their ratios say something.
Needs the index and the mirror that the lock and apt name. CAREEN_CACHE names the cache that is copied from.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from careen.http.client import HttpClient
from careen.platforms import Platform
from careen.python.c_library import OF_RELEASE
from careen.python.index import PackageFiles
from careen.python.names import PythonVersion
from careen.python.tags import best_wheel
from careen.python.uvlock import read_uvlock
from careen.text.source import Source


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--wheels", type=int, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder, "cache")
        run = _Careen(arguments.project, cache)
        run.plan()  # fetches what every later run finds
        nothing = _median(lambda: run("--version"), arguments.runs)
        print(f"{'careen --version':34} {nothing * 1000:7.0f} ms")
        rows: list[tuple[str, Callable[[], None], Callable[[], None]]] = [
            ("plan, remembered", lambda: None, run.plan),
            ("plan, computed from the cache", run.forget_plans, run.plan),
            ("what if, never asked before", run.remember, lambda: run.plan("--without", "nothing-of-the-kind")),
            ("plan, wheels not in the cache", run.forget_wheels, lambda: run.plan("--no-fetch")),
            ("plan, Debian's not in the cache", run.forget_debian, lambda: run.plan("--no-fetch")),
            ("plan, nothing in the cache", run.forget_all, lambda: run.plan("--no-fetch")),
        ]
        for name, prepare, act in rows:
            taken = _median(act, arguments.runs, prepare)
            print(f"{name:34} {taken * 1000:7.0f} ms   {taken / nothing:6.1f} x")
    _cold_wheels(arguments.project / "uv.lock", arguments.wheels, arguments.runs)
    return 0


class _Careen:
    def __init__(self, project: Path, cache: Path) -> None:
        self._project = project
        self._cache = cache

    def __call__(self, *words: str) -> None:
        program = [sys.executable, "-c", "from careen.cli.main import main; main()"]
        environment = {**os.environ, "CAREEN_CACHE": str(self._cache)}
        subprocess.run([*program, *words], check=True, env=environment, stdout=subprocess.DEVNULL)

    def plan(self, *words: str) -> None:
        self("plan", str(self._project), "--quiet", "--format", "json", *words)

    def forget_plans(self) -> None:
        shutil.rmtree(self._cache / "store/answers/plans", ignore_errors=True)

    def remember(self) -> None:
        """The plan as it is, and no other."""
        self.forget_plans()
        self.plan()

    def forget_debian(self) -> None:
        """Lists, packages, and what was learnt from composing them."""
        self.forget_plans()
        shutil.rmtree(self._cache / "debian", ignore_errors=True)
        for kind in ("bases", "largest bases", "libraries", "apt"):
            shutil.rmtree(self._cache / "store/answers" / kind, ignore_errors=True)

    def forget_all(self) -> None:
        shutil.rmtree(self._cache, ignore_errors=True)

    def forget_wheels(self) -> None:
        self.forget_plans()
        for kind in ("contents", "wheels"):
            shutil.rmtree(self._cache / "python" / kind, ignore_errors=True)


def _median(act: Callable[[], None], runs: int, prepare: Callable[[], None] = lambda: None) -> float:
    times = []
    for _ in range(runs):
        prepare()
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _cold_wheels(lock: Path, count: int, runs: int) -> None:
    read = read_uvlock(Source(PurePosixPath("uv.lock"), lock.read_text()))
    target = PythonVersion(11), Platform.parse("linux/amd64"), OF_RELEASE["bookworm"]
    wheels = [wheel for package in read.packages if (wheel := best_wheel(package.wheels, *target)) is not None][:count]

    def ask() -> None:
        client = HttpClient()
        with tempfile.TemporaryDirectory() as folder:
            PackageFiles(client, Path(folder)).contents(wheels)
        client.close()

    print(f"contents of {len(wheels)} wheels, nothing cached {_median(ask, runs) * 1000:7.0f} ms")


if __name__ == "__main__":
    sys.exit(main())
