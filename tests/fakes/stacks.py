"""A small stack, planned: two services, three distributions, a base of two packages. Everything lies in one folder."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from careen.blobs.digest import Digest
from careen.blobs.store import Store
from careen.build.engine import BuildSources
from careen.debian.packages import BinaryPackage
from careen.http.client import HttpClient
from careen.http.patience import HttpSettings
from careen.plan.layers import share_distributions
from careen.plan.roles import Role
from careen.plan.target import (
    ApplicationFile,
    DebianBase,
    HealthCheck,
    Limits,
    NumericUser,
    Plan,
    PlannedDistribution,
    PythonRuntime,
    ServicePlan,
    SupportFile,
    WheelSource,
)
from careen.platforms import Platform
from careen.python.index import PackageFiles
from careen.python.names import PackageName, PythonVersion
from fakes.debs import write_deb
from fakes.wheels import write_wheel

RUNTIME = PythonRuntime(
    version=PythonVersion(11),
    executable=PurePosixPath("/usr/bin/python3.11"),
    site_packages=PurePosixPath("/usr/local/lib/python3.11/dist-packages"),
    scripts=PurePosixPath("/usr/local/bin"),
)
SITE = "usr/local/lib/python3.11/dist-packages"


@dataclass(frozen=True)
class FakeMirror:
    """Hands out the packages of one folder, as ``MirrorClient.debs`` does, and remembers whether it was asked."""

    files: Mapping[Digest, Path]
    asked: list[str]

    def debs(self, packages: Iterable[BinaryPackage]) -> tuple[tuple[BinaryPackage, Path], ...]:
        wanted = tuple(packages)
        self.asked.extend(package.name for package in wanted)
        return tuple((package, self.files[package.digest]) for package in wanted)


def distribution(wheel: Path) -> PlannedDistribution:
    name, version = wheel.name.split("-")[:2]
    data = wheel.read_bytes()
    return PlannedDistribution(
        name=PackageName(name),
        version=version,
        source=WheelSource(url=str(wheel), filename=wheel.name, digest=Digest.of(data), size=len(data)),
        installed_bytes=None,
        reasons=("imported",),
    )


def service(name: str, distributions: tuple[PlannedDistribution, ...]) -> ServicePlan:
    return ServicePlan(
        name=name,
        image=f"stack_{name}",
        role=Role.WEB,
        entry_point=("/usr/bin/python3.11", "-m", "crate", "own.main"),
        working_directory=PurePosixPath("/app"),
        environment=(("LANG", "C.UTF-8"), ("PYTHONPATH", "/app/src:/opt/careen")),
        run_environment=(),
        user=NumericUser(10001, 10001),
        stop_signal="SIGTERM",
        stop_grace_seconds=10,
        health=HealthCheck(argv=("/usr/bin/python3.11", "/opt/careen/health.py")),
        limits=Limits(memory_bytes=10**8, cpus=1.0),
        container_ports=(8000,),
        writable=(PurePosixPath("/tmp"), PurePosixPath("/app/spool")),
        volumes=(PurePosixPath("/data"),),
        depends_on=(),
        distributions=distributions,
        dropped=(),
        system_packages=(),
        application=(
            ApplicationFile(
                source=PurePosixPath("src/own/main.py"), destination=PurePosixPath("/app/src/own/main.py"), bytes=1
            ),
        ),
        support=(SupportFile(destination=PurePosixPath("/opt/careen/health.py"), content=b"print('well')\n"),),
        predicted_bytes=None,
        current_predicted_bytes=None,
        current_contributions=(),
        budget_bytes=10**9,
    )


@dataclass(frozen=True)
class FakeStack:
    plan: Plan
    sources: BuildSources
    mirror: FakeMirror


def write_stack(folder: Path, *, store: Path | None = None, platform: str = "linux/amd64") -> FakeStack:
    wheels = folder / "wheels"
    crate = write_wheel(
        wheels,
        "crate",
        {
            "crate/__init__.py": b"from crate import used\n",
            "crate/used.py": b"import json\nimport peg\n",
            "crate/unused.py": b"import nowhere\n",
            "crate/__main__.py": b"print('crate')\n",
            "crate/code.h": b"#define CRATE\n",
            "crate/tests/test_used.py": b"assert True\n",
        },
        console_scripts=["crate = crate.used:main"],
    )
    peg = write_wheel(wheels, "peg", {"peg.py": b"PEG = 1\n", "peg-1.0.data/data/share/peg/peg.txt": b"peg\n"})
    lone = write_wheel(wheels, "lone", {"lone/__init__.py": b"", "lone/data.bin": bytes(100_000)})
    base = [
        write_deb(folder / "debs", "python3.11-minimal", {"usr/bin/python3.11": b"a program\n"}),
        write_deb(
            folder / "debs",
            "libpython3.11-stdlib",
            {
                "usr/lib/python3.11/json/__init__.py": b"from json import decoder\n",
                "usr/lib/python3.11/json/decoder.py": b"",
            },
        ),
    ]
    mirror = FakeMirror({package.digest: path for package, path in base}, [])
    (folder / "project/src/own").mkdir(parents=True, exist_ok=True)
    (folder / "project/src/own/main.py").write_bytes(b"import crate\n")
    services = (
        service("web", (distribution(crate), distribution(peg))),
        service("worker", (distribution(crate), distribution(peg), distribution(lone))),
    )
    plan = Plan(
        stack="stack",
        platform=Platform.parse(platform),
        root=PurePosixPath(),
        base=DebianBase(release="bookworm", runtime=RUNTIME, packages=tuple(package for package, _ in base)),
        services=services,
        backing=(),
        system_layers=(),
        distribution_layers=share_distributions({item.name: item.distributions for item in services}),
        source_date_epoch=315532800,
    )
    sources = BuildSources(
        root=folder / "project",
        packages=PackageFiles(HttpClient(HttpSettings(offline=True)), folder / "python"),
        debs=mirror.debs,
        store=Store(store or folder / "store"),
    )
    return FakeStack(plan, sources, mirror)
