"""Does a service run from nothing but what its plan keeps? ``python benchmarks/partition.py CHECKOUT``

Plans the checkout, builds it natively, and in each service's image, in a sandbox of bubblewrap with this machine's
network: imports every first-party module that the plan reached, then starts the service until it answers (a web
service), keeps its heartbeat (a worker) or has lived for a while (anything else). Prints predicted and built bytes,
kept and dropped distributions, what could not be imported, and how the start went. A module that is missing although
something in the lock brings it is a fault of the plan, and ends the run with 1, as does a size more than 2 % off.

The names of the stack's other services lead to this machine, so a Redis or a PostgreSQL that runs here is found;
``--env`` sets what the service wants to know besides. CAREEN_CACHE names the cache folder. Needs root or user
namespaces, and the index and the mirror unless they are cached.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO

from careen.app.building import BuildRequest, build_planned
from careen.app.plan_request import PlanRequest
from careen.app.planning import Planned, plan_stack
from careen.app.session import Session, Surroundings
from careen.build.engine import BuildOptions
from careen.errors import CareenError
from careen.oci.layout import Layout
from careen.oci.unpack import unpack
from careen.plan.lock_view import wheels_for
from careen.plan.roles import Role
from careen.plan.target import ServicePlan
from careen.platforms import Platform
from careen.python.contents import ImportIndex
from careen.python.environment import TargetEnvironment
from careen.python.tags import GLIBC_OF_RELEASE

LIMIT_PERCENT = 2.0
PROBE = """
import importlib, json, os, sys
names, missing, other, found = json.loads(sys.argv[1]), {}, {}, 0
sys.argv = sys.argv[:1]
if os.environ.get("DJANGO_SETTINGS_MODULE"):
    import django
    django.setup()
for name in names:
    try:
        importlib.import_module(name)
        found += 1
    except ModuleNotFoundError as error:
        missing.setdefault(error.name or "?", name)
    except BaseException as error:
        other[name] = repr(error)[:160]
print("\\n@@" + json.dumps([found, missing, other]))
os._exit(0)
"""


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """``names`` are host names that lead to this machine."""

    root: Path
    service: ServicePlan
    environment: Mapping[str, str]
    names: tuple[str, ...]

    def argv(self, command: Sequence[str]) -> list[str]:
        hosts = self.root.with_name(f"{self.root.name}.hosts")
        hosts.write_text(f"127.0.0.1 localhost {' '.join(self.names)}\n")
        words = ["bwrap", "--bind", str(self.root), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108
        words += ["--ro-bind", str(hosts), "/etc/hosts", "--unshare-pid", "--die-with-parent", "--clearenv"]
        given = {**dict(self.service.environment), **dict(self.service.run_environment), **self.environment}
        given["PYTHONPATH"] = dict(self.service.environment)["PYTHONPATH"]
        given["PYTHONUNBUFFERED"] = "1"
        given["CAREEN_HEARTBEAT_FILE"] = f"/{self._heartbeat.name}"
        for name, value in {"HOME": "/tmp", **given}.items():  # noqa: S108
            words += ["--setenv", name, value]
        return [*words, "--chdir", str(self.service.working_directory), "--", *command]

    @property
    def _heartbeat(self) -> Path:
        """What a worker touches when its consumer runs, whatever the level of its log."""
        return self.root / "careen-heartbeat"

    def imports(self, modules: Sequence[str]) -> tuple[int, Mapping[str, str], Mapping[str, str]] | str:
        """How many could be imported, what was missing (and who wanted it), what failed otherwise; or the output."""
        python = self.service.entry_point[0]
        done = subprocess.run(
            self.argv([python, "-c", PROBE, json.dumps(modules)]),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        for line in done.stdout.splitlines():
            if line.startswith("@@"):
                found, missing, other = json.loads(line[2:])
                return found, missing, other
        return (done.stdout + done.stderr)[-1500:]

    def start(self, command: Sequence[str], seconds: float) -> str:
        """What became of it, in a few words; its last output when it ended."""
        self._heartbeat.unlink(missing_ok=True)
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(self.argv(command), stdout=output, stderr=subprocess.STDOUT)
            try:
                began = time.monotonic()
                while process.poll() is None and time.monotonic() - began < seconds:
                    time.sleep(0.3)
                    if (said := self._is_up(_text(output))) is not None:
                        return said
                if process.poll() is None:
                    return f"lives after {seconds:.0f} s" if self.service.role is Role.OTHER else "NOT READY, lives"
                return f"ENDED {process.returncode}: {_text(output)[-700:]}"
            finally:
                process.kill()
                process.wait()
                self._heartbeat.unlink(missing_ok=True)

    def _is_up(self, output: str) -> str | None:
        if self.service.role in {Role.WEB, Role.FLOWER}:
            for port in self.service.container_ports:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
                        return f"answers {answer.status}"
                except urllib.error.HTTPError as error:
                    return f"answers {error.code}"
                except OSError:
                    continue
        elif self.service.role is Role.WORKER and self._heartbeat.exists():
            return "ready"
        # The first is said at the level INFO only, the second in any case.
        elif self.service.role is Role.BEAT and ("beat: Starting" in output or "is starting." in output):
            return "beats"
        return None


def _text(output: IO[bytes]) -> str:
    return os.pread(output.fileno(), 1 << 20, 0).decode("utf-8", "replace")


def modules_of(service: ServicePlan) -> list[str]:
    """The dotted names under which the application's files can be imported, but for those that act when imported."""
    roots = sorted(dict(service.environment)["PYTHONPATH"].split(":"), key=lambda root: -len(root))
    names: list[str] = []
    for file in service.application:
        path = file.destination
        root = next((root for root in roots if path.is_relative_to(root)), None)
        if path.suffix != ".py" or root is None or path.name in {"manage.py", "__main__.py", "setup.py"}:
            continue
        parts = path.relative_to(root).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if parts and "alembic" not in parts and all(part.isidentifier() for part in parts):
            names.append(".".join(parts))
    return sorted(dict.fromkeys(names))


def index_of(session: Session, planned: Planned) -> ImportIndex:
    """Of everything in the lock that is no package of the project."""
    runtime = planned.plan.base.runtime
    environment = TargetEnvironment(python=runtime.version, platform=planned.plan.platform, patch=0)
    packages = [package for package in planned.lock.packages if not package.is_local]
    files = {
        package.name: package.sdist for package in packages if package.sdist is not None and package.sdist.digest
    } | dict(wheels_for(packages, environment, GLIBC_OF_RELEASE[planned.plan.base.release]))
    found = session.packages.contents(list(dict.fromkeys(files.values())))
    return ImportIndex({name: held for name, file in files.items() if not isinstance(held := found[file], CareenError)})


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("-f", "--file", action="append", default=[], type=PurePosixPath, help="compose file")
    parser.add_argument("--service", action="append", default=[])
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--run", action="append", default=[], metavar="COMMAND", help="in every service, before it")
    parser.add_argument("--command", action="append", default=[], metavar="SERVICE=COMMAND", help="instead of its own")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--platform", default="linux/amd64")
    return parser.parse_args()


def main() -> int:
    arguments = options()
    cache = Path(os.environ.get("CAREEN_CACHE", "~/.cache/careen")).expanduser()
    session = Session(
        surroundings=Surroundings(cache=cache, now=lambda: datetime.now(UTC), environment=dict(os.environ))
    )
    request = PlanRequest(
        root=arguments.checkout,
        platform=Platform.parse(arguments.platform),
        compose_files=tuple(arguments.file),
        fetch_wheels=True,
    )
    planned = plan_stack(session, request)
    index = index_of(session, planned)
    commands = dict(item.split("=", 1) for item in arguments.command)
    wrong = 0
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        wanted = BuildRequest(plan=request, output=Path(folder, "layout"), options=BuildOptions())
        result = build_planned(session, wanted, planned)
        layout = Layout.open(wanted.output)
        for service in planned.plan.services:
            if arguments.service and service.name not in arguments.service:
                continue
            image = result.image(service.name)
            predicted = service.predicted_bytes or 0
            off = 100 * (predicted - image.bytes) / image.bytes
            print(
                f"{service.name}: {len(service.distributions)} kept, {len(service.dropped)} dropped, "
                f"predicted {predicted / 1e6:.2f} MB, built {image.bytes / 1e6:.2f} MB, {off:+.2f} %"
            )
            root = Path(folder, f"root-{service.name}")
            unpack(layout, layout.manifest(layout.image(image.reference)), root)
            sandbox = Sandbox(
                root=root,
                service=service,
                environment=dict(item.split("=", 1) for item in arguments.env),
                names=tuple(
                    sorted({*(s.name for s in planned.plan.backing), *(s.name for s in planned.plan.services)})
                ),
            )
            kept = {item.name for item in service.distributions}
            wrong += (abs(off) > LIMIT_PERCENT) + tell_imports(sandbox, index, kept)
            for command in arguments.run:
                words = shlex.split(command)
                words = [service.entry_point[0], *words[1:]] if words[0] == "python" else words
                done = subprocess.run(sandbox.argv(words), capture_output=True, text=True, timeout=600, check=False)
                print(f"  `{command}` ended {done.returncode}" + _tail(done.stdout + done.stderr, done.returncode))
            own = shlex.split(commands.get(service.name, ""))
            said = sandbox.start([service.entry_point[0], *own] if own else service.entry_point, arguments.seconds)
            wrong += said.startswith(("ENDED", "NOT"))
            print(f"  started: {said}", flush=True)
    print("proven" if not wrong else f"{wrong} faults")
    return 0 if not wrong else 1


def _tail(output: str, code: int) -> str:
    return f": {output[-700:]}" if code else ""


def tell_imports(sandbox: Sandbox, index: ImportIndex, kept: Iterable[str]) -> int:
    """How many modules are missing that something brings which the plan has dropped."""
    modules = modules_of(sandbox.service)
    if not modules:
        return 0
    said = sandbox.imports(modules)
    if isinstance(said, str):
        print(f"  no module could be imported: {said}")
        return 1
    found, missing, other = said
    print(f"  {found} of {len(modules)} modules imported")
    faults = 0
    for name, wanted_by in missing.items():
        dropped = [provider for provider in index.exact(name) if provider not in set(kept)]
        faults += bool(dropped)
        print(f"    {name} is missing for {wanted_by}" + (f": FAULT, {', '.join(dropped)} dropped" if dropped else ""))
    for name, why in list(other.items())[:12]:
        print(f"    {name}: {why}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
