"""Which lock an image's dependencies come from: the one that its Dockerfile installs, else the one that is there."""

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import PurePosixPath

from careen.app.unlocked_projects import asked_by
from careen.dockerfile.actions import Install
from careen.python.pylock import is_pylock_name
from careen.python.pyproject import Pyproject, read_pyproject
from careen.text.source import Source
from careen.text.values import dataclass
from careen.workspace.dependencies import Dependencies
from careen.workspace.facts import ImageFacts, ServiceFacts, StackFacts
from careen.workspace.files import ProjectFiles, normal_path
from careen.workspace.model import PythonProject

_INSTALLERS = frozenset(
    {"pip", "setuptools", "wheel", "uv", "poetry", "pipenv", "pdm", "pip-tools", "poetry-plugin-export", "virtualenv",
     "build", "hatch", "poetry-core", "pipx"}
)  # fmt: skip
"""What a Dockerfile installs in order to install the rest."""

_HABITUAL = (
    "requirements.txt",
    "requirements.lock",
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements/base.txt",
    "requirements/requirements.txt",
    "requirements-prod.txt",
)
_MOST_NAMES = 200
RENDERED_FROM = re.compile(r"# What \S+ installs, at the versions and hashes of (?P<lock>\S+);")
"""The head of a list that :func:`careen.rewrite.installing.pinned_list` has made."""


class LockKind(StrEnum):
    UV = "uv.lock"
    POETRY = "poetry.lock"
    PDM = "pdm.lock"
    PIPENV = "Pipfile.lock"
    PYLOCK = "pylock.toml"
    REQUIREMENTS = "requirements"


_BY_MANAGER = {"poetry": LockKind.POETRY, "pdm": LockKind.PDM, "pipenv": LockKind.PIPENV}
_IN_ORDER = (LockKind.UV, LockKind.POETRY, LockKind.PYLOCK, LockKind.PDM, LockKind.PIPENV)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockChoice:
    """``paths`` are several only for files of requirements. ``step`` is the instruction that installs it, if any.

    ``named`` are requirements that instructions name by themselves, as (Dockerfile, line, text).
    """

    kind: LockKind
    project: PythonProject
    paths: tuple[PurePosixPath, ...]
    installs: tuple[Install, ...] = ()
    named: tuple[tuple[PurePosixPath, int, str], ...] = ()

    @property
    def key(self) -> tuple[PurePosixPath, LockKind, PurePosixPath | None]:
        """Services with the same key are planned together."""
        path = None if self.kind is LockKind.REQUIREMENTS else self.paths[0]
        return self.project.folder, self.kind, path

    @property
    def listed(self) -> tuple[object, ...]:
        """What is installed: services that differ in it may get other versions of one package."""
        return self.paths, tuple(text for _, _, text in self.named)


def lock_choice(service: ServiceFacts, facts: StackFacts) -> LockChoice | None:
    """None for a service that is not built from a Python project."""
    image = service.image
    if image is None:
        return None
    return _Choosing(facts.workspace.files, facts.dependencies, image, service.service.project).choice()


@dataclass(frozen=True, slots=True)
class _Choosing:
    files: ProjectFiles
    dependencies: Dependencies
    image: ImageFacts
    project: PythonProject | None

    def choice(self) -> LockChoice | None:
        installs = [install for _, install in self.image.installs]
        own = self._rendered()
        if own is not None:
            return own
        for install in installs:
            found = self._by_project_tool(install)
            if found is not None:
                return found
        listed = self._listed(installs)
        if listed is not None:
            return listed
        return self._there(installs)

    def _rendered(self) -> LockChoice | None:
        """What a list that careen has rendered was taken from; the list itself where that is gone."""
        for run, install in self.image.installs:
            names = {PurePosixPath(name).name for name in install.requirement_files}
            for value in run.instruction.flag_values("mount"):
                mount = dict(part.partition("=")[::2] for part in value.split(","))
                if PurePosixPath(mount.get("target", "")).name not in names:
                    continue
                path = normal_path(self.image.source.context / mount.get("source", ""))
                match = RENDERED_FROM.match(self.files.text_or_none(path) or "")
                if match is not None:
                    return self._origin(path, normal_path(self.image.source.context / match["lock"]))
        return None

    def _origin(self, rendered: PurePosixPath, origin: PurePosixPath) -> LockChoice | None:
        if not self.files.exists(origin):
            return self._of(LockKind.REQUIREMENTS, (rendered,), ())
        if origin.name == "pyproject.toml":
            return self._there(())
        kinds = {kind.value: kind for kind in _IN_ORDER}
        kind = LockKind.PYLOCK if is_pylock_name(origin.name) else kinds.get(origin.name, LockKind.REQUIREMENTS)
        return self._of(kind, (origin,), ())

    def _by_project_tool(self, install: Install) -> LockChoice | None:
        """``uv sync``, ``poetry install`` and their like, whose lock has one name."""
        if not install.whole_project:
            return None
        kind = LockKind.UV if install.manager == "uv" else _BY_MANAGER.get(install.manager)
        path = self._lock(kind.value) if kind is not None else None
        return self._of(kind, (path,), (install,)) if kind is not None and path is not None else None

    def _listed(self, installs: Iterable[Install]) -> LockChoice | None:
        """``pip install -r``: files of the repository, or a lock that an earlier step exported into one."""
        found: dict[PurePosixPath, None] = {}
        mine: list[Install] = []
        for install in installs:
            for name in install.requirement_files if install.manager in {"pip", "uv"} else ():
                path = self.dependencies.requirement_file(self.image.source, name)
                if path is None or path.name == "pyproject.toml":  # what the project asks for, and no versions
                    continue
                if is_pylock_name(path.name):
                    return self._of(LockKind.PYLOCK, (path,), (install,))
                found[path] = None
                if install not in mine:
                    mine.append(install)
        if not found:
            return None
        return self._of(LockKind.REQUIREMENTS, tuple(found), tuple(mine))

    def _there(self, installs: Sequence[Install]) -> LockChoice | None:
        for kind in _IN_ORDER:
            path = self._lock(kind.value)
            if path is not None and (self.project is not None or kind is not LockKind.UV):
                return self._of(kind, (path,), ())
        for name in _HABITUAL:
            path = self.image.source.context / name
            if self.files.exists(path):
                return self._of(LockKind.REQUIREMENTS, (path,), ())
        named = tuple(self._named())
        if named and self.project is None and any(install.manager in {"pip", "uv"} for install in installs):
            return LockChoice(
                kind=LockKind.REQUIREMENTS, project=self._plain_project(), paths=(), named=named[:_MOST_NAMES]
            )
        if self.project is None:
            return None
        asked = asked_by(self.project.pyproject, installs)
        if asked:
            listed = tuple(dict.fromkeys((*asked, *named)))
            return LockChoice(kind=LockKind.REQUIREMENTS, project=self.project, paths=(), named=listed[:_MOST_NAMES])
        return LockChoice(kind=LockKind.UV, project=self.project, paths=(self.project.folder / "uv.lock",))

    def _lock(self, name: str) -> PurePosixPath | None:
        """In the project's folder, or above it, where that of a workspace stands."""
        folders = [self.image.source.context, self.image.source.dockerfile_path.parent]
        if self.project is not None:
            folders = [self.project.folder, *self.project.folder.parents, *folders]
        return next((folder / name for folder in dict.fromkeys(folders) if self.files.exists(folder / name)), None)

    def _of(self, kind: LockKind, paths: tuple[PurePosixPath, ...], installs: tuple[Install, ...]) -> LockChoice:
        project = self.project
        if (
            kind in {LockKind.REQUIREMENTS, LockKind.PIPENV}
            and (project is None or project.folder != self.image.source.context)
        ) or project is None:
            project = self._plain_project()
        named = tuple(self._named()) if kind is LockKind.REQUIREMENTS else ()
        return LockChoice(kind=kind, project=project, paths=paths, installs=installs, named=named)

    def _plain_project(self) -> PythonProject:
        """A project that says nothing of itself."""
        folder = self.image.source.context
        return PythonProject(folder=folder, pyproject=_silent(folder), lock_path=None)

    def _named(self) -> Iterator[tuple[PurePosixPath, int, str]]:
        """``RUN pip install gunicorn`` beside a file of requirements."""
        for run, install in self.image.installs:
            if install.manager not in {"pip", "uv"} or "tool" in install.options or install.whole_project:
                continue
            for package in install.packages:
                name = package.partition("[")[0].partition("=")[0].partition(">")[0].strip()
                if name.lower() in _INSTALLERS or "$" in package or not name[:1].isalnum() or "/" in name:
                    continue
                yield run.place.path, run.place.line, package


def _silent(folder: PurePosixPath) -> Pyproject:
    return read_pyproject(Source(folder / "pyproject.toml", ""))
