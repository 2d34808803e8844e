"""Plans made from facts and a few words, for tests of what reads plans: nothing is fetched and nothing partitioned."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from careen.blobs.digest import Digest
from careen.config import Config
from careen.debian.packages import BinaryPackage
from careen.debian.runtime import python_of
from careen.plan.alpine import ALPINE, described_alpine
from careen.plan.entry_points import interpret
from careen.plan.operation import SUPPORT_FOLDER, health_check, limits, stop_grace_seconds, with_heartbeat
from careen.plan.own_checks import own_check
from careen.plan.source_hints import SourceHints
from careen.plan.starting import first_step, start_words
from careen.plan.support import needed_files, support_files
from careen.plan.target import (
    ApplicationFile,
    BackingService,
    DebianBase,
    NumericUser,
    Plan,
    PlannedDistribution,
    PythonRuntime,
    ServicePlan,
    UnbuiltSource,
    WheelSource,
)
from careen.platforms import Architecture, Platform
from careen.python.names import PythonVersion, package_name
from careen.workspace.facts import ServiceFacts, StackFacts

APPLICATION = PurePosixPath("/app")


@dataclass(frozen=True, kw_only=True)
class ServiceWords:
    """``files`` are patterns over the project's paths. A distribution with a ``!`` in front has no wheel."""

    files: tuple[str, ...] = ("*.py",)
    distributions: tuple[str, ...] = ()
    system_packages: tuple[str, ...] = ()
    alpine_packages: tuple[str, ...] = ()
    writable: tuple[str, ...] = ("/tmp",)
    health_path: str = "/health"


@dataclass(frozen=True, kw_only=True)
class PlanWords:
    services: dict[str, ServiceWords] = field(default_factory=dict)
    release: str = "bookworm"
    root: PurePosixPath = field(default_factory=PurePosixPath)


def package(name: str) -> BinaryPackage:
    return BinaryPackage(
        name=name,
        version="1",
        architecture="amd64",
        digest=Digest.of(name.encode()),
        size=1,
        installed_bytes=1,
        url=f"http://mirror.example/{name}.deb",
    )


def distribution(word: str, version: str = "1.0") -> PlannedDistribution:
    name = package_name(word.removeprefix("!"))
    filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    source: WheelSource | UnbuiltSource = WheelSource(
        url=f"https://index.example/{filename}", filename=filename, digest=Digest.of(filename.encode()), size=10
    )
    if word.startswith("!"):
        source = UnbuiltSource(requirement=f"{name}=={version}", url=None, digest=None)
    return PlannedDistribution(name=name, version=version, source=source, installed_bytes=1000, reasons=("imported",))


def plan_for(facts: StackFacts, words: PlanWords) -> Plan:
    base = described_alpine(PythonVersion(13)) if words.release == ALPINE else _debian(words.release)
    runtime = base.runtime
    compose = facts.workspace.compose
    services = tuple(
        _service(service, facts, words, runtime) for service in facts.built if service.name in words.services
    )
    names = {service.name for service in facts.built}
    backing = tuple(
        BackingService(name=service.name, image=service.image, container_ports=())
        for service in (compose.services if compose is not None else ())
        if service.name not in names and service.image is not None
    )
    return Plan(
        stack=compose.name if compose is not None else "stack",
        platform=Platform(Architecture.AMD64),
        root=words.root,
        base=base,
        services=services,
        backing=backing,
        system_layers=(),
        distribution_layers=(),
        source_date_epoch=0,
    )


def _debian(release: str) -> DebianBase:
    python = python_of(release)
    runtime = PythonRuntime(
        version=PythonVersion(python.version[1]),
        executable=python.executable,
        site_packages=python.site_packages,
        scripts=python.scripts,
    )
    return DebianBase(release=release, runtime=runtime, packages=tuple(map(package, ("libc6", python.name))))


def _service(service: ServiceFacts, facts: StackFacts, words: PlanWords, runtime: PythonRuntime) -> ServicePlan:
    mine, compose = words.services[service.name], service.service.compose
    assert service.launch is not None
    entry = interpret(service.launch.argv, {})
    given = [first_step(step, {}, has_room=False) for step in service.launch.prelude]
    steps = [step for step in given if step is not None]
    config = Config().service(service.name)
    hints = SourceHints(health_paths=(mine.health_path,), time_limit_seconds=None)
    arguments = with_heartbeat(entry)
    environment = {
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": f"/app/src:{SUPPORT_FOLDER}",
        "PYTHONUNBUFFERED": "1",
    }
    mounts = compose.mounts if compose is not None else ()
    return ServicePlan(
        name=service.name,
        image=f"stack_{service.name}",
        role=entry.role,
        entry_point=start_words(runtime.executable, steps, arguments),
        working_directory=APPLICATION,
        environment=tuple(environment.items()),
        run_environment=(),
        user=NumericUser(10001, 10001),
        stop_signal="SIGTERM",
        stop_grace_seconds=stop_grace_seconds(
            entry.role, hints, compose.stop_grace_seconds if compose is not None else None, config
        ),
        health=health_check(entry, runtime, hints, config, own_check(service, entry)),
        limits=limits(entry.role, 0, config),
        container_ports=entry.ports,
        writable=tuple(map(PurePosixPath, mine.writable)),
        volumes=tuple(PurePosixPath(mount.target) for mount in mounts if mount.kind == "volume"),
        depends_on=tuple(item.service for item in compose.depends_on) if compose is not None else (),
        distributions=tuple(map(distribution, sorted(mine.distributions))),
        dropped=(),
        system_packages=tuple(map(package, mine.system_packages)),
        alpine_packages=mine.alpine_packages,
        application=tuple(_files(facts, words.root, mine.files)),
        support=needed_files(support_files(entry.role), replace(entry, before=tuple(steps))),
        before=tuple(step.written for step in steps),
        predicted_bytes=None,
        current_predicted_bytes=None,
        current_contributions=(),
        budget_bytes=500_000_000,
        queues=entry.queues,
    )


def _files(facts: StackFacts, root: PurePosixPath, patterns: Iterable[str]) -> Iterable[ApplicationFile]:
    for path in facts.workspace.files.walk(root, depth=12):
        inside = path.relative_to(root)
        if any(fnmatchcase(str(inside), pattern) for pattern in patterns):
            yield ApplicationFile(source=inside, destination=APPLICATION / inside, bytes=1)
