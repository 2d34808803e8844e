"""Small stacks that run, in images made of this machine's own Python: one healthy service, to plant faults into."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import pytest

from careen.oci.config import RunConfig
from careen.oci.layout import LayoutWriter
from careen.oci.media_types import LAYER
from careen.plan.roles import Role
from careen.plan.support import support_files
from careen.plan.target import (
    ApplicationFile,
    BackingService,
    DebianBase,
    HealthCheck,
    Limits,
    NumericUser,
    Plan,
    PythonRuntime,
    ServicePlan,
)
from careen.platforms import Architecture, Platform
from careen.python.names import PythonVersion
from fakes.images import Item, folder, put_image, symlink, tar

PYTHON = Path("/usr/bin/python3.11")
SITE = PurePosixPath("/usr/local/lib/python3.11/dist-packages")
_LIBRARY = Path("/usr/lib/python3.11")
_UNNEEDED = {"test", "idlelib", "lib2to3", "ensurepip", "turtledemo", "distutils", "__pycache__", "pydoc_data"}
_MODULES = re.compile(
    r"(?:_ssl|_hashlib|_ctypes|_multiprocessing|_posixshmem|_json|_asyncio|_queue|_uuid|_bz2|_lzma)\."
)
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_ENVIRONMENT = (
    ("PYTHONPATH", "/app:/opt/careen"),
    ("PYTHONUNBUFFERED", "1"),
    ("SSL_CERT_FILE", str(_CERTIFICATES)),
)

SERVER = '''\
"""Serves a WSGI application: ``serve.py module:name PORT [HOST]``. Finishes what it has begun when told to stop."""

import importlib
import signal
import sys
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = False


class Quiet(WSGIRequestHandler):
    def log_message(self, *words):
        pass


module, _, name = sys.argv[1].partition(":")
application = getattr(importlib.import_module(module), name)
server = make_server(sys.argv[3] if len(sys.argv) > 3 else "0.0.0.0", int(sys.argv[2]), application, Server, Quiet)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(0.05)
server.server_close()
'''
APPLICATION = """\
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"ok\\n"]
"""


@dataclass(frozen=True, kw_only=True)
class Tiny:
    """One web service. ``files`` are more entries of its own layer; what has the same path replaces."""

    name: str = "web"
    files: tuple[Item, ...] = ()
    argv: tuple[str, ...] = (str(PYTHON), "/app/serve.py", "tiny:app", "8000")
    user: str = "10001:10001"
    environment: tuple[tuple[str, str], ...] = _ENVIRONMENT
    without: tuple[str, ...] = ()
    plan: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class TinyStack:
    plan: Plan
    layout: Path


def file(path: str, text: str | bytes, mode: int = 0o644) -> Item:
    return Item(path.lstrip("/"), data=text.encode() if isinstance(text, str) else text, mode=mode)


def base_items(without: Iterable[str] = ()) -> list[Item]:
    """Python, the libraries it is linked to, and the standard library. Skips the test without Debian's Python."""
    if not PYTHON.exists() or not _LIBRARY.is_dir():
        pytest.skip("Debian's Python 3.11 is not on this machine (apt-get install python3.11)")
    paths = {PYTHON.resolve()} | {path for path in (_LIBRARY / "lib-dynload").iterdir() if _MODULES.match(path.name)}
    paths |= set(linked_libraries(paths))
    paths |= {path for path in _LIBRARY.rglob("*.py") if not _UNNEEDED.intersection(path.relative_to(_LIBRARY).parts)}
    if _CERTIFICATES.exists():
        paths.add(_CERTIFICATES)
    kept = sorted(path for path in paths if not any(str(path).startswith(prefix) for prefix in without))
    items = [folder(f"{name}/") for name in ("usr", "usr/bin", "usr/lib", "usr/lib64", "dev", "proc", "sys", "run")]
    items += [
        folder("tmp/", 0o1777),
        symlink("lib", "usr/lib"),
        symlink("lib64", "usr/lib64"),
        symlink("bin", "usr/bin"),
    ]
    items.append(file("etc/passwd", "root:x:0:0::/root:\napp:x:10001:10001::/:\n"))
    for path in kept:
        place = str(path).lstrip("/")
        place = f"usr/{place}" if place.startswith(("lib/", "lib64/", "bin/")) else place
        items.append(Item(place, data=path.read_bytes(), mode=0o755 if path.stat().st_mode & 0o100 else 0o644))
    return items


def linked_libraries(programs: Iterable[Path]) -> list[Path]:
    """What the dynamic linker would load for them, as ``ldd`` tells."""
    done = subprocess.run(["/usr/bin/ldd", *map(str, programs)], capture_output=True, text=True, check=False)
    found = re.findall(r"(?:=> )?(/[^\s:]+) \(0x", done.stdout)
    return [Path(path) for path in dict.fromkeys(found)]


def program(path: str, place: str, mode: int = 0o755) -> list[Item]:
    """A program of this machine and its libraries."""
    source = Path(shutil.which(path) or path).resolve()
    libraries = [
        Item(f"usr{library}" if str(library).startswith("/lib") else str(library)[1:], library.read_bytes(), mode=0o755)
        for library in linked_libraries([source])
    ]
    return [file(place, source.read_bytes(), mode), *libraries]


def service_plan(tiny: Tiny) -> ServicePlan:
    health = (str(PYTHON), "-I", "-S", "/opt/careen/health.py", "http", "8000", "/health")
    plan = ServicePlan(
        name=tiny.name,
        image=f"stack_{tiny.name}",
        role=Role.WEB,
        entry_point=tiny.argv,
        working_directory=PurePosixPath("/app"),
        environment=tiny.environment,
        run_environment=(),
        user=NumericUser(10001, 10001),
        stop_signal="SIGTERM",
        stop_grace_seconds=10,
        health=HealthCheck(argv=health, start_period=10),
        limits=Limits(memory_bytes=128_000_000, cpus=1.0, pids=64),
        container_ports=(8000,),
        writable=(PurePosixPath("/tmp"),),
        volumes=(),
        depends_on=(),
        distributions=(),
        dropped=(),
        system_packages=(),
        application=(
            ApplicationFile(source=PurePosixPath("tiny.py"), destination=PurePosixPath("/app/tiny.py"), bytes=10),
        ),
        support=(),
        predicted_bytes=None,
        current_predicted_bytes=None,
        current_contributions=(),
        budget_bytes=200_000_000,
    )
    return replace(plan, **tiny.plan)  # type: ignore[arg-type]


def stack(place: Path, *services: Tiny, backing: tuple[BackingService, ...] = ()) -> TinyStack:
    """Builds the images into an OCI layout."""
    with LayoutWriter(place) as writer:
        images = {}
        for tiny in services:
            own = [item for item in _application() if not f"/{item.path}".startswith(tiny.without)]
            items = {item.path: item for item in (*own, *tiny.files)}
            run = RunConfig(
                user=tiny.user, environment=tiny.environment, entrypoint=tiny.argv, working_directory="/app"
            )
            layers = (tar(base_items(tiny.without)), tar(items.values()))
            images[tiny.name] = put_image(writer, layers, media_type=LAYER, run=run)
        writer.finish(images)
    return TinyStack(plan_of(map(service_plan, services), backing), place)


def plan_of(services: Iterable[ServicePlan], backing: tuple[BackingService, ...] = ()) -> Plan:
    runtime = PythonRuntime(
        version=PythonVersion(11),
        executable=PurePosixPath(PYTHON),
        site_packages=SITE,
        scripts=PurePosixPath("/usr/local/bin"),
    )
    return Plan(
        stack="tiny",
        platform=Platform(Architecture.AMD64),
        root=PurePosixPath(),
        base=DebianBase(release="bookworm", runtime=runtime, packages=()),
        services=tuple(services),
        backing=backing,
        system_layers=(),
        distribution_layers=(),
        source_date_epoch=0,
    )


def _application() -> list[Item]:
    support = [file(str(item.destination), item.content) for item in support_files(Role.WORKER)]
    return [file("app/serve.py", SERVER), file("app/tiny.py", APPLICATION), *support]
