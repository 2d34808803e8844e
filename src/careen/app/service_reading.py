"""One service as far as files alone tell: what its command starts, what that imports, what of the lock that needs."""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import PurePosixPath
from posixpath import normpath

from careen.config import Config
from careen.plan.application import APPLICATION_FOLDER, migration_scripts
from careen.plan.entry_points import EntryPoint, FirstStep, UnknownEntryPointError, interpret
from careen.plan.lock_view import LockView
from careen.plan.operation import SUPPORT_FOLDER
from careen.plan.partition import Overrides, Partition, partition
from careen.plan.roles import Role
from careen.plan.source_hints import SourceHints, read_hints
from careen.plan.starting import first_step
from careen.plan.written import CodeWrite
from careen.python.imports import Reach, Sources, SourceTree, Start, reach
from careen.python.locked import LocalSource, Lock
from careen.python.modules import ModuleReading
from careen.python.writes import writes_of
from careen.rewrite.carried import is_rendered
from careen.text.values import dataclass
from careen.workspace.facts import ServiceFacts
from careen.workspace.files import ProjectFiles, normal_path
from careen.workspace.model import PythonProject
from careen.workspace.sources import first_party, with_roots

_FOR_SOURCES = {("src",), ("lib",), ("python",)}
_AS_PROGRAM = re.compile(r"^(?:if __name__ *== |while |for |print\(|(?:sys\.)?exit\()", re.MULTILINE)
"""What a file does that is run rather than imported."""

_PACKAGE = "__init__.py"
"""What runs where a command names a folder, as in ``fastapi run src/shop``."""


@dataclass(frozen=True)
class ReadService:
    """``_texts`` are those of the modules that it reaches, by name. What is taken from them is taken by the methods
    here, and each has its like in :mod:`careen.app.source_facts`, by which a plan is known to hold when a module has
    changed.
    """

    facts: ServiceFacts
    entry: EntryPoint
    reach: Reach
    partition: Partition
    _texts: Mapping[str, str]

    def hints(self) -> SourceHints:
        return read_hints(self._texts, serves=self.serves)

    @property
    def serves(self) -> bool:
        return self.entry.role is Role.WEB

    def writes(self) -> tuple[CodeWrite, ...]:
        """Where the code of the service writes files."""
        compose, image = self.facts.service.compose, self.facts.image
        environment = {**(image.environment if image is not None else {}), **dict(compose.variables if compose else ())}
        return tuple(
            CodeWrite(self.reach.modules[name], write)
            for name, text in self._texts.items()
            for write in writes_of(text, APPLICATION_FOLDER / self.reach.modules[name], environment)
        )


@dataclass(kw_only=True)
class ServiceReader:
    """``without`` names distributions that no service shall have. ``notes`` grow as things are found out."""

    files: ProjectFiles
    project: PythonProject
    services: tuple[ServiceFacts, ...]
    lock: Lock
    config: Config
    without: tuple[str, ...]
    notes: list[str]

    @cached_property
    def tree(self) -> SourceTree:
        """The project's files, with the members of its workspace and the folders that commands are given from."""
        tree = first_party(self.files, self.project.folder)
        members = [
            PurePosixPath(normpath(self.lock.path.parent / package.source.path))
            for package in self.lock.local
            if isinstance(package.source, LocalSource)
        ]
        inside = [path.relative_to(self.project.folder) for path in members if path.is_relative_to(self.project.folder)]
        beside = [_folder_beside(_file_behind(script, tree.files)) for script in self._commanded_scripts()]
        return with_roots(tree, [*inside, *beside], self._commanded())

    @cached_property
    def sizes(self) -> Mapping[PurePosixPath, int]:
        """Bytes of the tree's files."""
        folder = self.files.root / self.project.folder
        sizes: dict[PurePosixPath, int] = {}
        for path in self.tree.files:
            with contextlib.suppress(OSError):
                sizes[path] = (folder / path).stat().st_size
        return sizes

    def read(self, service: ServiceFacts, view: LockView, scripts: Mapping[str, str]) -> ReadService | None:
        """None, with a note, for a service whose command tells no module; ``scripts`` are console scripts."""
        own = self.config.service(service.name)
        argv: Sequence[str] = own.entrypoint or (service.launch.argv if service.launch is not None else ())
        try:
            entry = interpret(argv, scripts)
        except UnknownEntryPointError as error:
            place = service.launch.place if service.launch is not None else service.place
            self.notes.append(f"{place.path}:{place.line}: {service.name}: {error.message}")
            return None
        obstacle = None if own.entrypoint else _unsaid(service)
        if obstacle is not None:
            self.notes.append(obstacle)
        before, steps = self._before(service, scripts)
        entries = (entry, *before, *self._named_before(service, scripts))
        found = self._reach(service, entries)
        self.notes += found.notes
        kept = partition(
            view,
            entries,
            found,
            Overrides(include=own.include, exclude=(*own.exclude, *self.without)),
        )
        self.notes += [f"{service.name}: nothing in the lock provides {unknown}" for unknown in kept.unknown]
        texts = {name: text for name, path in found.modules.items() if (text := self._source(path)) is not None}
        return ReadService(service, replace(entry, before=steps, obstacle=obstacle), found, kept, texts)

    def _reach(self, service: ServiceFacts, entries: Sequence[EntryPoint]) -> Reach:
        """With the migrations of a service that runs alembic, which finds them by its own settings."""
        start = self._start(service, entries)
        found = reach(self._sources, start)
        runs_migrations = any("alembic" in entry.programs for entry in entries) or any(
            imported.module.partition(".")[0] == "alembic" for imported in found.external
        )
        migrations = [path for path in migration_scripts(self.tree.files) if path not in found.modules.values()]
        if not runs_migrations or not migrations:
            return found
        return reach(self._sources, replace(start, scripts=[*start.scripts, *migrations]))

    def home(self, entry: EntryPoint) -> PurePosixPath:
        """Where in the image the command is given from: the folder above its script, or above its module's package,
        unless that is but a folder for sources.
        """
        for script in entry.scripts:
            if not script.is_absolute():
                named = PurePosixPath(normpath(script))
                found = self._script(script)
                depth = len(named.parts) + (found.name == _PACKAGE != named.name)
                return APPLICATION_FOLDER.joinpath(*found.parts[:-depth])
        names = [*entry.modules, *(mention.partition(":")[0] for mention in entry.mentions)]
        for name in names:
            path = self.tree.modules.get(name)
            if path is not None:
                depth = len(name.split(".")) + (path.name == "__init__.py")
                folder = path.parts[:-depth]
                return APPLICATION_FOLDER if folder[-1:] in _FOR_SOURCES else APPLICATION_FOLDER.joinpath(*folder)
        return APPLICATION_FOLDER

    @cached_property
    def _sources(self) -> Sources:
        return Sources(self.tree, self._text, self._source)

    @property
    def readings(self) -> Mapping[tuple[PurePosixPath, str], ModuleReading | None]:
        """What was read of the project's modules so far; paths are relative to its folder."""
        return self._sources.readings

    def _source(self, path: PurePosixPath) -> str | None:
        return self.files.source_or_none(self.project.folder / path)

    def _text(self, path: PurePosixPath) -> str | None:
        return self.files.text_or_none(self.project.folder / path)

    def _commanded(self) -> Iterator[str]:
        """Modules that commands name, whose folders must stand on ``sys.path`` wherever the Dockerfile puts them."""
        for service in self.services:
            own = self.config.service(service.name)
            with contextlib.suppress(UnknownEntryPointError):
                entry = interpret(own.entrypoint or (service.launch.argv if service.launch is not None else ()), {})
                yield from entry.modules
                yield from (name for mention in entry.mentions if "." in (name := mention.partition(":")[0]))

    def _commanded_scripts(self) -> Iterator[PurePosixPath]:
        """Files that commands run: Python puts the folder of each in front of ``sys.path``."""
        for service in self.services:
            own = self.config.service(service.name)
            with contextlib.suppress(UnknownEntryPointError):
                yield from interpret(own.entrypoint or (service.launch.argv if service.launch else ()), {}).scripts

    def _before(
        self, service: ServiceFacts, scripts: Mapping[str, str]
    ) -> tuple[tuple[EntryPoint, ...], tuple[FirstStep, ...]]:
        """What may run before the service does, such as migrations, which its image must be able to run too; and what
        of it the image can run by itself.
        """
        found: list[EntryPoint] = []
        steps: list[FirstStep] = []
        for step in service.launch.prelude if service.launch is not None else ():
            kept = first_step(step, scripts, has_room=self._has_room(service))
            if kept is not None:
                steps.append(kept)
            with contextlib.suppress(UnknownEntryPointError):
                entry = interpret(step.argv, scripts)
                found.append(entry)
                if kept is None and entry.role is Role.OTHER:  # another server is but the other branch of a condition
                    self.notes.append(
                        f"{service.name} runs `{' '.join(step.argv)}` before it starts: make that a step of its own"
                    )
        return tuple(found), tuple(steps)

    def _named_before(self, service: ServiceFacts, scripts: Mapping[str, str]) -> Iterator[EntryPoint]:
        """Programs that an earlier rendering copied by their names. A start script that is gone with it may have run
        them, and the image keeps what a step of its own needs, until a person takes it out.
        """
        image = service.image
        if image is None or not is_rendered(image.source.dockerfile.source.text):
            return
        for copy in image.copies:
            own = copy.target == SUPPORT_FOLDER or not copy.in_image or copy.origin is not None
            for source in copy.sources if not own else ():
                path = normal_path(image.source.context / source.lstrip("/"))
                if path.suffix == ".py" and path.is_relative_to(self.project.folder):
                    script = path.relative_to(self.project.folder)
                    if _AS_PROGRAM.search(self._text(script) or ""):
                        yield interpret(("python", str(script)), scripts)

    def _has_room(self, service: ServiceFacts) -> bool:
        """Whether the service has folders to write to, beside those for things that may be lost."""
        compose = service.service.compose
        mounts = compose.mounts if compose is not None else ()
        return bool(self.config.service(service.name).writable) or any(mount.kind == "volume" for mount in mounts)

    def _start(self, service: ServiceFacts, entries: Sequence[EntryPoint]) -> Start:
        environment = dict(service.image.environment) if service.image is not None else {}
        compose = service.service.compose
        if compose is not None:
            environment.update(compose.file_environment)
            environment.update((name, value) for name, value in compose.environment if value is not None)
        files = set(self.tree.files)
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
        return _file_behind(script, self.tree.files)


def _unsaid(service: ServiceFacts) -> str | None:
    """Which variables of the command nothing in the project says: an image without a shell takes them as they stand."""
    launch = service.launch
    if launch is None or not launch.unknown:
        return None
    names = ", ".join(sorted(launch.unknown))
    path, line = launch.unknown_at or (launch.place.path, launch.place.line)
    return f"{path}:{line}: {service.name}: nothing here says what {names} in its command stands for"


def _file_behind(script: PurePosixPath, files: Sequence[PurePosixPath]) -> PurePosixPath:
    """The project's file behind a path of the command, whichever folder the Dockerfile gives the command from."""
    wanted = PurePosixPath(normpath(script)).parts
    while wanted and wanted[0] in {"/", ".."}:
        wanted = wanted[1:]
    for length in range(len(wanted), 0, -1):
        for ending in (wanted[-length:], (*wanted[-length:], _PACKAGE)):
            found = [path for path in files if path.parts[-len(ending) :] == ending]
            if found:
                return min(found, key=lambda path: (len(path.parts), path))
    return script


def _folder_beside(script: PurePosixPath) -> PurePosixPath:
    """What stands on ``sys.path`` for it: of a package the folder that it lies in."""
    return script.parent.parent if script.name == _PACKAGE else script.parent
