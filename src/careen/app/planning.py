"""From a folder to the plan of its stack: reads, asks the index and the mirror, and hands all of it to the planner."""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

from careen.app.base_choice import BaseChoice
from careen.app.base_lock import BaseArchive
from careen.app.base_names import is_pinned
from careen.app.bases import base_for
from careen.app.bytecode import with_bytecode
from careen.app.gpu_notes import gpu_notes
from careen.app.lock_choice import LockChoice, lock_choice
from careen.app.locks import ReadLock, lock_of
from careen.app.native_needs import NativeNeeds
from careen.app.plan_request import PlanRequest
from careen.app.service_reading import ReadService, ServiceReader
from careen.app.session import Session
from careen.app.source_facts import Taken, TakenBy
from careen.app.target_lock import TargetLock
from careen.app.todays_images import TodaysImages
from careen.app.upon_alpine import alpine_needs
from careen.build.allocator import share_arenas
from careen.config import Config
from careen.errors import CareenError
from careen.plan.application import application
from careen.plan.planner import ServiceInputs, StackInputs, make_plan
from careen.plan.roles import Role
from careen.plan.support import support_files
from careen.plan.target import DebianBase, ImageBase, Plan
from careen.plan.window_toolkits import window_notes
from careen.progress import Step
from careen.python.locked import Lock
from careen.workspace.configuration import configuration_of, settings_of_nobody
from careen.workspace.discover import discover
from careen.workspace.facts import ImageFacts, ServiceFacts, StackFacts, derive
from careen.workspace.file_names import is_compose_name, is_dockerfile_name
from careen.workspace.model import PythonProject


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
    astray = settings_of_nobody(config, facts.workspace)
    plan = replace(plan, lock=planning.lock.path, notes=(*astray, *plan.notes, *notes))
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
        self._read_services: tuple[ReadService, ...] = ()

    @property
    def has_all_answers(self) -> bool:
        """Once planned: whether all that was asked of the index and of wheels was told."""
        return not (self.native.unread or any(target.unanswered for target in self._targets))

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
    def _requires_python(self) -> str | None:
        """A lock holds wheels only for the Pythons that all members of the workspace allow.

        One that was made before the project asked for more does not count against what the project says now.
        """
        told = (self.reads[0].lock.requires_python, self.project.pyproject.requires_python)
        return ",".join(dict.fromkeys(text for text in told if text)) or None

    @cached_property
    def base(self) -> BaseChoice:
        lock = self.reads[0].lock
        return BaseChoice(
            session=self.session,
            request=self.request,
            named=self.request.base or self.config.base,
            images=self._images_of(self.services),
            requires_python=self._requires_python,
            files=self.facts.workspace.files,
            told_in=(self.project.pyproject.source.path, lock.path, lock.path.with_name("Pipfile")),
            notes=self.notes,
        )

    @cached_property
    def native(self) -> NativeNeeds:
        return NativeNeeds(self.base)

    @cached_property
    def today(self) -> TodaysImages:
        return TodaysImages(self.session, self.facts)

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
                environment=self.base.environment,
                c_library=self.base.c_library,
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
        python = self.base.python
        with ThreadPoolExecutor(1) as pool:
            return self._plan(pool.submit(self.base.open_archive, python))

    def _other_compose_files(self) -> list[PurePosixPath]:
        """Beside those that were read, such as one for production."""
        compose = self.facts.workspace.compose
        read = {document.source.path for document in compose.documents} if compose is not None else set()
        found = self.facts.workspace.files.find(PurePosixPath(), is_compose_name, depth=1)
        return [path for path in found if path not in read][:3]

    def _plan(self, opening: Future[BaseArchive]) -> Plan:
        read = [found for service in self.services if (found := self._read(service)) is not None]
        if not read:
            raise NothingToPlanError(
                "no service of the stack says which Python module it starts",
                hints=(
                    *self.notes[:3],
                    *(f"{path} was not read, and may say it: --file {path}" for path in self._other_compose_files()),
                    "name entry points in [tool.careen.services.<name>]",
                ),
            )
        self._read_services = tuple(read)
        archive = opening.result()
        self.native.fetch((service, self._target(service.facts)) for service in read)
        needs = {service.facts.name: self.native.of(service, self._target(service.facts)) for service in read}
        modules = {
            imported.module.partition(".")[0]
            for service in read
            for imported in service.reach.external
            if imported.module.partition(".")[0] in sys.stdlib_module_names
        }
        wanted = {soname for sonames in needs.values() for soname in sonames}
        base: DebianBase | ImageBase
        if self.base.image is not None:
            base, present = self.base.image, self.base.image.libraries
        else:
            base, composed = base_for(
                self.session,
                archive.pinned,
                self.base.python,
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
                contributions=self.today.contributions(service.facts.image, self._target(service.facts), archive.today),
                system_packages=self.native.packages(
                    service.facts.name, archive.pinned, needs[service.facts.name], present
                ),
                working_directory=self.reader.home(service.entry),
                view=self._target(service.facts).view,
                writes=service.writes(),
                alpine=alpine_needs(
                    self.base.image,
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
                c_library=self.base.c_library,
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

    def taken(self) -> Taken | None:
        """Once planned."""
        services: list[TakenBy] = []
        for service in self._read_services:
            counted = self.today.counted(service.facts.image)
            if counted is None:
                return None
            modules = service.reach.modules
            services.append(TakenBy(service.facts.name, modules, service.serves, service.hints(), counted))
        return Taken(folder=self.project.folder, services=tuple(services), readings=self.reader.readings)
