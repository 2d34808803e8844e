"""What the trimming policies save of popular distributions, and whether these still do their work.

    python benchmarks/trimming.py [--cache FOLDER] [--scratch FOLDER] [--only NAME ...] [--policies none safe lean]
    python benchmarks/trimming.py --platform linux/arm64

The distributions and an exercise of each are in trimming.toml. One project needs them all; it is locked here (uv's own
configuration says where), planned once, and built under every policy. Then each exercise runs inside of each image, in
a sandbox without a network (bwrap), by the image's interpreter, as a user without rights. Sizes are those of installed
files; an image under the policy ``none`` has what was exercised whole. Prints a table for Markdown; the exit code is 1
when an exercise fails under some policy that passes whole.

Exercises with a ``platform`` of their own run for that alone: torch's wheels for amd64 load three gigabytes of CUDA
before they do anything, those for arm64 (up to 2.10) none. What is for another processor runs in qemu-user.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from careen.app.plan_request import PlanRequest
from careen.app.planning import plan_stack
from careen.app.session import Session, Surroundings
from careen.blobs.store import Store
from careen.build.engine import BuildOptions, BuildResult, BuildSources
from careen.build.native import build_stack
from careen.oci.media_types import Compression
from careen.plan.target import Plan
from careen.platforms import Platform
from careen.python.names import package_name
from careen.python.trimming import TrimmingPolicy

TABLE = Path(__file__).with_suffix(".toml")
PATIENCE_SECONDS = 300
EMULATED_PATIENCE_SECONDS = 1800
OWN_PLATFORM = "linux/amd64"


def write_project(root: Path, exercises: Mapping[str, Mapping[str, object]]) -> None:
    needs = [need for name, exercise in exercises.items() for need in exercise.get("needs", [name])]  # type: ignore[attr-defined]
    listed = ", ".join(f'"{need}"' for need in sorted(set(needs)))
    (root / "pyproject.toml").write_text(
        f'[project]\nname = "everything"\nversion = "1"\nrequires-python = "==3.11.*"\ndependencies = [{listed}]\n'
    )
    (root / "main.py").write_text("".join(f"{exercise['code']}\n" for exercise in exercises.values()))
    (root / "Dockerfile").write_text(
        'FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nRUN pip install .\nCMD ["python", "main.py"]\n'
    )
    (root / "compose.yaml").write_text("services:\n  everything:\n    build: .\n")
    uv = shutil.which("uv") or Path(sys.executable).with_name("uv")
    subprocess.run([uv, "lock", "--quiet"], cwd=root, check=True)


def unpack(result: BuildResult, folder: Path) -> None:
    for layer in result.images[0].layers:
        with tarfile.open(result.layout / "blobs" / "sha256" / layer.digest.hex) as archive:
            archive.extractall(folder, filter="tar")


def emulator(platform: Platform) -> Path | None:
    """None where the machine runs such programs by itself."""
    if platform.architecture.machine == os.uname().machine:
        return None
    name = f"qemu-{platform.architecture.machine}-static"
    found = shutil.which(name)
    if found is None:
        sys.exit(f"{name} is not on this machine (apt-get install qemu-user-static)")
    return Path(found)


def exercise(root: Path, code: str, interpreter: str, qemu: Path | None) -> str:
    """Nothing when it passes, or the last line of what it said."""
    words = ["bwrap", "--ro-bind", str(root), "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]  # noqa: S108
    words += ["--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--setenv", "HOME", "/tmp"]  # noqa: S108
    words += ["--uid", "10001", "--gid", "10001", "--chdir", "/tmp"]  # noqa: S108
    if qemu is not None:
        words += ["--ro-bind", str(qemu), "/tmp/emulator", "/tmp/emulator"]  # noqa: S108
    words += [interpreter, "-c", code]
    patience = PATIENCE_SECONDS if qemu is None else EMULATED_PATIENCE_SECONDS
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=patience)
    except subprocess.TimeoutExpired:
        return f"took more than {patience} s"
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"exit code {done.returncode}"


def sizes(result: BuildResult) -> Mapping[str, tuple[int, int]]:
    """Bytes without bytecode, and of bytecode, by distribution."""
    shares = [share for layer in result.layers for share in layer.shares]
    return {
        share.what.partition(" ")[0]: (share.bytes - share.bytecode_bytes, share.bytecode_bytes) for share in shares
    }


def build(plan: Plan, sources: BuildSources, scratch: Path, policy: TrimmingPolicy) -> BuildResult:
    output = scratch / f"images-{policy.value}"
    shutil.rmtree(output, ignore_errors=True)
    options = BuildOptions(trimming=policy, compression=Compression.NONE)
    return build_stack(plan, sources, output=output, options=options)


def megabytes(size: int) -> str:
    return f"{size / 1e6:.2f}"


def show(
    names: Sequence[str],
    policies: Sequence[TrimmingPolicy],
    found: Mapping[TrimmingPolicy, Mapping[str, tuple[int, int]]],
    failures: Mapping[tuple[str, TrimmingPolicy], str],
) -> int:
    cuts = [policy for policy in policies if policy is not TrimmingPolicy.NONE]
    columns = "".join(f" {policy.value} saves | |" for policy in cuts)
    print(f"| distribution | whole, MB |{columns} bytecode, MB | exercise |")
    print(f"|---|---:|{'---:|---:|' * len(cuts)}---:|---|")
    worse = 0
    total = dict.fromkeys(policies, 0)
    for name in names:
        whole = found[TrimmingPolicy.NONE][name][0]
        cells = [name, megabytes(whole)]
        for policy in cuts:
            saved = whole - found[policy][name][0]
            cells += [megabytes(saved), f"{100 * saved / whole:.0f} %"]
        for policy in policies:
            total[policy] += found[policy][name][0]
        cells.append(megabytes(found[cuts[0]][name][1]))
        failed = {policy: failures[name, policy] for policy in policies if failures[name, policy]}
        worse += bool(failed) and TrimmingPolicy.NONE not in failed
        cells.append("passes" if not failed else "; ".join(f"{policy.value}: {why}" for policy, why in failed.items()))
        print(f"| {' | '.join(cells)} |")
    whole = total[TrimmingPolicy.NONE]
    saved_cells = [
        cell for cut in cuts for cell in (megabytes(whole - total[cut]), f"{100 - 100 * total[cut] / whole:.0f} %")
    ]
    print(f"| **all {len(names)}** | {' | '.join([megabytes(whole), *saved_cells])} | | |")
    return 1 if worse else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--scratch", type=Path, help="for some GB; a folder of the system's otherwise")
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--policies", nargs="+", default=["none", "safe", "lean"])
    parser.add_argument("--platform", default=OWN_PLATFORM)
    arguments = parser.parse_args()
    exercises = {
        name: exercise
        for name, exercise in tomllib.loads(TABLE.read_text())["exercises"].items()
        if exercise.get("platform", OWN_PLATFORM) == arguments.platform
    }
    platform = Platform.parse(arguments.platform)
    qemu = emulator(platform)
    if arguments.only:
        exercises = {name: exercises[name] for name in arguments.only}
    policies = [TrimmingPolicy(word) for word in arguments.policies]
    found, failures = {}, {}
    with tempfile.TemporaryDirectory(prefix="careen-benchmark-", dir=arguments.scratch) as folder:
        scratch = Path(folder)
        root = scratch / "project"
        root.mkdir()
        write_project(root, exercises)
        cache = arguments.cache or scratch / "cache"
        session = Session(surroundings=Surroundings(cache=cache, now=lambda: datetime.now(UTC), environment=os.environ))
        request = PlanRequest(root=root, platform=platform, fetch_wheels=True)
        plan = plan_stack(session, request).plan
        sources = BuildSources(
            root=root / plan.root,
            packages=session.packages,
            debs=session.mirror.debs,
            store=Store(scratch / "store"),
            environment=os.environ,
        )
        for policy in policies:
            result = build(plan, sources, scratch, policy)
            weighed = sizes(result)
            found[policy] = {
                name: weighed[wanted]
                for name, text in exercises.items()
                if (wanted := package_name(text.get("distribution", name))) in weighed
            }
            image = scratch / "root"
            image.mkdir()
            unpack(result, image)
            for name, text in exercises.items():
                failures[name, policy] = exercise(image, text["code"], str(plan.base.runtime.executable), qemu)
                if failures[name, policy]:
                    print(f"{policy.value}: {name}: {failures[name, policy]}", file=sys.stderr)
            for spent in (image, result.layout):
                shutil.rmtree(spent)
        session.close()
    names = [name for name in sorted(exercises) if name in found[policies[0]]]
    left = sorted(set(exercises) - set(names))
    status = show(names, policies, found, failures)
    if left:
        print(f"\nNot in the image: {', '.join(left)}")
    raise SystemExit(status)


if __name__ == "__main__":
    main()
