"""Does every service of a real project run from nothing but what its plan keeps?

    python benchmarks/partition.py --checkouts FOLDER [--clone PREFIX] [--results FILE] [OWNER/NAME ...]
    python benchmarks/partition.py --results FILE --write-table docs/partition.md

The projects, their commits and what each needs are in partition.toml. FOLDER holds a work tree of each, named
OWNER+NAME; --clone makes those that are missing (`git clone PREFIX/OWNER/NAME`, then the commit). Each is copied,
planned and built natively. Then, in a network namespace that has nothing but this run's own PostgreSQL, Redis,
RabbitMQ, SQS or Ethereum node, each image is unpacked and entered with bubblewrap: every first-party module that the
plan reached is imported, what the project does before it starts (migrations) is done, and the service is started until
a web service answers below 500 (below 400 where partition.toml names a page of the project's own), a worker's heartbeat
beats, beat has announced itself and lives, or anything else has lived for a while. A module that is missing although
something in the lock brings it, a service that does not start, or a size more than 2 % off is a fault and ends the run
with 1. Nothing is read from a log: a worker may log as little as it likes.

CAREEN_CACHE names the cache folder. Needs root, bubblewrap, iproute2, the servers that partition.toml asks for
(moto_server for SQS, ganache for Ethereum), and the index and the mirror unless they are cached.
"""

import argparse
import ctypes
import dataclasses
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

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
from careen.python.c_library import OF_RELEASE
from careen.python.contents import ImportIndex
from careen.python.environment import TargetEnvironment

LIST = Path(__file__).with_suffix(".toml")
TABLE_LINE = "<!-- made by benchmarks/partition.py --write-table; do not edit below -->"
LIMIT_PERCENT = 2.0
CLONE_NEWNET = 0x40000000
"""unshare(2)."""
LIVES_SECONDS = 20.0
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
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Project:
    """``files`` are texts to write before planning, or ``@path`` to copy, by their path. ``before`` and ``variables``
    are by service, as are ``commands``, given instead of the plan's own, and ``asks``, paths that have to answer below
    400 instead of the health check's. ``jobs`` are services that do their work and end. ``needs`` are servers, with the
    names of the role and the database for PostgreSQL.
    """

    repository: str
    commit: str
    folder: str = "."
    compose: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    variables: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    needs: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    before: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    commands: Mapping[str, str] = dataclasses.field(default_factory=dict)
    asks: Mapping[str, str] = dataclasses.field(default_factory=dict)
    jobs: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """``names`` are host names that lead to this machine. ``asks`` is the path that has to answer below 400."""

    root: Path
    service: ServicePlan
    environment: Mapping[str, str]
    names: tuple[str, ...]
    asks: str | None = None

    def argv(self, command: Sequence[str]) -> list[str]:
        hosts, scratch = (self.root.with_name(f"{self.root.name}.{kind}") for kind in ("hosts", "tmp"))
        hosts.write_text(f"127.0.0.1 localhost {self.service.name} {' '.join(self.names)}\n")
        scratch.mkdir(exist_ok=True)
        words = ["bwrap", "--bind", str(self.root), "/", "--proc", "/proc", "--dev", "/dev"]
        words += ["--bind", str(scratch), "/tmp", "--ro-bind", str(hosts), "/etc/hosts"]  # noqa: S108
        words += ["--unshare-uts", "--hostname", self.service.name]  # a container finds itself by its name
        words += ["--unshare-pid", "--die-with-parent", "--clearenv"]
        given = {**dict(self.service.environment), **self.environment}
        given["PYTHONPATH"] = dict(self.service.environment)["PYTHONPATH"]
        for name, value in {"HOME": "/tmp", **given}.items():  # noqa: S108
            words += ["--setenv", name, value]
        return [*words, "--chdir", str(self.service.working_directory), "--", *command]

    def run(self, command: Sequence[str], seconds: float) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.argv(command), capture_output=True, text=True, errors="replace", timeout=seconds, check=False
        )

    def does(self, command: Sequence[str], seconds: float) -> tuple[bool, str]:
        """Whether it ends well, for what does its work and ends."""
        try:
            done = self.run(command, seconds)
        except subprocess.TimeoutExpired as late:
            return False, f"has not ended after {seconds:.0f} s: {(late.stderr or b'')[-1500:]!r}"
        said = f"ends with {done.returncode}"
        return done.returncode == 0, said if done.returncode == 0 else f"{said}: {(done.stdout + done.stderr)[-1500:]}"

    def imports(self, modules: Sequence[str]) -> tuple[int, Mapping[str, str], Mapping[str, str]] | str:
        """How many could be imported, what was missing (and who wanted it), what failed otherwise; or the output."""
        done = self.run([self.service.entry_point[0], "-c", PROBE, json.dumps(modules)], 600)
        for line in done.stdout.splitlines():
            if line.startswith("@@"):
                found, missing, other = json.loads(line[2:])
                return found, missing, other
        return (done.stdout + done.stderr)[-1500:]

    def start(self, command: Sequence[str], seconds: float) -> tuple[bool, str]:
        """Whether it is up, and how that is known; its last output when it ended."""
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(self.argv(command), stdout=output, stderr=subprocess.STDOUT)
            began = time.monotonic()
            said = "says nothing"
            try:
                while process.poll() is None and (lived := time.monotonic() - began) < seconds:
                    up, said = self._is_up(_text(output), lived)
                    if up:
                        return True, said
                    time.sleep(0.5)
                how = f"ended with {process.returncode}" if process.poll() is not None else f"not up: {said}"
                return False, f"{how}: {_text(output)[-1500:]}"
            finally:
                process.kill()
                process.wait()

    def _is_up(self, output: str, lived: float) -> tuple[bool, str]:
        service = self.service
        if service.role in {Role.WEB, Role.FLOWER}:
            path = self.asks or (service.health.argv[-1] if service.health is not None else "/")
            url = f"http://127.0.0.1:{service.container_ports[0]}{path}"
            return _answer(url, path, 400 if self.asks else 500)
        if service.role is Role.WORKER and service.health is not None:
            done = self.run(service.health.argv, 30)
            return done.returncode == 0, "heartbeat beats" if done.returncode == 0 else done.stdout.strip()
        announced = service.role is not Role.BEAT or "is starting." in output
        return announced and lived >= LIVES_SECONDS, f"lives after {lived:.0f} s"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _answer(url: str, path: str, limit: int) -> tuple[bool, str]:
    try:
        with urllib.request.build_opener(_NoRedirect).open(url, timeout=20) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    except OSError as error:
        return False, str(error)
    return status < limit, f"{path} answers {status}"


def _text(output: IO[bytes]) -> str:
    return os.pread(output.fileno(), 1 << 20, 0).decode("utf-8", "replace")


def alone_on_the_network() -> None:
    """From here on this process and its children have a loopback of their own and nothing else."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise SystemExit(f"no network of its own: {os.strerror(ctypes.get_errno())}; run this as root")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


@contextmanager
def serving(name: str, wanted: Mapping[str, str], folder: Path) -> Iterator[None]:
    """A server of this run's own, with nothing in it."""
    folder.mkdir()
    start = {"redis": _redis, "postgresql": _postgresql, "rabbitmq": _rabbitmq, "sqs": _sqs, "ethereum": _ethereum}
    process = start[name](wanted, folder)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _redis(_: Mapping[str, str], folder: Path) -> "subprocess.Popen[bytes]":
    words = ["redis-server", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _wait_until(["redis-cli", "ping"])
    return process


def _postgresql(wanted: Mapping[str, str], folder: Path) -> "subprocess.Popen[bytes]":
    """It believes whoever asks: passwords are the projects' own business."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    shutil.chown(folder, "postgres", "postgres")
    for above in folder.parents[:2]:
        above.chmod(0o755)
    owner = ["runuser", "-u", "postgres", "--"]
    data, role = folder / "data", wanted.get("role", "postgres")
    making = [*owner, str(programs / "initdb"), "-D", str(data), "-U", role, "-A", "trust", "-E", "UTF8"]
    subprocess.run(making, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    words = [*owner, str(programs / "postgres"), "-D", str(data), "-k", str(folder), "-c", "fsync=off"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    _wait_until([str(programs / "pg_isready"), "-h", "127.0.0.1", "-U", role])
    if (database := wanted.get("database", role)) != "postgres":
        subprocess.run([programs / "createdb", "-h", "127.0.0.1", "-U", role, database], check=True)
    return process


def _rabbitmq(wanted: Mapping[str, str], folder: Path) -> "subprocess.Popen[bytes]":
    role = wanted.get("role", "guest")
    (folder / "own.conf").write_text(f"default_user = {role}\ndefault_pass = {wanted.get('password', role)}\n")
    own = {
        "RABBITMQ_NODENAME": "careen@localhost",
        "RABBITMQ_MNESIA_BASE": str(folder),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_CONFIG_FILE": str(folder / "own.conf"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "HOME": str(folder),
    }
    program = "/usr/lib/rabbitmq/bin/rabbitmq-server"
    process = subprocess.Popen([program], env={**os.environ, **own}, stdout=subprocess.DEVNULL)
    _wait_until([sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 5672))"], 120)
    return process


def _sqs(wanted: Mapping[str, str], folder: Path) -> "subprocess.Popen[bytes]":
    """By moto, which must be installed: Amazon's own is nowhere else."""
    port = wanted.get("port", "4566")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["moto_server", "-p", port], stdout=log, stderr=log)
    _wait_until([sys.executable, "-c", f"import socket; socket.create_connection(('127.0.0.1', {port}))"])
    return process


def _ethereum(_: Mapping[str, str], folder: Path) -> "subprocess.Popen[bytes]":
    """A chain of ganache's own, which must be installed."""
    words = ["ganache", "--chain.chainId", "1337", "--chain.networkId", "1337", "--wallet.deterministic"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    _wait_until([sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 8545))"])
    return process


def _wait_until(question: Sequence[str], seconds: float = 60) -> None:
    began = time.monotonic()
    while subprocess.run(question, capture_output=True, check=False).returncode:
        if time.monotonic() - began > seconds:
            raise SystemExit(f"`{shlex.join(question)}` never said yes")
        time.sleep(0.3)


def modules_of(service: ServicePlan) -> list[str]:
    """The dotted names under which the application's files can be imported, but for those that act when imported."""
    packages = {file.destination.parent for file in service.application if file.destination.name == "__init__.py"}
    roots = sorted(dict(service.environment)["PYTHONPATH"].split(":"), key=lambda root: -len(root))
    roots = [root for root in roots if PurePosixPath(root) not in packages]  # some are but the folder of a script
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
    base = planned.plan.base
    environment = TargetEnvironment(python=base.runtime.version, platform=planned.plan.platform, patch=0)
    packages = [package for package in planned.lock.packages if not package.is_local]
    files = {
        package.name: package.sdist for package in packages if package.sdist is not None and package.sdist.digest
    } | dict(wheels_for(packages, environment, OF_RELEASE[base.release]))
    found = session.packages.contents(list(dict.fromkeys(files.values())))
    return ImportIndex({name: held for name, file in files.items() if not isinstance(held := found[file], CareenError)})


@dataclass(frozen=True, kw_only=True)
class Bench:
    project: Project
    planned: Planned
    index: ImportIndex
    layout: Layout
    folder: Path
    seconds: float

    def rows(self, built: Mapping[str, tuple[str, int]]) -> list[Row]:
        chosen = [s for s in self.planned.plan.services if not self.project.services or s.name in self.project.services]
        return [self._row(service, *built[service.name]) for service in chosen]

    def _row(self, service: ServicePlan, reference: str, built: int) -> Row:
        predicted = service.predicted_bytes or 0
        row: Row = {
            "service": service.name,
            "role": service.role.value,
            "kept": len(service.distributions),
            "dropped": len(service.dropped),
            "predicted": predicted,
            "built": built,
            "percent": round(100 * (predicted - built) / built, 2),
        }
        print(f"{service.name}: {row}", flush=True)
        sandbox = self._sandbox(service, reference)
        imported, faults = tell_imports(sandbox, self.index, {item.name for item in service.distributions})
        for command in self.project.before.get(service.name, ()):
            words = self._words(service, command)
            done = sandbox.run(words, 600)
            print(f"  `{command}` ended with {done.returncode}", flush=True)
            if done.returncode:
                faults.append(f"`{command}` ended with {done.returncode}")
                print((done.stdout + done.stderr)[-3000:])
        own = self.project.commands.get(service.name)
        command = self._words(service, own) if own else list(service.entry_point)
        if service.name in self.project.jobs:
            up, said = sandbox.does(command, self.seconds)
        else:
            up, said = sandbox.start(command, self.seconds)
        print(f"  {said}", flush=True)
        if not up:
            faults.append("does not start")
        if abs(row["percent"]) > LIMIT_PERCENT:
            faults.append("predicted too far off")
        shutil.rmtree(sandbox.root)
        return {**row, "imported": imported, "started": said if up else "", "faults": faults}

    def _composed(self, service: ServicePlan) -> Mapping[str, str]:
        """What compose would tell it, its files of variables included."""
        facts = next(facts for facts in self.planned.facts.services if facts.name == service.name)
        compose = facts.service.compose
        return {**dict(compose.file_environment if compose else ()), **dict(service.run_environment)}

    def _words(self, service: ServicePlan, command: str) -> list[str]:
        words = shlex.split(command)
        return [service.entry_point[0], *words[1:]] if words[0] == "python" else words

    def _sandbox(self, service: ServicePlan, reference: str) -> Sandbox:
        root = self.folder / f"root-{service.name}"
        unpack(self.layout, self.layout.manifest(self.layout.image(reference)), root)
        plan = self.planned.plan
        return Sandbox(
            root=root,
            service=service,
            environment={
                **self._composed(service),
                **self.project.environment,
                **self.project.variables.get(service.name, {}),
            },
            names=tuple(sorted({*(s.name for s in plan.backing), *(s.name for s in plan.services)})),
            asks=self.project.asks.get(service.name),
        )


def tell_imports(sandbox: Sandbox, index: ImportIndex, kept: Iterable[str]) -> tuple[str, list[str]]:
    """How many modules could be imported; those that are missing though something brings them that was dropped."""
    modules = modules_of(sandbox.service)
    if not modules:
        return "0 of 0", []
    said = sandbox.imports(modules)
    if isinstance(said, str):
        print(f"  no module could be imported: {said}")
        return f"0 of {len(modules)}", ["no module could be imported"]
    found, missing, other = said
    print(f"  {found} of {len(modules)} modules imported")
    faults = []
    for name, wanted_by in missing.items():
        dropped = [provider for provider in index.exact(name) if provider not in set(kept)]
        faults += [f"{name} is missing for {wanted_by}"] if dropped else []
        print(f"    {name} is missing for {wanted_by}" + (f": {', '.join(dropped)} dropped" if dropped else ""))
    for name, why in list(other.items())[:12]:
        print(f"    {name}: {why}")
    return f"{found} of {len(modules)}", faults


def examine(project: Project, checkout: Path, seconds: float) -> Row:
    cache = Path(os.environ.get("CAREEN_CACHE", "~/.cache/careen")).expanduser()
    session = Session(
        surroundings=Surroundings(cache=cache, now=lambda: datetime.now(UTC), environment=dict(os.environ))
    )
    with tempfile.TemporaryDirectory(dir=cache, prefix="partition-") as made, ExitStack() as running:
        folder = Path(made)
        tree = folder / "tree"
        shutil.copytree(checkout, tree, symlinks=True)
        for path, text in project.files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes((tree / text[1:]).read_bytes() if text[:1] == "@" else text.encode())
        request = PlanRequest(
            root=tree / project.folder,
            platform=Platform.parse("linux/amd64"),
            compose_files=tuple(PurePosixPath(file) for file in project.compose),
            fetch_wheels=True,
        )
        planned = plan_stack(session, request)
        index = index_of(session, planned)
        wanted = BuildRequest(plan=request, output=folder / "layout", options=BuildOptions())
        result = build_planned(session, wanted, planned.plan)
        built = {image.service: (image.reference, image.bytes) for image in result.images}
        alone_on_the_network()
        for name, needed in project.needs.items():
            running.enter_context(serving(name, needed, folder / name))
        bench = Bench(
            project=project,
            planned=planned,
            index=index,
            layout=Layout.open(wanted.output),
            folder=folder,
            seconds=seconds,
        )
        rows = bench.rows(built)
    members = sum(package.is_local for package in planned.lock.packages)
    return {
        "repository": project.repository,
        "commit": project.commit,
        "note": project.note,
        "members": members,
        "base": planned.plan.base.label,
        "services": rows,
    }


def projects() -> Mapping[str, Project]:
    listed = tomllib.loads(LIST.read_text())["project"]
    found = [Project(**{k: tuple(v) if isinstance(v, list) else v for k, v in item.items()}) for item in listed]
    return {project.repository: project for project in found}


def checkout_of(project: Project, checkouts: Path, prefix: str | None) -> Path:
    place = checkouts / project.repository.replace("/", "+")
    if not place.is_dir():
        if prefix is None:
            raise SystemExit(f"{place} is not there; --clone PREFIX makes it")
        subprocess.run(["git", "clone", "--quiet", f"{prefix}/{project.repository}", place], check=True)
        subprocess.run(["git", "-C", place, "checkout", "--quiet", project.commit], check=True)
    return place


def table(rows: Iterable[Row]) -> Iterator[str]:
    yield "| project | service | kept | dropped | predicted MB | built MB | off | modules imported | started |"
    yield "| --- | --- | --: | --: | --: | --: | --: | --: | --- |"
    for row in rows:
        name = f"{row['repository']} `{row['commit'][:10]}`, {row['base']}"
        for item in row["services"]:
            size = f"{item['predicted'] / 1e6:.2f} | {item['built'] / 1e6:.2f} | {item['percent']:+.2f} %"
            said = "; ".join(item["faults"]) or item["started"]
            yield (
                f"| {name} | {item['service']} | {item['kept']} | {item['dropped']} | {size} | {item['imported']} "
                f"| {said} |"
            )
            name = ""
    yield ""
    for row in rows:
        if row["note"]:
            yield f"- {row['repository']}: {row['note']}"


def results_in(file: Path) -> dict[str, Row]:
    lines = file.read_text().splitlines() if file.is_file() else []
    return {row["repository"]: row for row in map(json.loads, lines)}


def keep(file: Path, row: Row) -> None:
    rows = {**results_in(file), row["repository"]: row}
    aside = file.with_name(f"{file.name}.new")
    aside.write_text("".join(json.dumps(rows[name]) + "\n" for name in sorted(rows)))
    aside.replace(file)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", nargs="*", help="of partition.toml; all of them without one")
    parser.add_argument("--checkouts", type=Path, metavar="FOLDER")
    parser.add_argument("--clone", metavar="PREFIX")
    parser.add_argument("--results", type=Path, metavar="FILE")
    parser.add_argument("--write-table", type=Path, metavar="FILE")
    parser.add_argument("--seconds", type=float, default=120, help="a service has to come up")
    return parser.parse_args()


def main() -> int:
    given = options()
    if given.write_table is not None:
        head, _, _ = given.write_table.read_text().partition(TABLE_LINE)
        rows = list(results_in(given.results).values())
        given.write_table.write_text("\n".join([f"{head}{TABLE_LINE}", "", *table(rows)]).rstrip() + "\n")
        return 0
    listed = projects()
    names = given.repository or list(listed)
    if len(names) > 1:  # each in a process, hence on a network, of its own
        own = [word for word in sys.argv[1:] if word not in given.repository]
        return max([subprocess.run([sys.executable, __file__, *own, name], check=False).returncode for name in names])
    project = listed[names[0]]
    row = examine(project, checkout_of(project, given.checkouts, given.clone), given.seconds)
    if given.results is not None:
        keep(given.results, row)
    faults = [f"{item['service']}: {fault}" for item in row["services"] for fault in item["faults"]]
    print(f"{project.repository}: " + ("; ".join(faults) or "proven"), flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
