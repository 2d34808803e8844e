"""From a folder to the plan of its stack: reads, asks the index and the mirror, and hands all of it to the planner."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from careen.app.base_lock import BaseArchive, open_archive
from careen.app.base_names import is_pinned, names_image
from careen.app.bases import apt_weight, base_for, system_packages
from careen.app.bytecode import with_bytecode
from careen.app.gpu_notes import gpu_notes
from careen.app.lock_choice import LockChoice, lock_choice
from careen.app.locks import ReadLock, lock_of
from careen.app.plan_request import PlanRequest
from careen.app.service_reading import ReadService, ServiceReader
from careen.app.session import Session
from careen.app.source_facts import Taken, TakenBy
from careen.app.target_lock import TargetLock
from careen.app.target_python import beyond_debian, environment_on, named_python, python_for, told_where
from careen.app.upon_alpine import alpine_image, alpine_needs
from careen.blobs.digest import Digest
from careen.build.allocator import share_arenas
from careen.config import Config
from careen.debian.packages import BinaryPackage
from careen.debian.runtime import DebianPython, python_of, release_for
from careen.dockerfile.actions import Install
from careen.errors import CareenError
from careen.plan.alpine import ALPINE
from careen.plan.application import application
from careen.plan.current import CurrentInputs, contributions, times_counted
from careen.plan.leftovers import Weight
from careen.plan.loaded_by_name import libraries_opened, programs_started
from careen.plan.planner import ServiceInputs, StackInputs, make_plan
from careen.plan.roles import Role
from careen.plan.slim import SLIM_RELEASE, described_slim
from careen.plan.support import support_files
from careen.plan.target import Contribution, DebianBase, ImageBase, Plan
from careen.plan.window_toolkits import window_notes
from careen.progress import Step
from careen.python.c_library import OF_RELEASE, CLibrary
from careen.python.contents import DistributionContents
from careen.python.environment import TargetEnvironment
from careen.python.linkage import Need, NeedsCache
from careen.python.locked import Lock, LockedFile
from careen.python.names import PackageName
from careen.text.units import format_bytes
from careen.workspace.configuration import configuration_of
from careen.workspace.discover import discover
from careen.workspace.facts import ImageFacts, ServiceFacts, StackFacts, derive
from careen.workspace.file_names import is_dockerfile_name
from careen.workspace.known_bases import debian_packages_in, installed_share
from careen.workspace.model import PythonProject

if TYPE_CHECKING:
    from careen.debian.mirror import Archive


_NEWEST_RELEASE = "trixie"
_FETCHED_AT_ONCE = 4


class NothingToPlanError(CareenError):
    """The folder has no Python service with a lock."""


class HalfReadError(CareenError):
    """A file that the plan would rest on cannot be read, so a plan would leave out what nobody knows."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """``lasting`` is false when something did not answer that might another time, ``dated`` true when it holds what an
    index had newest. ``taken`` tells what of the project's sources the plan rests on; None where that is more than can
    be told.
    """

    facts: StackFacts
    config: Config
    plan: Plan
    lock: Lock
    project: PythonProject
    lasting: bool = True
    dated: bool = False
    taken: Taken | None = None


def plan_stack(session: Session, request: PlanRequest) -> Planned:
    """Raises NothingToPlanError, HalfReadError, and what reading, the index or the mirror raise."""
    share_arenas()  # before there are threads, which would each keep what they free
    facts = derive(discover(request.root, compose_files=request.compose_files))
    _refuse_half_read(facts)
    config = configuration_of(facts.workspace)
    planning = _Planning(session, request, facts, config)
    plan = planning.plan()
    if request.fetch_wheels:
        session.progress(Step("weighing bytecode", 0, None))
        plan = with_bytecode(session, plan, request.root / plan.root)
    notes = (*gpu_notes(plan, facts, session.surroundings.environment), *window_notes(plan.services, planning.lock))
    plan = replace(plan, lock=planning.lock.path, notes=(*plan.notes, *notes))
    described = isinstance(plan.base, ImageBase) and plan.base.described
    weighed = plan.predicted_bytecode_bytes is not None or described or not request.fetch_wheels
    return Planned(
        facts=facts,
        config=config,
        plan=plan,
        lock=planning.lock,
        project=planning.project,
        lasting=weighed and planning.has_all_answers and is_pinned(request.base or config.base),
        dated=planning.is_dated,
        taken=planning.taken(),
    )


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


@dataclass
class _Planning:
    session: Session
    request: PlanRequest
    facts: StackFacts
    config: Config

    def __post_init__(self) -> None:
        self.notes: list[str] = []
        self._weighed: dict[int, tuple[Contribution, ...]] = {}
        self._counted: dict[int, tuple[Mapping[str, int], ...] | None] = {}
        self._read_services: tuple[ReadService, ...] = ()
        self._unread_needs = False

    @property
    def has_all_answers(self) -> bool:
        """Once planned: whether all that was asked of the index and of wheels was told."""
        return not (self._unread_needs or any(target.unanswered for target in self._targets))

    @property
    def is_dated(self) -> bool:
        """Once planned: whether an index was asked for what no file pins."""
        return any(target.is_dated for target in self._targets)

    @cached_property
    def choices(self) -> Mapping[str, LockChoice]:
        """Of each service that is built from a Python project."""
        found = ((service.name, lock_choice(service, self.facts)) for service in self.facts.built)
        return {name: choice for name, choice in found if choice is not None}

    @cached_property
    def _chosen(self) -> LockChoice:
        """What most services install. Raises NothingToPlanError."""
        counted = Counter(choice.key for choice in self.choices.values())
        if not counted:
            first = self.facts.workspace.unreadable[0] if self.facts.workspace.unreadable else None
            if first is not None:
                raise NothingToPlanError(f"{first.path}:{first.line}: {first.message}")
            raise NothingToPlanError(
                f"{self.request.root} has no service that is built from a Python project",
                hints=("careen plans by a lock: uv.lock, poetry.lock, Pipfile.lock, pylock.toml, or requirements",),
            )
        most = counted.most_common(1)[0][0]
        return next(choice for choice in self.choices.values() if choice.key == most)

    @cached_property
    def project(self) -> PythonProject:
        chosen = self._chosen
        return replace(chosen.project, lock_path=chosen.paths[0] if chosen.paths else None)

    @cached_property
    def services(self) -> tuple[ServiceFacts, ...]:
        chosen = self._chosen.key  # first, so that a stack without any is told as what it is
        mine = tuple(s for s in self.facts.built if s.name in self.choices and self.choices[s.name].key == chosen)
        self.notes += [
            f"{service.name} is of another project and is not planned here"
            for service in self.facts.built
            if service not in mine
        ]
        return mine

    @cached_property
    def _kin(self) -> tuple[tuple[ServiceFacts, ...], ...]:
        """Services by what they have installed: those with other files of requirements may get other versions."""
        found: dict[object, list[ServiceFacts]] = {}
        for service in self.services:
            found.setdefault(self.choices[service.name].listed, []).append(service)
        return tuple(tuple(services) for services in found.values())

    @cached_property
    def reads(self) -> tuple[ReadLock, ...]:
        """One for each of ``_kin``. Raises NoLockError, SyntaxProblem, or when a file cannot be read."""
        files = self.facts.workspace.files
        found = []
        for number, services in enumerate(self._kin):
            choices = [self.choices[service.name] for service in services]
            found.append(lock_of(self.session, files, choices, self.request.lock_text if number == 0 else None))
        self.notes += [note for read in found for note in read.notes]
        return tuple(found)

    @cached_property
    def lock(self) -> Lock:
        """With the packages of every service, those of the first foremost."""
        first, *others = [target.lock for target in self._targets]
        packages = {(p.name, p.version): p for lock in (*others, first) for p in lock.packages}
        return replace(first, packages=tuple(packages.values())) if others else first

    @property
    def _named_base(self) -> str | None:
        return self.request.base or self.config.base

    @property
    def _requires_python(self) -> str | None:
        """A lock holds wheels only for the Pythons that all members of the workspace allow.

        One that was made before the project asked for more does not count against what the project says now.
        """
        told = (self.reads[0].lock.requires_python, self.project.pyproject.requires_python)
        return ",".join(dict.fromkeys(text for text in told if text)) or None

    def _told_where(self) -> AbstractContextManager[None]:
        lock = self.reads[0].lock
        paths = (self.project.pyproject.source.path, lock.path, lock.path.with_name("Pipfile"))
        return told_where(self.facts.workspace.files, paths)

    @cached_property
    def image_base(self) -> ImageBase | None:
        """What services are put upon where the base is an image; None where it is composed."""
        named = self._named_base
        if named is None:
            return self._slim_image()
        if named == ALPINE:
            with self._told_where():
                return alpine_image(self._images, self._requires_python, self.notes)
        if not names_image(named):
            return None
        from careen.app.image_bases import image_base  # noqa: PLC0415 - few bases are images

        found = image_base(self.session, named, self.request.platform, self._requires_python)
        if not is_pinned(named):
            self.notes.append(f"{named} is {found.manifest} today: what it leads to may change, a digest does not")
        if not found.certificates:
            self.notes.append(f"{named} has no certificate authorities: services cannot check whom they talk to")
        return found

    def _slim_image(self) -> ImageBase | None:
        """For a Python that Debian does not carry; None where it does."""
        with self._told_where():
            version = beyond_debian(self._images, self._requires_python)
        if version is None:
            return None
        found = described_slim(version)
        self.notes.append(
            f"Debian carries no Python {version}: planned upon {found.label}, by what is known of it; "
            f"`careen build --base REGISTRY/library/{found.label}` looks at the image itself"
        )
        return found

    @cached_property
    def python(self) -> DebianPython:
        """Of the base that is composed; for an image, of the Debian that today's images are weighed by."""
        if self.image_base is not None and self.image_base.described:
            return python_of(SLIM_RELEASE)
        if self.image_base is not None:
            return release_for(3, self.image_base.runtime.version.minor) or python_of(_NEWEST_RELEASE)
        named, requires = self._named_base, self._requires_python
        with self._told_where():
            return (
                named_python(named, requires) if named is not None else python_for(self._images, requires, self.notes)
            )

    @cached_property
    def _environment(self) -> TargetEnvironment:
        base = self.image_base
        if base is None:
            return environment_on(self.python, self.request.platform)
        return TargetEnvironment(python=base.runtime.version, platform=self.request.platform, patch=base.patch)

    @cached_property
    def _c_library(self) -> CLibrary:
        return self.image_base.c_library if self.image_base is not None else OF_RELEASE[self.python.release]

    @property
    def _images(self) -> tuple[ImageFacts, ...]:
        return self._images_of(self.services)

    def _images_of(self, services: Iterable[ServiceFacts]) -> tuple[ImageFacts, ...]:
        mine = [service.image for service in services]
        return tuple(image for image in self.facts.images if image in mine)

    @cached_property
    def _targets(self) -> tuple[TargetLock, ...]:
        """One for each of ``_kin``."""
        return tuple(
            TargetLock(
                session=self.session,
                read=read,
                choices=tuple(self.choices[service.name] for service in services),
                root=self.request.root,
                project=self.project,
                images=self._images_of(services),
                environment=self._environment,
                c_library=self._c_library,
                notes=self.notes,
            )
            for services, read in zip(self._kin, self.reads, strict=True)
        )

    def _target(self, service: ServiceFacts) -> TargetLock:
        kin = zip(self._kin, self._targets, strict=True)
        return next(target for services, target in kin if service in services)

    @cached_property
    def reader(self) -> ServiceReader:
        return ServiceReader(
            files=self.facts.workspace.files,
            project=self.project,
            services=self.services,
            lock=self.lock,
            config=self.config,
            without=self.request.without,
            notes=self.notes,
        )

    def plan(self) -> Plan:
        """The index and the mirror are asked at the same time: neither waits for the other."""
        python = self.python
        with ThreadPoolExecutor(1) as pool:
            return self._plan(pool.submit(self._open_archive, python))

    def _open_archive(self, python: DebianPython) -> BaseArchive:
        if self.image_base is not None:
            today = self.session.archive(python.release, self.request.platform.architecture)
            return BaseArchive(today=today, pinned=today)
        files = self.facts.workspace.files if self.request.pinned else None
        return open_archive(self.session, python, self.request.platform.architecture, files)

    def _plan(self, opening: Future[BaseArchive]) -> Plan:
        read = [found for service in self.services if (found := self._read(service)) is not None]
        if not read:
            raise NothingToPlanError(
                "no service of the stack says which Python module it starts",
                hints=(*self.notes[:3], "name entry points in [tool.careen.services.<name>]"),
            )
        self._read_services = tuple(read)
        archive = opening.result()
        self._fetch(read)
        needs = {service.facts.name: self._needs(service) for service in read}
        modules = {
            imported.module.partition(".")[0]
            for service in read
            for imported in service.reach.external
            if imported.module.partition(".")[0] in sys.stdlib_module_names
        }
        wanted = {soname for sonames in needs.values() for soname in sonames}
        base: DebianBase | ImageBase
        if self.image_base is not None:
            base, present = self.image_base, self.image_base.libraries
        else:
            base, composed = base_for(
                self.session,
                archive.pinned,
                self.python,
                libraries=wanted,
                modules=modules,
                estimate=bool(self.request.without),
            )
            present = composed.libraries
        inputs = tuple(
            ServiceInputs(
                facts=service.facts,
                entry=service.entry,
                partition=service.partition,
                application=application(
                    self.reader.tree, service.reach, self.reader.sizes, self.config.service(service.facts.name).data
                ),
                hints=service.hints(),
                installed_today=self._target(service.facts).installed_by(service.facts.image),
                contributions=self._contributions(service.facts, archive.today),
                system_packages=self._system(service, archive.pinned, needs[service.facts.name], present),
                working_directory=self.reader.home(service.entry),
                view=self._target(service.facts).view,
                writes=service.writes(),
                alpine=alpine_needs(
                    self.image_base,
                    service.facts.name,
                    [kept.package for kept in service.partition.kept],
                    self._target(service.facts),
                    needs[service.facts.name],
                ),
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
                c_library=self._c_library,
                services=inputs,
                support={role: support_files(role) for role in Role},
                source_date_epoch=self.request.source_date_epoch,
                notes=tuple(dict.fromkeys(self.notes)),
            )
        )

    def _read(self, service: ServiceFacts) -> ReadService | None:
        view = self._target(service).view
        scripts = dict(self.project.pyproject.scripts)
        for contents in view.contents.values():
            scripts.update(contents.console_scripts)
        return self.reader.read(service, view, scripts)

    @cached_property
    def _linkage(self) -> NeedsCache:
        return NeedsCache(self.session.surroundings.cache / "python" / "needs")

    def _native(self, service: ReadService) -> Iterator[tuple[str, LockedFile, Digest]]:
        """Wheels of the service with native code, by the names of their distributions."""
        target = self._target(service.facts)
        for kept in service.partition.kept:
            wheel, contents = target.wheels.get(kept.package.name), target.contents.get(kept.package.name)
            if wheel is not None and wheel.digest is not None and contents is not None and contents.native:
                yield kept.package.name, wheel, wheel.digest

    def _fetch(self, services: Iterable[ReadService]) -> None:
        """What :meth:`_needs` will read, several wheels at a time, since one connection may be slow."""
        packages = self.session.packages
        native = {digest: wheel for service in services for _, wheel, digest in self._native(service)}
        wanted = [
            wheel
            for digest, wheel in native.items()
            if self.request.fetch_wheels and self._linkage.known(digest.hex) is None and not packages.has_wheel(wheel)
        ]
        if not wanted:
            return
        wanted.sort(key=lambda wheel: wheel.size or 0, reverse=True)  # the slowest first
        phase = f"fetching {format_bytes(sum(wheel.size or 0 for wheel in wanted))} of wheels"
        self.session.progress(Step(phase, 0, len(wanted)))
        with ThreadPoolExecutor(_FETCHED_AT_ONCE) as pool:
            for done, place in enumerate(pool.map(packages.wheel, wanted), start=1):
                self.session.progress(Step(phase, done, len(wanted), place.name))

    def _needs(self, service: ReadService) -> frozenset[str]:
        found: list[Need] = []
        unknown: list[str] = []
        for name, wheel, digest in self._native(service):
            known = self._linkage.known(digest.hex)
            if known is None and (self.request.fetch_wheels or self.session.packages.has_wheel(wheel)):
                self.session.progress(Step("reading native libraries", 0, None, wheel.filename))
                known = self._linkage.needs(self.session.packages.wheel(wheel), digest.hex)
            if known is None:
                unknown.append(name)
            else:
                found += known
        names = {kept.package.name for kept in service.partition.kept}
        found += [Need(soname=soname, wanted_by=name) for soname, name in libraries_opened(names)]
        started = () if self._c_library.is_musl else programs_started(names)
        self.notes += [
            f"{name} starts {program}, which Debian's {package} has: careen adds libraries to an image, not programs"
            for name, program, package in started
        ]
        if unknown:
            self._unread_needs = True
            self.notes.append(
                f"the system libraries of {', '.join(sorted(unknown))} are not known before their wheels are fetched"
            )
        return frozenset(need.soname for need in found)

    def _system(
        self, service: ReadService, archive: "Archive", sonames: frozenset[str], present: tuple[str, ...]
    ) -> tuple[BinaryPackage, ...]:
        if self._c_library.is_musl:
            return ()
        if self.image_base is not None and not self.image_base.described:
            self.notes += [
                f"{service.facts.name}: {self.image_base.label} has no {name}, and careen adds no packages to an image"
                for name in sorted(sonames - set(present))
            ]
            return ()
        providers, lacking = system_packages(self.session, archive, sonames, present)
        if lacking is not None:
            self._unread_needs = True
            self.notes.append(f"{lacking}: packages of system libraries are found by the names that policy gives them")
        self.notes += [f"{service.facts.name}: no Debian package has {name}" for name in providers.missing]
        return providers.packages

    def taken(self) -> Taken | None:
        """Once planned."""
        services: list[TakenBy] = []
        for service in self._read_services:
            counted = self._counted.get(id(service.facts.image), ())
            if counted is None:
                return None
            modules = service.reach.modules
            services.append(TakenBy(service.facts.name, modules, service.serves, service.hints(), counted))
        return Taken(folder=self.project.folder, services=tuple(services), readings=self.reader.readings)

    def _contributions(self, service: ServiceFacts, archive: "Archive") -> tuple[Contribution, ...]:
        """Computed once for an image, whichever services run it."""
        image = service.image
        if image is None:
            return ()
        if id(image) not in self._weighed:
            inputs = self._current_inputs(image, self._target(service), archive)
            found = self._weighed[id(image)] = contributions(image, inputs)
            self._counted[id(image)] = _counted(image, inputs, found)
        return self._weighed[id(image)]

    def _current_inputs(self, image: ImageFacts, target: TargetLock, archive: "Archive") -> CurrentInputs:
        context = next((c for c in self.facts.contexts if image in c.images), None)
        sent = context.measure.sent if context is not None else ()
        held = target.contents

        def of_sync(install: Install) -> Weight | None:
            if install not in target.requests:
                return None
            known = [_weight(target, name, held[name]) for name in target.synced(install) if name in held]
            if not known:
                return None
            return Weight(
                installed=sum(weight.installed for weight in known),
                packed=sum(weight.packed for weight in known),
                bytecode=sum(weight.bytecode for weight in known),
            )

        kind = image.known_base.kind if image.known_base is not None else None

        def of_packages(names: Iterable[str], recommends: bool) -> Weight | None:
            present = debian_packages_in(kind)
            announced = apt_weight(self.session, archive, names, recommends=recommends, present=present)
            if announced is None:
                return None
            return replace(announced, installed=round(announced.installed * installed_share(kind)))

        return CurrentInputs(
            context=tuple((file.path, file.bytes) for file in sent),
            synced=of_sync,
            packages=of_packages,
            named={name: _weight(target, name, contents) for name, contents in held.items()},
        )


def _weight(target: TargetLock, name: PackageName, contents: DistributionContents) -> Weight:
    file = target.wheels.get(name) or target.sdists.get(name)
    return Weight(
        installed=contents.installed_bytes,
        packed=file.size or 0 if file is not None else 0,
        bytecode=contents.bytecode_bytes,
    )


def _counted(
    image: ImageFacts, inputs: CurrentInputs, known: Sequence[Contribution]
) -> tuple[Mapping[str, int], ...] | None:
    """How often each contribution counts which of the context's sources, by their paths below the root."""
    sources = frozenset(path for path, _ in inputs.context if path.endswith(".py"))
    times = times_counted(image, inputs, known, sources)
    folder = image.source.context
    if times is None:
        return None
    return tuple({str(folder / path): count for path, count in item.items()} for item in times)
