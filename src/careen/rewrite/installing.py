"""How an emitted Dockerfile installs what the lock says: by ``uv sync`` where uv wrote it, else from pinned lists."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Protocol

from careen.plan.target import Plan, PlannedDistribution, UnbuiltSource, WheelSource
from careen.python.locked import Lock
from careen.python.names import PackageName
from careen.rewrite import rendering
from careen.rewrite.bases import Foundation
from careen.rewrite.build_programs import TRIM
from careen.rewrite.groups import Grouping
from careen.text.values import dataclass

VENV = PurePosixPath("/opt/venv")
"""Where the virtual environment stands, in the stages that fill it and in the images that run it."""

BUILD_FOLDER = PurePosixPath("/build")
"""Where the stages that install are at work. Files are mounted by absolute paths: older buildahs take no others."""

PROGRAMS = PurePosixPath("/careen")
"""Where the programs of :mod:`careen.rewrite.build_programs` are in the stages that run them."""

_UV_CACHE = "--mount=type=cache,target=/root/.cache/uv"
_SHARED = "dependencies"


class Installing(Protocol):
    """``files`` are what the stages read of the build context."""

    @property
    def files(self) -> tuple[PurePosixPath, ...]: ...

    def environment(self, foundation: Foundation) -> Mapping[str, str]:
        """Variables of the stage that installs."""

    def stages(self, names: Mapping[str, str]) -> Iterator[str]:
        """The text of each stage; ``names`` maps services to their targets."""

    def stage_of(self, service: str, target: str) -> str:
        """The stage whose environment a service takes."""


def _environment(more: Mapping[str, str]) -> Mapping[str, str]:
    return dict(sorted({"UV_LINK_MODE": "copy", "UV_PYTHON_DOWNLOADS": "0", **more}.items()))


def _trimming(interpreter: PurePosixPath) -> str:
    """In the very step that installs, so that no layer holds what goes."""
    return f"{interpreter.name} {PROGRAMS / TRIM} {VENV}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UvInstalling:
    """``files`` are what ``uv sync`` reads, relative to the context; ``mounts`` the secrets it is given.

    ``frozen`` when the lock cannot be checked without the project's sources (dynamic metadata).
    """

    files: tuple[PurePosixPath, ...]
    mounts: tuple[str, ...]
    frozen: bool
    grouping: Grouping
    interpreter: PurePosixPath

    def environment(self, foundation: Foundation) -> Mapping[str, str]:
        return _environment({"UV_PROJECT_ENVIRONMENT": str(VENV), "UV_PYTHON": str(foundation.interpreter)})

    def stages(self, names: Mapping[str, str]) -> Iterator[str]:
        grouping, below = self.grouping, "builder"
        if grouping.is_whole:
            yield f"FROM builder AS {_SHARED}\n{self._sync('--no-default-groups --no-install-project')}"
            return
        if grouping.shared is not None:
            below = _SHARED
            reason = rendering.comment("What every service needs is installed once; each adds its own group to it.")
            yield f"{reason}\nFROM builder AS {_SHARED}\n{self._sync(f'--only-group {grouping.shared.name}')}"
        for service, target in names.items():
            step = self._sync(f"--only-group {grouping.of_service[service].name}")
            yield f"FROM {below} AS {self.stage_of(service, target)}\n{step}"

    def stage_of(self, service: str, target: str) -> str:
        return _SHARED if self.grouping.is_whole else f"{target}-dependencies"

    def _sync(self, what: str) -> str:
        lock = "--frozen" if self.frozen else "--locked"
        files = (f"--mount=type=bind,source={file},target={BUILD_FOLDER / file}" for file in self.files)
        return rendering.run((_UV_CACHE, *files, *self.mounts), (f"uv sync {lock} {what}", _trimming(self.interpreter)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListInstalling:
    """``folder`` holds a pinned list for each service, ``lists`` are their texts by service."""

    folder: PurePosixPath
    interpreter: PurePosixPath
    mounts: tuple[str, ...]
    lists: Mapping[str, str]

    @property
    def files(self) -> tuple[PurePosixPath, ...]:
        return tuple(self.path_of(service) for service in self.lists)

    def path_of(self, service: str) -> PurePosixPath:
        cleaned = "".join(character if character.isalnum() or character in "-_." else "-" for character in service)
        return self.folder / f"{cleaned}.txt"

    def environment(self, foundation: Foundation) -> Mapping[str, str]:
        return _environment({"VIRTUAL_ENV": str(VENV)})

    def stages(self, names: Mapping[str, str]) -> Iterator[str]:
        for service, target in names.items():
            mount = f"--mount=type=bind,source={self.path_of(service)},target={BUILD_FOLDER}/requirements.txt"
            hashed = "--require-hashes" if _is_hashed(self.lists[service]) else "--verify-hashes"
            step = rendering.run(
                (_UV_CACHE, mount, *self.mounts),
                (
                    f"uv venv --python {self.interpreter} {VENV}",
                    f"uv pip install --no-deps {hashed} -r requirements.txt",
                    _trimming(self.interpreter),
                ),
            )
            yield f"FROM builder AS {self.stage_of(service, target)}\n{step}"

    def stage_of(self, service: str, target: str) -> str:
        return f"{target}-dependencies"


def _is_hashed(text: str) -> bool:
    entries = text.replace("\\\n", " ").splitlines()
    return all("--hash=" in entry for entry in entries if entry and not entry.startswith("#"))


def pinned_list(plan: Plan, service: str, lock_path: PurePosixPath, lock: Lock | None) -> str:
    """The distributions of a service's plan as pip reads them, each with every hash that the lock has for it."""
    head = f"# What {service} installs, at the versions and hashes of {lock_path}; `careen fix` writes it again.\n"
    return head + "".join(_entry(item, lock) for item in plan.service(service).distributions)


def _entry(item: PlannedDistribution, lock: Lock | None) -> str:
    hashes = _hashes(item, lock)
    requirement = f"{item.name}=={item.version}"
    if isinstance(item.source, UnbuiltSource) and not hashes:
        requirement = item.source.requirement
    lines = [requirement, *(f"    --hash=sha256:{digest}" for digest in sorted(hashes))]
    return " \\\n".join(lines) + "\n"


def _hashes(item: PlannedDistribution, lock: Lock | None) -> set[str]:
    """Those of every platform, so that the list serves them all; those of the plan where the lock tells none."""
    if isinstance(item.source, UnbuiltSource) and " @ " in item.source.requirement:
        return set()
    found = set(_locked_hashes(lock, item.name, item.version)) if lock is not None else set()
    if item.source.digest is not None:
        found.add(item.source.digest.hex)
    return found


def _locked_hashes(lock: Lock, name: PackageName, version: str) -> Iterable[str]:
    for package in lock.by_name.get(name, ()):
        if package.version == version:
            for file in (*package.wheels, *([package.sdist] if package.sdist is not None else [])):
                if file.digest is not None:
                    yield file.digest.hex


def build_packages(plan: Plan, foundation: Foundation, carried: Iterable[str]) -> tuple[str, ...]:
    """Debian packages for the stage that installs: its Python, a strip for native code, and compilers only if something
    must be compiled.
    """
    sources = [item.source for service in plan.services for item in service.distributions]
    unbuilt = any(isinstance(source, UnbuiltSource) for source in sources)
    native = unbuilt or any(
        isinstance(source, WheelSource) and not source.filename.endswith("-any.whl") for source in sources
    )
    names = (*(["binutils"] if native else ()), *foundation.build_packages, *(carried if unbuilt else ()))
    return tuple(dict.fromkeys(names))
