"""From a folder to the plan of its stack: reads, asks the index and the mirror, and hands all of it to the planner."""

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import TYPE_CHECKING

from careen.app.bases import apt_bytes, base_for, system_packages
from careen.app.bytecode import with_bytecode
from careen.app.locks import lock_of
from careen.app.session import Session
from careen.config import Config
from careen.debian.packages import BinaryPackage
from careen.debian.resolve import exactly
from careen.debian.runtime import DebianPython, python_of, release_for
from careen.dockerfile.actions import Install
from careen.dockerfile.stages import ImageBase
from careen.errors import CareenError
from careen.plan.application import APPLICATION_FOLDER, application
from careen.plan.current import CurrentInputs, contributions
from careen.plan.entry_points import EntryPoint, UnknownEntryPointError, interpret
from careen.plan.epoch import DEFAULT_EPOCH
from careen.plan.gpu import BUILT_TWICE, INDEX_VARIABLE, cpu_entries, gpu_uses
from careen.plan.lock_view import LockView, Universe, make_view, project_of, synced, universe, wheels_for
from careen.plan.operation import read_hints
from careen.plan.partition import Overrides, Partition, partition
from careen.plan.planner import ServiceInputs, StackInputs, make_plan
from careen.plan.python_version import target_python, version_in_image
from careen.plan.roles import Role
from careen.plan.support import support_files
from careen.plan.sync import SyncRequest, sync_request
from careen.plan.target import Contribution, Plan
from careen.platforms import Platform
from careen.progress import Step
from careen.python.contents import DistributionContents
from careen.python.environment import TargetEnvironment
from careen.python.imports import Reach, Sources, SourceTree, Start, reach
from careen.python.linkage import Need, NeedsCache
from careen.python.locked import LocalSource, Lock, LockedFile, LockedPackage
from careen.python.names import PackageName, PythonVersion
from careen.python.tags import GLIBC_OF_RELEASE
from careen.text.units import format_bytes
from careen.workspace.configuration import configuration_of
from careen.workspace.discover import discover, is_dockerfile_name
from careen.workspace.facts import ImageFacts, ServiceFacts, StackFacts, derive
from careen.workspace.model import PythonProject
from careen.workspace.sources import first_party, with_roots

if TYPE_CHECKING:
    from careen.debian.mirror import Archive

_OFFERED = (PythonVersion(11), PythonVersion(13))
_FOR_SOURCES = {("src",), ("lib",), ("python",)}
_PATCH: Mapping[str, int] = {"bookworm": 2, "trixie": 5}
"""The last number of each release's Python."""


class UnsuitableBaseError(CareenError):
    """The base that was named is not one that careen can plan on."""


class NothingToPlanError(CareenError):
    """The folder has no Python service with a lock."""


class HalfReadError(CareenError):
    """A file that the plan would rest on cannot be read, so a plan would leave out what nobody knows."""


@dataclass(frozen=True, kw_only=True)
class PlanRequest:
    """``fetch_wheels`` reads the wheels themselves, which tells the native libraries they need.

    What if: ``without`` names distributions that no service shall have, ``base`` another base (``debian:trixie``),
    ``lock_text`` what the lock shall say.
    """

    root: Path
    compose_files: tuple[PurePosixPath, ...] = ()
    platform: Platform
    fetch_wheels: bool = False
    source_date_epoch: int = DEFAULT_EPOCH
    without: tuple[str, ...] = ()
    base: str | None = None
    lock_text: str | None = None


@dataclass(frozen=True, kw_only=True)
class Planned:
    facts: StackFacts
    config: Config
    plan: Plan
    lock: Lock


def plan_stack(session: Session, request: PlanRequest) -> Planned:
    """Raises NothingToPlanError, HalfReadError, and what reading, the index or the mirror raise."""
    facts = derive(discover(request.root, compose_files=request.compose_files))
    _refuse_half_read(facts)
    config = configuration_of(facts.workspace)
    planning = _Planning(session, request, facts, config)
    plan = planning.plan()
    if request.fetch_wheels:
        session.progress(Step("weighing bytecode", 0, None))
        plan = with_bytecode(session, plan, request.root / plan.root)
    plan = replace(plan, notes=(*plan.notes, *_gpu_notes(plan, facts)))
    return Planned(facts=facts, config=config, plan=plan, lock=planning.lock)


def _refuse_half_read(facts: StackFacts) -> None:
    """Raises HalfReadError for a compose file, or a Dockerfile of its services, that cannot be read."""
    workspace = facts.workspace
    for item in workspace.unreadable:
        is_compose = workspace.compose is None and item.path.suffix in {".yml", ".yaml"}
        if is_compose or (workspace.compose is not None and is_dockerfile_name(item.path.name)):
            raise HalfReadError(
                f"{item.path}:{item.line}: {item.message}",
                hints=("`careen scan` judges what can be read; planning needs all of it",),
            )


def _gpu_notes(plan: Plan, facts: StackFacts) -> Iterator[str]:
    with_gpu = frozenset(
        service.name
        for service in facts.services
        if service.service.compose is not None and service.service.compose.limits.gpus
    )
    for use in gpu_uses(plan.services, with_gpu):
        if use.has_gpu:
            continue
        left = "" if use.at_most_bytes is None else f", and at most {format_bytes(use.at_most_bytes)} would be left"
        kept = {item.name for item in plan.service(use.service).distributions}
        names = [name for name in BUILT_TWICE if name in kept] or ["torch"]
        entries = cpu_entries(names).strip().replace("\n\n", "\n").replace("\n", "; ")
        yield (
            f"{use.service} carries {format_bytes(use.cuda_bytes)} of CUDA libraries for {use.reached_by.name} "
            f"({use.reached_by.reasons[0] if use.reached_by.reasons else 'kept'}) and compose gives it no GPU; "
            f"the build for the processor needs none of them{left}: in pyproject.toml {entries} "
            f"({INDEX_VARIABLE} stands for the address of the index with those builds)"
        )


@dataclass(frozen=True)
class _Read:
    """One service as far as files alone tell."""

    facts: ServiceFacts
    entry: EntryPoint
    reach: Reach
    partition: Partition


@dataclass
class _Planning:
    session: Session
    request: PlanRequest
    facts: StackFacts
    config: Config

    def __post_init__(self) -> None:
        self.notes: list[str] = []
        self._weighed: dict[int, tuple[Contribution, ...]] = {}

    @cached_property
    def candidates(self) -> tuple[ServiceFacts, ...]:
        return tuple(service for service in self.facts.built if service.service.project is not None)

    @cached_property
    def project(self) -> PythonProject:
        """The project that most services are of. Raises NothingToPlanError."""
        counted: dict[PurePosixPath, int] = {}
        projects: dict[PurePosixPath, PythonProject] = {}
        for service in self.candidates:
            project = service.service.project
            if project is not None:
                counted[project.folder] = counted.get(project.folder, 0) + 1
                projects[project.folder] = project
        if not projects:
            first = self.facts.workspace.unreadable[0] if self.facts.workspace.unreadable else None
            if first is not None:
                raise NothingToPlanError(f"{first.path}:{first.line}: {first.message}")
            raise NothingToPlanError(
                f"{self.request.root} has no service with a pyproject.toml",
                hints=("careen plans services that are built from a Python project",),
            )
        return projects[max(counted, key=lambda folder: counted[folder])]

    @cached_property
    def services(self) -> tuple[ServiceFacts, ...]:
        mine = tuple(s for s in self.candidates if s.service.project is self.project)
        self.notes += [
            f"{service.name} is of another project and is not planned here"
            for service in self.facts.built
            if service not in mine
        ]
        return mine

    @cached_property
    def lock(self) -> Lock:
        """Raises NoLockError, SyntaxProblem, or when the file cannot be read."""
        return lock_of(self.session, self.facts.workspace.files, self.project, self.request.lock_text)

    @cached_property
    def python(self) -> DebianPython:
        named = self.request.base or self.config.base
        if named is not None:
            return self._named_base(named)
        references = [
            image.base.reference or image.base.written
            for image in self.facts.images
            if isinstance(image.base, ImageBase) and image in [service.image for service in self.services]
        ]
        today = [version for reference in references if (version := version_in_image(reference)) is not None]
        version, note = target_python(today, self.project.pyproject.requires_python, _OFFERED)
        if note is not None:
            self.notes.append(note)
        found = release_for(3, version.minor)
        if found is None:
            raise NothingToPlanError(f"Debian carries no Python {version}")
        return found

    def _named_base(self, named: str) -> DebianPython:
        """Raises UnsuitableBaseError, or UnknownReleaseError."""
        kind, _, release = named.partition(":")
        if kind != "debian":
            raise UnsuitableBaseError(
                f"careen plans on bases that it composes from Debian packages, and {named} is none",
                hints=("name debian:bookworm (Python 3.11) or debian:trixie (Python 3.13)",),
            )
        python = python_of(release)
        requires = self.project.pyproject.requires_python
        target_python([], requires, (PythonVersion(python.version[1]),))
        return python

    @cached_property
    def environment(self) -> TargetEnvironment:
        return TargetEnvironment(
            python=PythonVersion(self.python.version[1]),
            platform=self.request.platform,
            patch=_PATCH[self.python.release],
        )

    @property
    def glibc(self) -> tuple[int, int]:
        return GLIBC_OF_RELEASE[self.python.release]

    @cached_property
    def locked_project(self) -> LockedPackage:
        """The project's own entry, else, for a workspace whose root is none, the member that most images sync.

        Raises NoProjectError.
        """
        folder = self.project.folder
        inside = folder.relative_to(self.lock.path.parent) if folder.is_relative_to(self.lock.path.parent) else folder
        project = self.lock.project(self.project.pyproject.name, inside)
        if project is None:
            named = [name for request in self.requests.values() for name in request.members]
            members = [package for package in self.lock.local if package.name in named] or [*self.lock.local]
            project = members[0] if members else None
        return project or project_of(self.lock, self.project.pyproject.name)

    @cached_property
    def requests(self) -> Mapping[Install, SyncRequest]:
        """What today's images install of the lock."""
        return {
            install: sync_request(install)
            for image in self._images
            for _, install in image.installs
            if install.whole_project
        }

    @property
    def _images(self) -> tuple[ImageFacts, ...]:
        mine = [service.image for service in self.services]
        return tuple(image for image in self.facts.images if image in mine)

    @cached_property
    def universe(self) -> Universe:
        return universe(self.lock, self.locked_project, self.environment, self.requests.values())

    @property
    def installable(self) -> Mapping[PackageName, LockedPackage]:
        return self.universe.installable

    @cached_property
    def wheels(self) -> Mapping[PackageName, LockedFile]:
        return wheels_for(self.installable.values(), self.environment, self.glibc)

    @cached_property
    def contents(self) -> Mapping[PackageName, DistributionContents]:
        files = list(dict.fromkeys(self.wheels.values()))
        phase, done = "reading wheels in the index", 0
        self.session.progress(Step(phase, 0, len(files)))

        def told(file: LockedFile) -> None:
            nonlocal done
            done += 1
            self.session.progress(Step(phase, done, len(files), file.filename))

        found = self.session.packages.contents(files, on_done=told)
        self.session.progress(Step(phase, len(files), len(files)))
        contents: dict[PackageName, DistributionContents] = {}
        silent: dict[str, list[tuple[str, str]]] = {}
        for name, wheel in self.wheels.items():
            answer = found[wheel]
            if isinstance(answer, CareenError):
                silent.setdefault(type(answer).__name__, []).append((wheel.filename, answer.message))
            else:
                contents[name] = answer
        for failures in silent.values():
            filename, message = failures[0]
            more = f" (and {len(failures) - 1} more wheels likewise)" if len(failures) > 1 else ""
            self.notes.append(f"{filename}: {message}{more}: what it brings and weighs is not known")
        self.notes += [
            f"{name} {package.version} has no wheel for {self.request.platform}: its size is unknown until it is built"
            for name, package in sorted(self.installable.items())
            if name not in self.wheels and not package.is_local
        ]
        return contents

    @cached_property
    def view(self) -> LockView:
        return make_view(self.universe, self.contents)

    def plan(self) -> Plan:
        """The index and the mirror are asked at the same time: neither waits for the other."""
        python = self.python
        with ThreadPoolExecutor(1) as pool:
            return self._plan(pool.submit(self._open_archive, python))

    def _open_archive(self, python: DebianPython) -> "Archive":
        archive = self.session.archive(python.release, self.request.platform.architecture)
        self.session.mirror.debs(exactly(python.packages, archive.catalogue))
        return archive

    def _plan(self, opening: "Future[Archive]") -> Plan:
        view = self.view
        scripts = dict(self.project.pyproject.scripts)
        for contents in view.contents.values():
            scripts.update(contents.console_scripts)
        read = [found for service in self.services if (found := self._read(service, scripts)) is not None]
        if not read:
            raise NothingToPlanError(
                "no service of the stack says which Python module it starts",
                hints=(*self.notes[:3], "name entry points in [tool.careen.services.<name>]"),
            )
        archive = opening.result()
        needs = {service.facts.name: self._needs(service.partition) for service in read}
        modules = {
            imported.module.partition(".")[0]
            for service in read
            for imported in service.reach.external
            if imported.module.partition(".")[0] in sys.stdlib_module_names
        }
        wanted = {soname for sonames in needs.values() for soname in sonames}
        base, composed = base_for(
            self.session, archive, self.python, platform=self.request.platform, libraries=wanted, modules=modules
        )
        inputs = tuple(
            ServiceInputs(
                facts=service.facts,
                entry=service.entry,
                partition=service.partition,
                application=application(
                    self._tree, service.reach, self._sizes, self.config.service(service.facts.name).data
                ),
                hints=read_hints(self._texts(service.reach)),
                installed_today=self._installed_today(service.facts),
                contributions=self._contributions(service.facts.image, archive),
                system_packages=self._system(service, archive, needs[service.facts.name], composed.libraries),
                working_directory=self._home(service.entry),
            )
            for service in read
        )
        return make_plan(
            StackInputs(
                compose=self.facts.workspace.compose,
                config=self.config,
                platform=self.request.platform,
                root=self.project.folder,
                base=base,
                glibc=self.glibc,
                view=view,
                services=inputs,
                support={role: support_files(role) for role in Role},
                source_date_epoch=self.request.source_date_epoch,
                notes=tuple(dict.fromkeys(self.notes)),
            )
        )

    @cached_property
    def _tree(self) -> SourceTree:
        """The project's files, with the members of its workspace and the folders that commands are given from."""
        tree = first_party(self.facts.workspace.files, self.project.folder)
        members = [
            PurePosixPath(normpath(self.lock.path.parent / package.source.path))
            for package in self.lock.local
            if isinstance(package.source, LocalSource)
        ]
        inside = [path.relative_to(self.project.folder) for path in members if path.is_relative_to(self.project.folder)]
        return with_roots(tree, inside, self._commanded())

    def _commanded(self) -> Iterator[str]:
        """Modules that commands name, whose folders must stand on ``sys.path`` wherever the Dockerfile puts them."""
        for service in self.services:
            own = self.config.service(service.name)
            with contextlib.suppress(UnknownEntryPointError):
                entry = interpret(own.entrypoint or (service.launch.argv if service.launch is not None else ()), {})
                yield from entry.modules
                yield from (name for mention in entry.mentions if "." in (name := mention.partition(":")[0]))

    @cached_property
    def _sources(self) -> Sources:
        return Sources(self._tree, self._text)

    @cached_property
    def _sizes(self) -> Mapping[PurePosixPath, int]:
        folder = self.facts.workspace.files.root / self.project.folder
        sizes: dict[PurePosixPath, int] = {}
        for path in self._tree.files:
            try:
                sizes[path] = (folder / path).stat().st_size
            except OSError:
                continue
        return sizes

    def _text(self, path: PurePosixPath) -> str | None:
        return self.facts.workspace.files.text_or_none(self.project.folder / path)

    def _texts(self, reach: Reach) -> list[str]:
        return [text for path in reach.modules.values() if (text := self._text(path)) is not None]

    def _read(self, service: ServiceFacts, scripts: Mapping[str, str]) -> _Read | None:
        """None, with a note, for a service whose command tells no module."""
        own = self.config.service(service.name)
        argv: Sequence[str] = own.entrypoint or (service.launch.argv if service.launch is not None else ())
        try:
            entry = interpret(argv, scripts)
        except UnknownEntryPointError as error:
            place = service.launch.place if service.launch is not None else service.place
            self.notes.append(f"{place.path}:{place.line}: {service.name}: {error.message}")
            return None
        before = self._before(service, scripts)
        found = reach(self._sources, self._start(service, (entry, *before)))
        self.notes += found.notes
        kept = partition(
            self.view,
            (entry, *before),
            found,
            Overrides(include=own.include, exclude=(*own.exclude, *self.request.without)),
        )
        self.notes += [f"{service.name}: nothing in the lock provides {unknown}" for unknown in kept.unknown]
        return _Read(service, entry, found, kept)

    def _before(self, service: ServiceFacts, scripts: Mapping[str, str]) -> tuple[EntryPoint, ...]:
        """What runs before the service does, such as migrations: its image must be able to run it too."""
        found: list[EntryPoint] = []
        for argv in service.launch.prelude if service.launch is not None else ():
            with contextlib.suppress(UnknownEntryPointError):
                step = interpret(argv, scripts)
                found.append(step)
                if step.role is Role.OTHER:  # another server is but the other branch of a condition
                    self.notes.append(
                        f"{service.name} runs `{' '.join(argv)}` before it starts: make that a step of its own"
                    )
        return tuple(found)

    def _start(self, service: ServiceFacts, entries: Sequence[EntryPoint]) -> Start:
        environment = dict(service.image.environment) if service.image is not None else {}
        compose = service.service.compose
        if compose is not None:
            environment.update((name, value) for name, value in compose.environment if value is not None)
        files = set(self._tree.files)
        return Start(
            modules=[module for entry in entries for module in entry.modules],
            scripts=[
                *(self._script(script) for entry in entries for script in entry.scripts),
                *(path for entry in entries for path in entry.settings if path in files),
            ],
            mentions=[mention for entry in entries for mention in entry.mentions],
            environment=environment,
        )

    def _script(self, script: PurePosixPath) -> PurePosixPath:
        """The project's file behind a path of the command, whichever folder the Dockerfile gives the command from."""
        wanted = PurePosixPath(normpath(script)).parts
        while wanted and wanted[0] in {"/", ".."}:
            wanted = wanted[1:]
        for length in range(len(wanted), 0, -1):
            found = [path for path in self._tree.files if path.parts[-length:] == wanted[-length:]]
            if found:
                return min(found, key=lambda path: (len(path.parts), path))
        return script

    def _home(self, entry: EntryPoint) -> PurePosixPath:
        """Where in the image the command is given from: the folder above its script, or above its module's package,
        unless that is but a folder for sources.
        """
        for script in entry.scripts:
            if not script.is_absolute():
                found, depth = self._script(script), len(PurePosixPath(normpath(script)).parts)
                return APPLICATION_FOLDER.joinpath(*found.parts[:-depth])
        names = [*entry.modules, *(mention.partition(":")[0] for mention in entry.mentions)]
        for name in names:
            path = self._tree.modules.get(name)
            if path is not None:
                depth = len(name.split(".")) + (path.name == "__init__.py")
                folder = path.parts[:-depth]
                return APPLICATION_FOLDER if folder[-1:] in _FOR_SOURCES else APPLICATION_FOLDER.joinpath(*folder)
        return APPLICATION_FOLDER

    def _needs(self, partitioned: Partition) -> frozenset[str]:
        cache = NeedsCache(self.session.surroundings.cache / "python" / "needs")
        found: list[Need] = []
        unknown: list[str] = []
        for kept in partitioned.kept:
            wheel, contents = self.wheels.get(kept.package.name), self.contents.get(kept.package.name)
            if wheel is None or wheel.digest is None or contents is None or not contents.native:
                continue
            known = cache.known(wheel.digest.hex)
            if known is None and (self.request.fetch_wheels or self.session.packages.has_wheel(wheel)):
                self.session.progress(Step("reading native libraries", 0, None, wheel.filename))
                known = cache.needs(self.session.packages.wheel(wheel), wheel.digest.hex)
            if known is None:
                unknown.append(kept.package.name)
            else:
                found += known
        if unknown:
            self.notes.append(
                f"the system libraries of {', '.join(sorted(unknown))} are not known before their wheels are fetched"
            )
        return frozenset(need.soname for need in found)

    def _system(
        self, service: _Read, archive: "Archive", sonames: frozenset[str], present: tuple[str, ...]
    ) -> tuple[BinaryPackage, ...]:
        providers = system_packages(self.session, archive, sonames, present)
        self.notes += [f"{service.facts.name}: no Debian package has {name}" for name in providers.missing]
        return providers.packages

    def _installed_today(self, service: ServiceFacts) -> Mapping[PackageName, LockedPackage]:
        found: dict[PackageName, LockedPackage] = {}
        for _, install in service.image.installs if service.image is not None else ():
            if install.whole_project:
                found.update(self._synced(install))
        return found

    def _synced(self, install: Install) -> Mapping[PackageName, LockedPackage]:
        return synced(
            self.requests.get(install) or sync_request(install),
            self.lock,
            self.locked_project,
            self.environment,
            self._default_groups,
        )

    def _default_groups(self, project: LockedPackage) -> Sequence[str]:
        return self.project.pyproject.default_groups if project is self.locked_project else ("dev",)

    def _contributions(self, image: ImageFacts | None, archive: "Archive") -> tuple[Contribution, ...]:
        """Computed once for an image, whichever services run it."""
        if image is None:
            return ()
        if id(image) not in self._weighed:
            self._weighed[id(image)] = contributions(image, self._current_inputs(image, archive))
        return self._weighed[id(image)]

    def _current_inputs(self, image: ImageFacts, archive: "Archive") -> CurrentInputs:
        context = next((c for c in self.facts.contexts if image in c.images), None)
        sent = context.measure.sent if context is not None else ()

        def of_sync(install: Install) -> int | None:
            known = [self.contents[name].installed_bytes for name in self._synced(install) if name in self.contents]
            return sum(known) if known else None

        return CurrentInputs(
            context=tuple((file.path, file.bytes) for file in sent),
            synced=of_sync,
            packages=lambda names: apt_bytes(self.session, archive, names, recommends=False),
            named={name: contents.installed_bytes for name, contents in self.contents.items()},
        )
