"""The whole set-up of a stack, rewritten from its plan: Dockerfile, ignore file, compose, dependency groups."""

import os.path
import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import cached_property
from pathlib import PurePosixPath

from careen.findings import FixKind, Topic
from careen.ignorefile.context import candidate_ignore_files
from careen.ignorefile.patterns import IgnoreFile
from careen.plan.obstacles import refuse_obstacles, refuse_unfit_base
from careen.plan.target import ImageBase, Plan, ServicePlan
from careen.python.locked import Lock
from careen.python.pylock import is_pylock_name
from careen.python.pyproject import Pyproject
from careen.python.uvlock import read_uvlock
from careen.rewrite.allowlist import AllowListInputs, allow_list
from careen.rewrite.alpine import foreign_copies, upon_alpine
from careen.rewrite.bases import Foundation, foundation_for
from careen.rewrite.build_programs import (
    TRIM,
    UNCOMPILED,
    UNPACK,
    trim_program,
    uncompiled_list,
    unpack_program,
)
from careen.rewrite.carried import Carried, carry_over, is_rendered, support_folder
from careen.rewrite.compose.draft import ComposeInputs
from careen.rewrite.compose.rewriter import rewrite_compose
from careen.rewrite.copies import Extent, Piece, covered, fewer, pieces_of
from careen.rewrite.development import refuse_development
from careen.rewrite.extras import BAKE_NAME, WORKFLOW_PATH, bake_file, extra_changes, workflow
from careen.rewrite.groups import Grouping, GroupInputs, grouping_of
from careen.rewrite.installing import Installing, ListInstalling, UvInstalling, pinned_list
from careen.rewrite.mounts import removable_mounts
from careen.rewrite.options import RewriteOptions, Runtime
from careen.rewrite.patchset import FileChange, PatchSet, Refusal
from careen.rewrite.pyproject import with_groups
from careen.rewrite.recast import RecastInputs, recast, stage_names
from careen.rewrite.start_steps import kept_at_start, lost_at_start
from careen.text.source import Source
from careen.text.values import dataclass
from careen.workspace.facts import ImageFacts, ServiceFacts, StackFacts
from careen.workspace.files import normal_path
from careen.workspace.model import PythonProject

_TREE_DEPTH = 24
_DYNAMIC = re.compile(r"^\s*dynamic\s*=\s*\[[^\]]*(?:dependencies|version)", re.MULTILINE)
_INSTALLED_GROUP = re.compile(r"--only-group (\S+)")
_POETRY_SOURCE = re.compile(r"^\[\[tool\.poetry\.source\]\]", re.MULTILINE)
_DOCKERFILE_TOPICS = (
    Topic.NO_MULTI_STAGE,
    Topic.BUILD_TOOLS_IN_FINAL,
    Topic.NO_CACHE_MOUNT,
    Topic.DEV_DEPENDENCIES,
    Topic.NO_DEPENDENCY_LAYER,
    Topic.WHOLE_TREE_COPY,
    Topic.RUNS_AS_ROOT,
    Topic.MISSING_HEALTHCHECK,
    Topic.BAD_SIGNAL_HANDLING,
    Topic.SHARED_IMAGE,
    Topic.UNNEEDED_DEPENDENCIES,
    Topic.DUPLICATED_LAYER,
    Topic.INSTALLER_LEFT_IN,
    Topic.INEFFECTIVE_CACHE_MOUNT,
    Topic.BROKEN_VENV,
    Topic.UNPINNED_BASE,
    Topic.REMOVED_BASE,
    Topic.OVERSIZED_BASE,
)
_IGNORE_TOPICS = (
    Topic.WEAK_DOCKERIGNORE,
    Topic.UNNEEDED_CONTEXT_FILES,
    Topic.VENV_IN_CONTEXT,
    Topic.INEFFECTIVE_IGNORE_PATTERN,
)


@dataclass(frozen=True, slots=True)
class LockedProject:
    """The project that services are of, with its lock complete: addresses, hashes, and versions that uv chose."""

    project: PythonProject
    lock: Lock


def rewrite_stack(
    plan: Plan, facts: StackFacts, options: RewriteOptions | None = None, locked: LockedProject | None = None
) -> PatchSet:
    """The recast of every planned service. ``locked`` is what was planned from, where reading it again is not enough.

    Changes are left out, and the refusals say why, when the old set-up does something that the new one would not,
    unless ``options.accept``. Raises what reading the lock raises, UnsaidWordError and
    DevelopmentError.
    """
    if not (options is not None and options.accept):
        refuse_unfit_base(plan)
    refuse_obstacles(plan)
    refuse_development(plan, facts)
    return _Stack(plan, facts, options or RewriteOptions(), locked).patch()


def dockerfile_of(plan: Plan, facts: StackFacts) -> PurePosixPath:
    """Where the Dockerfile of the recast stands, relative to the folder that was asked about."""
    return _Stack(plan, facts, RewriteOptions()).dockerfile_path


@dataclass
class _Stack:
    plan: Plan
    facts: StackFacts
    options: RewriteOptions
    locked: LockedProject | None = None
    refusals: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def patch(self) -> PatchSet:
        changes = [self._dockerfile(), self._ignorefile(), *self._support(), *self._programs(), *self._pinned()]
        changes += [*self._compose(), *self._pyproject(), *self._extras()]
        found = PatchSet(
            changes=tuple(change for change in changes if change.before != change.after),
            refusals=tuple(dict.fromkeys(self.refusals)),
            notes=tuple(dict.fromkeys(self.notes)),
        )
        return found.with_changes(()) if found.stopped and not self.options.accept else found

    # Reading

    def _text(self, path: PurePosixPath) -> str | None:
        files = self.facts.workspace.files
        return files.read(path).text if files.exists(path) else None

    @cached_property
    def services(self) -> Mapping[str, ServiceFacts]:
        return {service.name: service for service in self.facts.services}

    @cached_property
    def images(self) -> tuple[ImageFacts, ...]:
        """The images of today that planned services ship, each once."""
        found: dict[int, ImageFacts] = {}
        for service in self.plan.services:
            facts = self.services[service.name]
            if facts.image is not None:
                found.setdefault(id(facts.image), facts.image)
        return tuple(found.values())

    @cached_property
    def project(self) -> PythonProject:
        if self.locked is not None:
            return self.locked.project
        for service in self.plan.services:
            project = self.services[service.name].service.project
            if project is not None:
                return project
        raise ValueError("a plan has services of a project")

    @cached_property
    def dockerfile_path(self) -> PurePosixPath:
        """Where the one Dockerfile stands: where today's does, or between several."""
        paths = list(dict.fromkeys(image.source.dockerfile_path for image in self.images))
        between = PurePosixPath(os.path.commonpath([str(path.parent) for path in paths])) / "Dockerfile"
        if len(paths) == 1 or (between not in paths and self.facts.workspace.files.exists(between)):
            return paths[0]
        return between

    @cached_property
    def support_folder(self) -> PurePosixPath:
        return support_folder(self.dockerfile_path, self.plan)

    @cached_property
    def tree(self) -> tuple[PurePosixPath, ...]:
        root = self.plan.root
        return tuple(path.relative_to(root) for path in self.facts.workspace.files.walk(root, depth=_TREE_DEPTH))

    # What goes into the Dockerfile

    @cached_property
    def carried(self) -> Carried:
        found = [
            carry_over(image, self.plan, self._shipping(image), self.facts.workspace.files.text_or_none)
            for image in self.images
        ]
        self.refusals += [refusal for carried in found for refusal in carried.refusals]
        self.notes += [note for carried in found for note in carried.notes]
        others = [image.source.dockerfile_path for image in self.images]
        self.notes += [
            f"{path} is not used any more: {self.dockerfile_path} has every service"
            for path in dict.fromkeys(others)
            if path != self.dockerfile_path
        ]
        whole = Carried(
            stages=tuple(dict.fromkeys(stage for carried in found for stage in carried.stages)),
            copies=tuple(copy for carried in found for copy in carried.copies),
            programs=tuple(item for carried in found for item in carried.programs),
            libraries=tuple(item for carried in found for item in carried.libraries),
            build_packages=tuple(dict.fromkeys(name for carried in found for name in carried.build_packages)),
            needed=tuple(dict.fromkeys(path for carried in found for path in carried.needed)),
            mounts=tuple(dict.fromkeys(mount for carried in found for mount in carried.mounts)),
        )
        if not self.plan.base.c_library.is_musl:
            return whole
        self.notes += foreign_copies(whole)
        return upon_alpine(whole, self.plan)

    def _shipping(self, image: ImageFacts) -> tuple[ServicePlan, ...]:
        return tuple(service for service in self.plan.services if self.services[service.name].image is image)

    @cached_property
    def foundation(self) -> Foundation:
        """Distroless where it can be; a slim image where programs are to be installed that need one."""
        needs_apt = bool(self.carried.programs or self.carried.libraries)
        needs_slim = needs_apt or isinstance(self.plan.base, ImageBase)
        usual = Runtime.SLIM if needs_slim else Runtime.DISTROLESS
        chosen = self.options.runtime or (Runtime.ALPINE if self.plan.base.c_library.is_musl else usual)
        if chosen is Runtime.DISTROLESS and needs_apt:
            names = sorted(
                {name for _, packages in (*self.carried.programs, *self.carried.libraries) for name in packages}
            )
            self.refusals.append(
                Refusal(
                    path=self.dockerfile_path,
                    line=1,
                    reason=f"{', '.join(names)} cannot be installed into a distroless image",
                    hint="take the slim image: --runtime slim",
                )
            )
        return foundation_for(self.plan, chosen)

    @cached_property
    def pieces(self) -> Mapping[str, tuple[Piece, ...]]:
        exact = {
            service.name: pieces_of((file.source for file in service.application), self.tree)
            for service in self.plan.services
        }
        return {name: fewer(pieces, covered(self._sent, self.tree)) for name, pieces in exact.items()}

    @cached_property
    def _sent(self) -> tuple[Piece, ...]:
        """What the ignore file lets through of the services' own files."""
        return pieces_of({file.source for service in self.plan.services for file in service.application}, self.tree)

    @property
    def _is_uvs(self) -> bool:
        path = self.project.lock_path
        return path is not None and path.name == "uv.lock"

    @cached_property
    def lock(self) -> Lock | None:
        path = self.project.lock_path
        if self.locked is not None:
            return self.locked.lock
        return read_uvlock(self.facts.workspace.files.read(path)) if path is not None and self._is_uvs else None

    @cached_property
    def grouping(self) -> Grouping:
        lock, pyproject = self.lock, self.project.pyproject
        project = lock.project(pyproject.name) if lock is not None and self._is_uvs else None
        if lock is None or project is None:
            return Grouping(shared=None, of_service={}, beyond={})
        found = grouping_of(
            GroupInputs(
                plan=self.plan,
                lock=lock,
                project=project,
                written=pyproject.dependencies,
                taken=frozenset(pyproject.groups) - self._own_groups(pyproject),
            )
        )
        self.notes += [
            f"the group of {service} also brings {', '.join(names)}" for service, names in found.beyond.items()
        ]
        return found

    def _own_groups(self, pyproject: Pyproject) -> frozenset[str]:
        """Groups that a Dockerfile of ours installs: written by an earlier run, and ours to change."""
        text = self.images[0].source.dockerfile.source.text
        if not is_rendered(text):
            return frozenset()
        named = frozenset(_INSTALLED_GROUP.findall(text))
        installed = {group for group in pyproject.groups if group in named}
        return frozenset(installed) | ({"shared"} if installed else frozenset())

    @cached_property
    def installing(self) -> Installing:
        """``uv sync`` for a project that uv locked by itself; pinned lists for workspaces and other tools' locks."""
        if self.lock is None or not self._is_uvs or len(self.lock.members) > 1 or self.options.lists:
            self._tell_of_sources()
            return ListInstalling(
                folder=self.support_folder,
                interpreter=self.foundation.interpreter,
                mounts=self.carried.mounts,
                lists=self._lists(),
            )
        names = ["uv.lock", "pyproject.toml"]
        names += [name for name in ("uv.toml",) if PurePosixPath(name) in self.tree]
        return UvInstalling(
            files=tuple(PurePosixPath(name) for name in names),
            mounts=self.carried.mounts,
            frozen=_DYNAMIC.search(self.project.pyproject.source.text) is not None,
            grouping=self.grouping,
            interpreter=self.foundation.interpreter,
        )

    def _lists(self) -> Mapping[str, str]:
        root = self.plan.root
        paths = {service.name: self._pinned_by(service.name) for service in self.plan.services}
        return {
            name: pinned_list(self.plan, name, path.relative_to(root) if path.is_relative_to(root) else path, self.lock)
            for name, path in paths.items()
        }

    def _pinned_by(self, service: str) -> PurePosixPath:
        """The lock; of files of requirements, which each service may have its own of, the one that is installed."""
        path = self.project.lock_path or self.project.folder / "pyproject.toml"
        image = self.services[service].image
        if image is None or self.lock is None or self.lock.path.suffix == ".lock" or is_pylock_name(path.name):
            return path
        files = self.facts.dependencies
        names = (name for _, install in image.installs for name in install.requirement_files)
        return next((own for name in names if (own := files.requirement_file(image.source, name)) is not None), path)

    def _tell_of_sources(self) -> None:
        source = self.project.pyproject.source
        match = _POETRY_SOURCE.search(source.text)
        if match is not None:
            self.refusals.append(
                Refusal(
                    path=source.path,
                    line=source.line_of(match.start()),
                    reason="an index of poetry's is not known to the Dockerfile",
                    hint="give it to the build: ARG UV_INDEX in the builder stage, or a uv.toml",
                    stops=False,
                )
            )

    @cached_property
    def programs(self) -> Mapping[str, str]:
        """Texts of the programs that the Dockerfile runs, by their names."""
        found = {TRIM: trim_program()}
        if self.foundation.composed_of or any(service.system_packages for service in self.plan.services):
            found[UNPACK] = unpack_program(self.plan.base)
        unimported = self.options.unimported
        listed = self._text(self.plan.root / self.support_folder / UNCOMPILED)
        if unimported is not None:
            listed = uncompiled_list(unimported) if unimported else None
        return {**found, UNCOMPILED: listed} if listed is not None else found

    # Files

    def _dockerfile(self) -> FileChange:
        inputs = RecastInputs(
            plan=self.plan,
            foundation=self.foundation,
            carried=self.carried,
            installing=self.installing,
            pieces=self.pieces,
            support=self.support_folder,
            programs=tuple(self.programs),
            title=self.project.pyproject.name or self.plan.stack,
            options=self.options,
        )
        self._refuse_what_entry_points_lose()
        before = self._text(self.dockerfile_path)
        after = recast(inputs)
        if before is not None and "\r\n" in before:
            after = after.replace("\n", "\r\n")
        unkept = {Topic.OVERSIZED_BASE} if self.foundation.runtime is Runtime.SLIM else set()
        unkept |= {Topic.MISSING_HEALTHCHECK} - self._health_topics
        return FileChange(
            path=self.dockerfile_path,
            before=before,
            after=after,
            disposition=FixKind.REVIEW,
            topics=tuple(topic for topic in _DOCKERFILE_TOPICS if topic not in unkept),
            why=("rendered as a whole from what each service starts and imports",),
        )

    @property
    def _health_topics(self) -> frozenset[Topic]:
        """Promised only where every service has a check: one may tell no port that could be asked."""
        every = all(service.health is not None for service in self.plan.services)
        return frozenset({Topic.MISSING_HEALTHCHECK} if every else ())

    def _refuse_what_entry_points_lose(self) -> None:
        for service in self.plan.services:
            launch = self.services[service.name].launch
            if launch is not None:
                self.refusals += lost_at_start(service, launch)
                self.notes += kept_at_start(service, launch)

    def _refuse(self, path: PurePosixPath, line: int, reason: str, hint: str) -> None:
        self.refusals.append(Refusal(path=path, line=line, reason=reason, hint=hint))

    def _support(self) -> Iterable[FileChange]:
        for file in dict.fromkeys(file for service in self.plan.services for file in service.support):
            path = self.plan.root / self.support_folder / file.destination.name
            yield FileChange(
                path=path,
                before=self._text(path),
                after=file.content.decode(),
                disposition=FixKind.SAFE,
                topics=tuple(self._health_topics),
                why=("read by the health check; it imports nothing of the application",),
            )

    def _programs(self) -> Iterable[FileChange]:
        for name, text in self.programs.items():
            path = self.plan.root / self.support_folder / name
            yield FileChange(
                path=path,
                before=self._text(path),
                after=text,
                disposition=FixKind.SAFE,
                why=("run while images are built, by the stages that are not shipped",),
            )

    def _pinned(self) -> Iterable[FileChange]:
        if not isinstance(self.installing, ListInstalling):
            return
        for service, text in self.installing.lists.items():
            path = self.plan.root / self.installing.path_of(service)
            yield FileChange(
                path=path,
                before=self._text(path),
                after=text,
                disposition=FixKind.REVIEW,
                topics=(Topic.UNNEEDED_DEPENDENCIES, Topic.DEV_DEPENDENCIES),
                why=(f"the part of the lock that {service} needs; render it again when the lock changes",),
            )

    def _ignorefile(self) -> FileChange:
        beside, at_root = candidate_ignore_files(self.plan.root, self.dockerfile_path)
        path = beside if self.facts.workspace.files.exists(beside) else at_root
        sources = {file.source for service in self.plan.services for file in service.application}
        support = {self.support_folder / file.destination.name for s in self.plan.services for file in s.support}
        programs = {self.support_folder / name for name in self.programs}
        pieces = (*self._sent, Piece(self.support_folder, Extent.FOLDER))
        text = allow_list(
            AllowListInputs(
                path=path,
                pieces=pieces,
                needed=frozenset({*sources, *support, *programs, *self.installing.files}),
                extra=self.carried.needed,
                tree=self.tree,
                before=self._ignore_of_today(path),
            )
        )
        before = self._text(path)
        if before is not None and "\r\n" in before:
            text = text.replace("\n", "\r\n")
        return FileChange(
            path=path,
            before=before,
            after=text,
            disposition=FixKind.SAFE if before is None else FixKind.REVIEW,
            topics=_IGNORE_TOPICS,
            why=("every pattern was tried against the tree: nothing that the Dockerfile copies is kept out",),
        )

    def _extras(self) -> Iterable[FileChange]:
        wanted: dict[PurePosixPath, str] = {}
        if self.options.bake:
            targets = stage_names(service.name for service in self.plan.services)
            wanted[self.plan.root / BAKE_NAME] = bake_file(self.plan, self.dockerfile_path, targets)
        if self.options.workflow:
            wanted[WORKFLOW_PATH] = workflow(self.plan.root)
        return extra_changes(wanted, {path: self._text(path) for path in wanted})

    def _ignore_of_today(self, path: PurePosixPath) -> IgnoreFile | None:
        for image in self.images:
            if image.source.ignore_path == path:
                return image.source.ignore
        return None

    def _compose(self) -> Iterable[FileChange]:
        compose = self.facts.workspace.compose
        if compose is None:
            return ()
        targets = stage_names(service.name for service in self.plan.services)
        result = rewrite_compose(
            ComposeInputs(
                plan=self.plan,
                compose=compose,
                dockerfile=self.dockerfile_path,
                targets=targets,
                removable=removable_mounts(self.plan, self.facts),
            )
        )
        self.refusals += result.refusals
        self.notes += [note for service in self.plan.services for note in service.written]
        self._refuse_neighbours(targets)
        return result.changes

    def _refuse_neighbours(self, planned: Mapping[str, str]) -> None:
        """Services that build from the same file and would get another image than today."""
        for service in self.facts.built:
            image = service.image
            if service.name in planned or image is None or image.source.dockerfile_path != self.dockerfile_path:
                continue
            self._refuse(
                service.place.path,
                service.place.line,
                f"{service.name} is built from {self.dockerfile_path} too, and careen has no plan for it",
                f"say what it starts: entrypoint = [...] in [tool.careen.services.{service.name}]",
            )

    def _pyproject(self) -> Iterable[FileChange]:
        if isinstance(self.installing, ListInstalling) or self.grouping.is_whole:
            return
        source: Source = self.project.pyproject.source
        yield FileChange(
            path=normal_path(source.path),
            before=source.text,
            after=with_groups(source.text, self.grouping),
            disposition=FixKind.REVIEW,
            topics=(Topic.UNNEEDED_DEPENDENCIES, Topic.DEV_DEPENDENCIES),
            why=("groups without versions: those stay in [project], and no version moves",),
        )
