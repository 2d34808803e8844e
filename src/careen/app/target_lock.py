"""The lock as one target meets it: who the project is, what could be installed, and what the wheels of that hold."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from careen.app.completing import Completing
from careen.app.lock_choice import LockChoice
from careen.app.locks import ReadLock
from careen.app.session import Session
from careen.app.uv import checkout_of, uv_cache
from careen.dockerfile.actions import Install
from careen.errors import CareenError
from careen.plan.lock_view import LockView, Universe, make_view, project_of, synced, universe, wheels_for
from careen.plan.sync import SyncRequest, sync_request
from careen.progress import Step
from careen.python.c_library import CLibrary
from careen.python.contents import DistributionContents
from careen.python.environment import TargetEnvironment
from careen.python.index import WholeFileError
from careen.python.locked import GitSource, LocalSource, Lock, LockedFile, LockedPackage, UrlSource
from careen.python.names import PackageName
from careen.python.requirement_lock import group_of
from careen.python.sdists import read_source_folder
from careen.text.units import format_bytes
from careen.text.values import dataclass
from careen.workspace.facts import ImageFacts
from careen.workspace.model import PythonProject


@dataclass(kw_only=True)
class TargetLock:
    """``images`` are today's, of the services that are planned. ``notes`` grow as things are found out."""

    session: Session
    read: ReadLock
    choices: tuple[LockChoice, ...]
    root: Path
    project: PythonProject
    images: tuple[ImageFacts, ...]
    environment: TargetEnvironment
    c_library: CLibrary
    notes: list[str]

    @cached_property
    def _completing(self) -> Completing:
        return Completing(
            session=self.session,
            root=self.root,
            folder=self.project.folder,
            environment=self.environment,
            c_library=self.c_library,
            notes=self.notes,
        )

    @cached_property
    def lock(self) -> Lock:
        """With everything that the files leave open. Raises what completing them raises."""
        return self._completing.completed(self.read)

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
        listed = {install for choice in self.choices for install in choice.installs if not install.whole_project}
        return {
            install: self._of_files(install) if install in listed else sync_request(install)
            for image in self.images
            for _, install in image.installs
            if install.whole_project or install in listed
        }

    def _of_files(self, install: Install) -> SyncRequest:
        """``pip install -r``: the groups that stand for its files, or all of a pylock.toml."""
        names = {PurePosixPath(name).name for name in install.requirement_files}
        groups = tuple(
            group_of(file.path) for file in self.read.requirements if file.path.name in names or not file.is_file
        )
        return SyncRequest(groups=groups, only=True, defaults=False) if groups else SyncRequest()

    @cached_property
    def universe(self) -> Universe:
        return universe(self.lock, self.locked_project, self.environment, self.requests.values())

    @property
    def installable(self) -> Mapping[PackageName, LockedPackage]:
        return self.universe.installable

    @cached_property
    def wheels(self) -> Mapping[PackageName, LockedFile]:
        return wheels_for(self.installable.values(), self.environment, self.c_library)

    @property
    def unanswered(self) -> bool:
        """Whether the index did not tell of every wheel."""
        return len(self.contents) < len(self.wheels) + len(self.sdists) or not self._completing.lasting

    @property
    def is_dated(self) -> bool:
        return self._completing.dated

    @cached_property
    def sdists(self) -> Mapping[PackageName, LockedFile]:
        """Of those that have no wheel for the target."""
        return {
            name: package.sdist
            for name, package in self.installable.items()
            if name not in self.wheels and package.sdist is not None and package.sdist.digest is not None
        }

    @cached_property
    def contents(self) -> Mapping[PackageName, DistributionContents]:
        """Those of source distributions are estimates, which the notes tell."""
        held = {**self.wheels, **self.sdists}
        files = list(dict.fromkeys(held.values()))
        phase, done = "reading wheels in the index", 0
        self.session.progress(Step(phase, 0, len(files)))

        def told(file: LockedFile) -> None:
            nonlocal done
            done += 1
            self.session.progress(Step(phase, done, len(files), file.filename))

        def told_whole(file: LockedFile) -> None:
            weight = "" if file.size is None else f" ({format_bytes(file.size)})"
            self.session.progress(Step("fetching whole, without ranges", 0, None, f"{file.filename}{weight}"))

        found = self.session.packages.contents(files, on_done=told, on_whole=told_whole)
        self.session.progress(Step(phase, len(files), len(files)))
        contents: dict[PackageName, DistributionContents] = {}
        silent: dict[str, list[tuple[str, str]]] = {}
        for name, file in held.items():
            answer = found[file]
            if isinstance(answer, CareenError):
                hint = f" ({answer.hints[0]})" if isinstance(answer, WholeFileError) else ""
                silent.setdefault(type(answer).__name__, []).append((file.filename, answer.message + hint))
            else:
                contents[name] = answer
        contents |= self._checkouts
        for failures in silent.values():
            filename, message = failures[0]
            more = f" (and {len(failures) - 1} more files likewise)" if len(failures) > 1 else ""
            self.notes.append(f"{filename}: {message}{more}: what it brings and weighs is not known")
        self.notes += [
            f"{name} {package.version} {self._why_unbuilt(package)}: its size is "
            + ("estimated from its sources" if name in contents else "unknown")
            + " until it is built"
            for name, package in sorted(self.installable.items())
            if name not in self.wheels and not package.is_local
        ]
        return contents

    def _why_unbuilt(self, package: LockedPackage) -> str:
        match package.source:
            case GitSource():
                return "comes from git"
            case UrlSource() | LocalSource():
                return "comes as sources"
            case _:
                return f"has no wheel for {self.environment.platform}" + (
                    " with musl" if self.c_library.is_musl else ""
                )

    @cached_property
    def _checkouts(self) -> Mapping[PackageName, DistributionContents]:
        """Distributions from git whose sources lie in uv's cache since they were locked: estimates."""
        cache = uv_cache(self.session.surroundings.environment)
        found: dict[PackageName, DistributionContents] = {}
        for name, package in self.installable.items():
            if isinstance(package.source, GitSource) and cache is not None:
                folder = checkout_of(package.source.url, cache)
                try:
                    if folder is not None:
                        found[name] = read_source_folder(folder, name)
                except CareenError as error:
                    self.notes.append(f"{name} {package.version}: {error.message}")
        return found

    @cached_property
    def view(self) -> LockView:
        return make_view(self.universe, self.contents)

    def installed_by(self, image: ImageFacts | None) -> Mapping[PackageName, LockedPackage]:
        """What an image of today holds of the lock."""
        found: dict[PackageName, LockedPackage] = {}
        for _, install in image.installs if image is not None else ():
            if install in self.requests:
                found.update(self.synced(install))
        return found

    def synced(self, install: Install) -> Mapping[PackageName, LockedPackage]:
        return synced(
            self.requests.get(install) or sync_request(install),
            self.lock,
            self.locked_project,
            self.environment,
            self._default_groups,
        )

    def _default_groups(self, project: LockedPackage) -> Sequence[str]:
        if project is not self.locked_project:
            return ("dev",)
        defaults = self.lock.default_groups
        return self.project.pyproject.default_groups if defaults is None else defaults
