"""From facts to the plan of a stack. Pure: everything that had to be read or fetched is handed in."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from careen.compose.load import image_name
from careen.compose.model import ComposeProject
from careen.config import Config, ServiceConfig
from careen.debian.packages import BinaryPackage
from careen.plan.alpine import NOTHING_OF_ALPINE, AlpineNeeds
from careen.plan.application import APPLICATION_FOLDER, Application
from careen.plan.entry_points import EntryPoint
from careen.plan.integrations import CACHE_PLACES
from careen.plan.jobs import is_job
from careen.plan.layers import share_distributions, share_system_packages
from careen.plan.lock_view import LockView
from careen.plan.mounted import host_folders, without_mounted
from careen.plan.obstacles import unfit_sentences
from careen.plan.operation import (
    BUDGETS,
    SUPPORT_FOLDER,
    health_check,
    limits,
    stop_grace_seconds,
    stop_signal,
    with_heartbeat,
)
from careen.plan.own_checks import own_check
from careen.plan.partition import Partition
from careen.plan.roles import Role
from careen.plan.source_hints import SourceHints
from careen.plan.starting import start_words
from careen.plan.support import needed_files
from careen.plan.target import (
    ApplicationFile,
    BackingService,
    Contribution,
    DebianBase,
    DroppedDistribution,
    ImageBase,
    NumericUser,
    Plan,
    PlannedDistribution,
    ServicePlan,
    SupportFile,
    UnbuiltSource,
    WheelSource,
)
from careen.plan.written import CodeWrite, Surroundings, WrittenByCode, with_schedule, written_by_code, written_folders
from careen.platforms import Platform
from careen.python.c_library import CLibrary
from careen.python.locked import LockedPackage, RegistrySource
from careen.python.names import PackageName
from careen.python.tags import best_wheel
from careen.text.values import dataclass
from careen.workspace.facts import ServiceFacts

APPLICATION_USER = NumericUser(10001, 10001)
_DROPPED_VARIABLES = (
    "PATH",
    "VIRTUAL_ENV",
    "UV_",
    "PIP_",
    "POETRY_",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHON_VERSION",
    "PYTHON_SHA256",
    "GPG_KEY",
    "LANG",
    "DEBIAN_FRONTEND",
    "TARGET",
    "BUILD",
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "HOME",
)
"""What an image's environment holds for building's sake, by prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceInputs:
    """One service, read and partitioned. ``installed_today`` is what its image of today holds of the lock.

    ``view`` is of what its image installs, which services of a stack need not have in common. ``working_directory`` is
    where the command is given from, in the image. ``writes`` are the places where its code writes files.
    """

    facts: ServiceFacts
    entry: EntryPoint
    partition: Partition
    application: Application
    hints: SourceHints
    installed_today: Mapping[PackageName, LockedPackage]
    contributions: tuple[Contribution, ...]
    system_packages: tuple[BinaryPackage, ...]
    working_directory: PurePosixPath = APPLICATION_FOLDER
    view: LockView
    writes: tuple[CodeWrite, ...] = ()
    alpine: AlpineNeeds = NOTHING_OF_ALPINE


@dataclass(frozen=True, slots=True, kw_only=True)
class StackInputs:
    """``root`` is the project's folder. ``support`` gives the files that careen adds for a role."""

    compose: ComposeProject | None
    config: Config
    platform: Platform
    root: PurePosixPath
    base: DebianBase | ImageBase
    c_library: CLibrary
    services: tuple[ServiceInputs, ...]
    support: Mapping[Role, tuple[SupportFile, ...]]
    source_date_epoch: int
    notes: tuple[str, ...]


def make_plan(inputs: StackInputs) -> Plan:
    services = tuple(_Assembler(inputs, service).service() for service in inputs.services)
    names = {service.name for service in services}
    return Plan(
        stack=inputs.compose.name if inputs.compose is not None else "stack",
        platform=inputs.platform,
        root=inputs.root,
        base=inputs.base,
        services=services,
        backing=tuple(_backing(inputs.compose, names)),
        system_layers=share_system_packages({service.name: service.system_packages for service in services}),
        distribution_layers=share_distributions({service.name: service.distributions for service in services}),
        source_date_epoch=inputs.source_date_epoch,
        notes=(
            *inputs.notes,
            *(f"not to be had upon {inputs.base.label}: {sentence}" for sentence in unfit_sentences(services)),
            *(note for service in services for note in service.written),
        ),
        aliases=tuple(_aliases(inputs.compose)) if inputs.compose is not None else (),
    )


def _aliases(compose: ComposeProject) -> Iterator[tuple[str, str]]:
    for service in compose.services:
        yield from ((alias, service.name) for alias in service.aliases if alias != service.name)
        yield from ((alias, linked) for linked, alias in service.links if alias != linked)


def _backing(compose: ComposeProject | None, planned: set[str]) -> list[BackingService]:
    if compose is None:
        return []
    return [
        BackingService(
            name=service.name,
            image=service.image,
            container_ports=tuple(dict.fromkeys(port for _, port in service.ports)),
            command=service.command.argv if service.command is not None else (),
            environment=service.variables,
        )
        for service in compose.services
        if service.name not in planned and service.image is not None and service.build is None
    ]


@dataclass(frozen=True, slots=True)
class _Assembler:
    stack: StackInputs
    inputs: ServiceInputs

    @property
    def _config(self) -> ServiceConfig:
        return self.stack.config.service(self.inputs.facts.name)

    def service(self) -> ServicePlan:
        facts, entry = self.inputs.facts, self.inputs.entry
        compose = facts.service.compose
        base = self.stack.base
        distributions = self._distributions()
        installed = sum(distribution.installed_bytes or 0 for distribution in distributions)
        stack_name = self.stack.compose.name if self.stack.compose is not None else "stack"
        declared_grace = compose.stop_grace_seconds if compose is not None else None
        written = self._written()
        on_host = self._host_folders()
        entry = replace(entry, arguments=with_schedule(entry))
        arguments = with_heartbeat(entry)
        return ServicePlan(
            name=facts.name,
            image=(compose.image if compose is not None and compose.image else None)
            or image_name(stack_name, facts.name),
            role=entry.role,
            entry_point=start_words(base.runtime.executable, entry.before, arguments),
            working_directory=self.inputs.working_directory,
            environment=self._environment(),
            run_environment=self._run_environment(),
            user=APPLICATION_USER,
            stop_signal=stop_signal(entry, self.inputs.hints, self._declared_signal()),
            stop_grace_seconds=stop_grace_seconds(entry.role, self.inputs.hints, declared_grace, self._config),
            health=health_check(entry, base.runtime, self.inputs.hints, self._config, own_check(facts, entry)),
            limits=limits(entry.role, installed, self._config),
            container_ports=entry.ports,
            writable=tuple(dict.fromkeys((*self._writable(), *written.scratch))),
            volumes=tuple(dict.fromkeys((*self._volumes(), *written.mounted))),
            depends_on=tuple(item.service for item in compose.depends_on) if compose is not None else (),
            distributions=distributions,
            dropped=self._dropped(),
            system_packages=self.inputs.system_packages,
            application=self._files(),
            support=self._support(),
            before=tuple(step.written for step in entry.before),
            obstacle=entry.obstacle,
            beside=written.beside,
            owned=written.owned,
            written=(
                *written.notes(facts.name, APPLICATION_USER),
                *(
                    f"{facts.name} has {folder} from the host: if it writes there, the folder must let user "
                    f"{APPLICATION_USER}"
                    for folder in on_host
                    if not any(folder.is_relative_to(told) for told in written.mounted)
                ),
            ),
            is_job=is_job(facts.name, entry, self.stack.compose),
            host_folders=on_host,
            predicted_bytes=self._predicted(installed),
            current_predicted_bytes=self._current(),
            current_contributions=self.inputs.contributions,
            budget_bytes=self._config.budget_bytes or BUDGETS[entry.role],
            queues=entry.queues,
            alpine_packages=self.inputs.alpine.packages,
            unfit=self.inputs.alpine.unfit,
        )

    def _files(self) -> tuple[ApplicationFile, ...]:
        files, compose = self.inputs.application.files, self.stack.compose
        if compose is None:
            return files
        return without_mounted(files, self.stack.root, self.inputs.facts, compose.folder)

    def _support(self) -> tuple[SupportFile, ...]:
        return needed_files(self.stack.support[self.inputs.entry.role], self.inputs.entry)

    def _distributions(self) -> tuple[PlannedDistribution, ...]:
        view = self.inputs.view
        planned: list[PlannedDistribution] = []
        for kept in self.inputs.partition.kept:
            contents = view.contents.get(kept.package.name)
            planned.append(
                PlannedDistribution(
                    name=kept.package.name,
                    version=kept.package.version,
                    source=self._source(kept.package),
                    installed_bytes=contents.kept_bytes if contents is not None else None,
                    reasons=kept.reasons,
                    certainty=kept.certainty,
                    is_estimate=contents is not None and contents.is_estimate,
                )
            )
        return tuple(planned)

    def _source(self, package: LockedPackage) -> WheelSource | UnbuiltSource:
        environment = self.inputs.view.environment
        wheel = best_wheel(package.wheels, environment.python, environment.platform, self.stack.c_library)
        if wheel is not None and wheel.digest is not None:
            return WheelSource(url=wheel.url, filename=wheel.filename, digest=wheel.digest, size=wheel.size)
        requirement = f"{package.name}=={package.version}"
        if not isinstance(package.source, RegistrySource) and package.sdist is None:
            requirement = f"{package.name} @ {getattr(package.source, 'url', getattr(package.source, 'path', ''))}"
        sdist = package.sdist
        return UnbuiltSource(
            requirement=requirement,
            url=sdist.url if sdist is not None else None,
            digest=sdist.digest if sdist is not None else None,
        )

    def _dropped(self) -> tuple[DroppedDistribution, ...]:
        kept = {item.package.name for item in self.inputs.partition.kept}
        view = self.inputs.view
        dropped = []
        for name, package in sorted(self.inputs.installed_today.items()):
            if name in kept or package.is_local:
                continue
            contents = view.contents.get(name)
            reason = (
                "development only"
                if name not in view.available
                else f"nothing that {self.inputs.facts.name} runs imports it"
            )
            dropped.append(
                DroppedDistribution(
                    name=name,
                    version=package.version,
                    installed_bytes=contents.installed_bytes if contents is not None else None,
                    reason=reason,
                    is_estimate=contents is not None and contents.is_estimate,
                )
            )
        return tuple(dropped)

    def _environment(self) -> tuple[tuple[str, str], ...]:
        image = self.inputs.facts.image
        own = {
            name: value
            for name, value in (image.environment if image is not None else {}).items()
            if not name.startswith(_DROPPED_VARIABLES)
        }
        search_path = (*self.inputs.application.search_path, SUPPORT_FOLDER)
        base = self.stack.base
        found = {
            **own,
            "LANG": "C.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": ":".join(str(path) for path in search_path),
            "PYTHONUNBUFFERED": "1",
            "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
        }
        if self.inputs.hints.asks_python_version:
            environment = self.inputs.view.environment
            found["PYTHON_VERSION"] = f"{environment.python}.{environment.patch}"
        names = {kept.package.name for kept in self.inputs.partition.kept}
        found = {**{variable: place for name, variable, place in CACHE_PLACES if name in names}, **found}
        if isinstance(base, ImageBase):
            found = {**dict(base.environment), **found, **_of_base(base)}
            if not base.certificates:
                del found["SSL_CERT_FILE"]
        return tuple(sorted(found.items()))

    def _run_environment(self) -> tuple[tuple[str, str], ...]:
        """A search path of today's image says nothing of the new one."""
        compose = self.inputs.facts.service.compose
        return tuple(
            (name, value)
            for name, value in (compose.variables if compose is not None else ())
            if name != "PYTHONPATH" or str(SUPPORT_FOLDER) in value.split(":")
        )

    def _writable(self) -> tuple[PurePosixPath, ...]:
        compose = self.inputs.facts.service.compose
        mounted = [PurePosixPath(mount.target) for mount in compose.mounts if mount.target] if compose else []
        files = [file.destination for file in self.inputs.application.files]
        told = written_folders(self.inputs.entry.arguments, self.inputs.working_directory, (*files, *mounted))
        found = (PurePosixPath("/tmp"), *self._config.writable, *told)  # noqa: S108 - a tmpfs of the container
        return tuple(dict.fromkeys(found))

    def _written(self) -> WrittenByCode:
        compose = self.inputs.facts.service.compose
        files = [file.destination for file in self._files()]
        mounts = [PurePosixPath(mount.target) for mount in compose.mounts if mount.target] if compose else []
        volumes = self._volumes()
        around = Surroundings(
            home=self.inputs.working_directory,
            files=files,
            granted=(*self._writable(), *volumes),
            # Those over the image's own files are source, and are not mounted any more.
            mounted=[place for place in mounts if not any(file.is_relative_to(place) for file in files)],
            settled=bool(self._config.writable),
        )
        return written_by_code(self.inputs.writes, around)

    def _volumes(self) -> tuple[PurePosixPath, ...]:
        """Named and anonymous volumes hold data and stay; bind mounts of source are the image's business now."""
        compose = self.inputs.facts.service.compose
        mounts = compose.mounts if compose is not None else ()
        return tuple(PurePosixPath(mount.target) for mount in mounts if mount.kind == "volume" and mount.target)

    def _host_folders(self) -> tuple[PurePosixPath, ...]:
        compose, stack = self.inputs.facts.service.compose, self.stack.compose
        if compose is None or stack is None:
            return ()
        return host_folders(compose.mounts, self._files(), self.stack.root, stack.folder)

    def _declared_signal(self) -> str | None:
        """Compose's word, else that of today's image."""
        compose, image = self.inputs.facts.service.compose, self.inputs.facts.image
        if compose is not None and compose.stop_signal:
            return compose.stop_signal
        told = image.stop_signal.arguments if image is not None and image.stop_signal is not None else ()
        return told[0] if told and "$" not in told[0] else None

    def _predicted(self, installed: int) -> int | None:
        base = self.stack.base.bytes
        if base is None:
            return None
        system = sum(package.installed_bytes for package in self.inputs.system_packages)
        own = sum(file.bytes for file in self._files())
        support = sum(len(file.content) for file in self._support())
        return base + installed + system + own + support

    def _current(self) -> int | None:
        known = [item.bytes for item in self.inputs.contributions if item.bytes is not None]
        return sum(known) if known else None


def _of_base(base: ImageBase) -> dict[str, str]:
    """What its own folders ask for, whatever today's image says."""
    own = dict(base.environment).get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    found = {"PATH": own} if str(base.runtime.scripts) in own.split(":") else {"PATH": f"{base.runtime.scripts}:{own}"}
    return {**found, "SSL_CERT_FILE": base.certificates} if base.certificates else found
