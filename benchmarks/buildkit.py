"""A stack's images by BuildKit and by careen, side by side: from nothing, after a change, and after none.

    python benchmarks/buildkit.py [PROJECT] [--rounds 3] [--cold-rounds 1] [--runtime distroless|slim] [--one-by-one]
                                  [--no-bytecode] [--bump NAME=VERSION,VERSION,...]

PROJECT is a stack with a lock, the example (a copy, locked here) when it is left out. Both are given the same folder,
the project as `careen fix` rewrites it: BuildKit builds the Dockerfile that careen wrote, every target at once as
`docker buildx bake` does (--one-by-one: one after the other), and keeps its images in a daemon that this program
starts for itself (Debian's dockerd; needs root). `careen build` writes an OCI layout. Timed are whole commands,
start-up, reading and planning included; images that Dockerfiles begin with are there before. Those that cannot be
pulled are stood in for: Debian by mmdebstrap, uv's by the uv on this machine.

What a case leaves to do:

    nothing here        neither has fetched a wheel or a package of Debian's, nor made anything from them
    wheels here         BuildKit keeps the cache mount of uv, warm; careen keeps what it fetched; both make all else
    segments here       the same for BuildKit; careen has packed every wheel before, in whatever stack, but no layer
    bumped, fetching    the lock has another version of one distribution, which nobody has fetched before
    bumped, wheel here  the same, and the new version's wheel is in uv's cache and in careen's
    one file changed    a module that a service imports
    nothing changed

The median of the rounds counts. Figures of one run, with what they mean, are in docs/speed.md.

Processor time is that of the commands and, for BuildKit, of its daemon with all that runs in its builds: where other
work shares the processors it says more than the time by the clock.
"""

import argparse
import io
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from careen.rewrite.options import UV_VERSION

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "shelf"
BUMP = "click=8.1.2,8.1.3,8.1.4,8.1.5,8.1.6,8.1.7,8.1.8,8.2.0,8.2.1"
UV = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
TRUST = "/opt/trust.crt"
PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Took:
    """Seconds by the clock, and of the processors; bytes of memory that the largest process had."""

    clock: float
    processor: float
    memory: int = 0


@dataclass(frozen=True)
class Daemon:
    socket: Path
    process: int
    program: str = "/usr/bin/docker"

    def command(self, *words: str) -> list[str]:
        return [self.program, "-H", f"unix://{self.socket}", *words]

    def run(self, *words: str, stdin: bytes = b"") -> str:
        done = subprocess.run(self.command(*words), input=stdin, capture_output=True, env=buildkit(), check=False)
        if done.returncode:
            raise SystemExit(f"docker {' '.join(words)}: {done.stderr.decode(errors='replace')[-2000:]}")
        return done.stdout.decode().strip()

    def processor_seconds(self) -> float:
        """Of the daemon, and of what it ran and has waited for (proc_pid_stat(5): utime, stime, cutime, cstime)."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")

    def has(self, image: str) -> bool:
        return bool(self.run("images", "--quiet", image))


def buildkit() -> dict[str, str]:
    return {**os.environ, "DOCKER_BUILDKIT": "1"}


@contextmanager
def daemon(folder: Path) -> Iterator[Daemon]:
    program = shutil.which("dockerd", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        raise SystemExit("dockerd is not on this machine (apt-get install docker.io)")
    socket = folder / "docker.sock"
    words = [program, "--data-root", folder / "data", "--exec-root", folder / "exec", "--pidfile", folder / "pid"]
    words += ["-H", f"unix://{socket}", "--bridge", "none", "--iptables=false", "--ip6tables=false"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(word) for word in words], stdout=log, stderr=log)
    started = Daemon(socket, process.pid)
    try:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while subprocess.run(started.command("version"), capture_output=True, check=False).returncode:
            if process.poll() is not None or time.monotonic() > give_up:
                raise SystemExit(f"dockerd does not start: {(folder / 'log').read_text(errors='replace')[-1000:]}")
            time.sleep(0.2)
        yield started
    finally:
        process.terminate()
        process.wait(timeout=60)
        for line in sorted(Path("/proc/self/mounts").read_text().splitlines(), reverse=True):
            if line.split()[1].startswith(str(folder)):
                subprocess.run(["umount", "-l", line.split()[1]], check=False, capture_output=True)


def prepare(docker: Daemon, dockerfile: str, folder: Path) -> None:
    """The images that the Dockerfile begins with, pulled or made."""
    made: dict[str, Callable[[], bytes]] = {
        "debian:bookworm-slim": lambda: debian(folder),
        "python:3.11-slim": lambda: debian(folder, "ca-certificates", "python3.11"),
        "python:3.11-slim-bookworm": lambda: debian(folder, "ca-certificates", "python3.11"),
        f"ghcr.io/astral-sh/uv:{UV_VERSION}": archive_of_uv,
    }
    for image, make in made.items():
        if image not in dockerfile or docker.has(image):
            continue
        if subprocess.run(docker.command("pull", "--quiet", image), capture_output=True, check=False).returncode:
            docker.run("import", "--change", f"ENV SSL_CERT_FILE={TRUST}", "-", image, stdin=make())
            print(f"{image} cannot be pulled here, so another is built on that is like it")


def debian(folder: Path, *packages: str) -> bytes:
    """A minimal one, which trusts what this machine trusts."""
    archive = folder / "debian.tar"
    words = ["mmdebstrap", "--quiet", "--variant=minbase", *(f"--include={package}" for package in packages)]
    words += ["--customize-hook=copy-in /etc/apt/apt.conf.d /etc/apt/", "bookworm", str(archive)]
    subprocess.run(words, check=True, capture_output=True)
    with tarfile.open(archive, "a") as tar:
        tar.add(Path("/etc/ssl/certs/ca-certificates.crt").resolve(), TRUST.lstrip("/"))
        if packages:
            link = tarfile.TarInfo("./usr/local/bin/python3.11")
            link.type, link.linkname = tarfile.SYMTYPE, "/usr/bin/python3.11"
            tar.addfile(link)
    data = archive.read_bytes()
    archive.unlink()
    return data


def archive_of_uv() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(Path(UV).resolve(), "uv")
    return buffer.getvalue()


@dataclass
class BuildKit:
    docker: Daemon
    project: Path
    targets: Sequence[str]
    one_by_one: bool

    @property
    def dockerfile(self) -> Path:
        return self.project / "docker" / "Dockerfile"

    def build(self) -> Took:
        started, before = time.perf_counter(), self.docker.processor_seconds()
        clients = resource.getrusage(resource.RUSAGE_CHILDREN)
        running: list[subprocess.Popen[bytes]] = []
        for target in self.targets:
            words = ["--quiet", "--network", "host", "--file", str(self.dockerfile), "--target", target]
            command = self.docker.command("build", *words, "--tag", f"stack:{target}", str(self.project))
            running.append(subprocess.Popen(command, env=buildkit(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
            if self.one_by_one:
                running[-1].wait()
        for process in running:
            _, problem = process.communicate()
            if process.returncode:
                raise SystemExit(problem.decode(errors="replace")[-2000:])
        clock = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        of_clients = after.ru_utime + after.ru_stime - clients.ru_utime - clients.ru_stime
        return Took(clock, self.docker.processor_seconds() - before + of_clients)

    def forget_everything(self) -> None:
        self._forget_images()
        self.docker.run("builder", "prune", "--all", "--force")

    def forget_layers(self) -> None:
        """All but what its cache mounts hold."""
        self._forget_images()
        for kind in ("regular", "source.local", "frontend", "internal"):
            self.docker.run("builder", "prune", "--all", "--force", "--filter", f"type={kind}")

    def _forget_images(self) -> None:
        there = self.docker.run("images", "--quiet", "stack").split()
        if there:
            self.docker.run("rmi", "--force", *sorted(set(there)))

    def fetch(self, requirement: str) -> None:
        """Into uv's cache mount, from where builds take it."""
        aside = self.project.parent / "fetching"
        step = f"uv pip install --quiet --no-deps --target /tmp/fetched {requirement}"
        mount = "--mount=type=cache,target=/root/.cache/uv"
        aside.write_text(f"{self.dockerfile.read_text()}\nFROM builder AS fetching\nRUN {mount} {step}\n")
        words = ["--quiet", "--network", "host", "--file", str(aside), "--target", "fetching", str(self.project)]
        self.docker.run("build", *words)

    def sizes(self) -> dict[str, int]:
        found = {}
        for target in self.targets:
            found[target] = int(self.docker.run("image", "inspect", "--format", "{{.Size}}", f"stack:{target}"))
        return found


@dataclass
class Careen:
    project: Path
    scratch: Path
    options: Sequence[str] = ()

    @property
    def cache(self) -> Path:
        return self.scratch / "cache"

    def build(self) -> Took:
        output = self.scratch / "images"
        words = ["careen", "build", str(self.project), "--output", str(output), "--quiet", *self.options]
        environment = {**os.environ, "CAREEN_CACHE": str(self.cache), "PYTHONDONTWRITEBYTECODE": ""}
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", *words], env=environment, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        clock = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"careen build ended with {process.returncode}")
        return Took(clock, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)

    def forget_everything(self) -> None:
        self.forget_images()
        shutil.rmtree(self.cache, ignore_errors=True)

    def forget_images(self) -> None:
        shutil.rmtree(self.scratch / "images", ignore_errors=True)

    def forget(self, *kinds: str) -> None:
        """Of what the store keeps; all of it where no kind is named."""
        self.forget_images()
        for folder in (self.cache / "store").iterdir():
            if not kinds or folder.name in kinds:
                shutil.rmtree(folder)

    def fetch(self) -> None:
        """What a build of the project fetches, and nothing that it makes of that."""
        store, aside = self.cache / "store", self.scratch / "aside"
        for folder in (store, self.scratch / "images"):
            shutil.copytree(folder, aside / folder.name, copy_function=os.link, symlinks=True)
        self.build()
        for folder in (store, self.scratch / "images"):
            shutil.rmtree(folder)
            (aside / folder.name).rename(folder)
        aside.rmdir()


@dataclass
class Table:
    rows: dict[str, tuple[list[Took], list[Took]]] = field(default_factory=dict)

    def add(self, case: str, buildkit: Took, careen: Took) -> None:
        theirs, ours = self.rows.setdefault(case, ([], []))
        theirs.append(buildkit)
        ours.append(careen)
        sys.stderr.write(f"  {case}: BuildKit {buildkit.clock:.2f} s, careen {careen.clock:.2f} s\n")

    def show(self) -> None:
        print(f"\n| {'case':18} | BuildKit | processor | careen | processor | BuildKit takes | processor | memory |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        for case, (theirs, ours) in self.rows.items():
            one, other = median(theirs), median(ours)
            print(
                f"| {case:18} | {one.clock:6.2f} s | {one.processor:6.2f} s | {other.clock:5.2f} s | "
                f"{other.processor:5.2f} s | {one.clock / other.clock:5.1f} x | "
                f"{one.processor / other.processor:5.1f} x | {max(took.memory for took in ours) / 1e6:3.0f} MB |"
            )


def median(times: Sequence[Took]) -> Took:
    return Took(statistics.median(t.clock for t in times), statistics.median(t.processor for t in times))


def measure(theirs: BuildKit, ours: Careen, chosen: argparse.Namespace) -> Table:
    table = Table()
    lock = theirs.project / "uv.lock"
    original = lock.read_bytes()
    for _ in range(chosen.cold_rounds):
        theirs.forget_everything()
        ours.forget_everything()
        table.add("nothing here", theirs.build(), ours.build())
    for _ in range(chosen.rounds):
        theirs.forget_layers()
        ours.forget()
        took = theirs.build()
        table.add("wheels here", took, ours.build())
        ours.forget("layer", "contents", "image")
        table.add("segments here", took, ours.build())
    module = next(path for path in sorted(theirs.project.glob("src/*/*/*.py")) if path.stat().st_size)
    for number in range(2 * chosen.rounds):
        with module.open("a") as source:
            source.write(f"# changed {number}\n")
        table.add("one file changed", theirs.build(), ours.build())
    for _ in range(2 * chosen.rounds):
        table.add("nothing changed", theirs.build(), ours.build())
    name, _, versions = chosen.bump.partition("=")
    for number, (version, text) in enumerate(locks(theirs.project, name, versions.split(","))[: 2 * chosen.rounds]):
        lock.write_bytes(text)
        case = "bumped, fetching"
        if number % 2:
            case = "bumped, wheel here"
            theirs.fetch(f"{name}=={version}")
            ours.fetch()
        table.add(case, theirs.build(), ours.build())
        lock.write_bytes(original)
        theirs.build()
        ours.build()
    return table


def locks(project: Path, name: str, versions: Sequence[str]) -> list[tuple[str, bytes]]:
    """Locks that differ from the project's in one distribution. Those that would differ in more are left out."""
    lock = project / "uv.lock"
    original = lock.read_bytes()
    found: list[tuple[str, bytes]] = []
    for version in versions:
        words = ["lock", "--quiet", "--upgrade-package", f"{name}=={version}"]
        done = subprocess.run([UV, *words], cwd=project, capture_output=True, check=False)
        text = lock.read_bytes()
        if not done.returncode and text != original and text.count(b"[[package]]") == original.count(b"[[package]]"):
            found.append((version, text))
        lock.write_bytes(original)
    return found


def rewrite(project: Path, into: Path, runtime: str) -> None:
    words = ["careen", "fix", str(project), "--into", str(into), "--quiet", "--runtime", runtime]
    subprocess.run([sys.executable, "-m", *words], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cold-rounds", type=int, default=1)
    parser.add_argument("--runtime", choices=("distroless", "slim"), default="distroless")
    parser.add_argument("--one-by-one", action="store_true")
    parser.add_argument("--no-bytecode", action="store_true")
    parser.add_argument("--bump", default=BUMP)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="careen-benchmark-") as name:
        scratch = Path(name)
        original, project = scratch / "original", scratch / "project"
        shutil.copytree(chosen.project or EXAMPLE, original, ignore=shutil.ignore_patterns(".venv", ".git"))
        if not (original / "uv.lock").exists():
            subprocess.run([UV, "lock", "--quiet"], cwd=original, check=True)
        rewrite(original, project, chosen.runtime)
        dockerfile = project / "docker" / "Dockerfile"
        text = dockerfile.read_text()
        if chosen.no_bytecode:
            text = text.replace("UV_COMPILE_BYTECODE=1", "UV_COMPILE_BYTECODE=0")
            dockerfile.write_text(text)
        targets = [line.split()[-1] for line in text.splitlines() if line.startswith("FROM runtime AS ")]
        with daemon(scratch) as docker:
            prepare(docker, text, scratch)
            theirs = BuildKit(docker, project, targets, chosen.one_by_one)
            options = ["--no-bytecode"] if chosen.no_bytecode else []
            ours = Careen(project, scratch / "careen", options)
            table = measure(theirs, ours, chosen)
            sizes = theirs.sizes()
            version = docker.run("version", "--format", "{{.Server.Version}}")
    print(f"\n{len(targets)} images, BuildKit of dockerd {version}, {os.cpu_count()} processors")
    table.show()
    print(f"\nBuildKit's images: {', '.join(f'{name} {size / 1e6:.0f} MB' for name, size in sizes.items())}")


if __name__ == "__main__":
    main()
