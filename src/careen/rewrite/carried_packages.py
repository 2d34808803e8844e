"""System packages that today's image installs: what builds, what is linked to, what is started, what nobody needs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from careen.dockerfile.actions import Install
from careen.plan.alpine import package_of_debians
from careen.plan.target import Plan, ServicePlan, UnbuiltSource
from careen.rewrite.system_packages import LOADED_BY, STARTED_BY_WORD, Purpose, bare, purpose_of

_ALPINE_BUILDING = frozenset({"build-base", "alpine-sdk", "rust", "musl-dev", "openssl", "file"})
_ALPINE_OWN = frozenset({"libstdc++", "libgcc", "gcompat", "libc6-compat", "libffi", "zlib", "musl", "postgresql-libs"})

_Packages = tuple[frozenset[str], tuple[str, ...]]
"""Names of services, and the packages that they get."""


@dataclass
class PackageCarrier:
    """``programs`` and ``libraries`` collect what goes on, ``notes`` what is left out; ``text_of`` reads a file of the
    project. ``place`` is always the line that installs.
    """

    plan: Plan
    services: tuple[ServicePlan, ...]
    text_of: Callable[[PurePosixPath], str | None]
    programs: list[_Packages] = field(default_factory=list)
    libraries: list[_Packages] = field(default_factory=list)
    build_packages: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def of_debian(self, install: Install, place: str) -> tuple[str, ...]:
        """Those that there is nothing for upon another system."""
        before = len(self.programs), len(self.libraries)
        self._of_debian(install, place)
        if not self.plan.base.c_library.is_musl:
            return ()
        left: list[str] = []
        for found, first in zip((self.programs, self.libraries), before, strict=True):
            left += _translated(found, first)
        self.notes[:] = [note for note in self.notes if not any(f" {name} is carried over" in note for name in left)]
        return tuple(left)

    def _of_debian(self, install: Install, place: str) -> None:
        planned = {package.name for service in self.services for package in service.system_packages}
        base = {package.name for package in self.plan.base.packages}
        for package in map(bare, install.packages):
            purpose = purpose_of(package)
            if package in planned or package in base or package.startswith("$"):
                continue
            if purpose is Purpose.BUILDING:
                self.build_packages.append(package)
            elif purpose is Purpose.LIBRARY:
                self._library(package, place)
            else:
                self._program(package, purpose, place)

    def _library(self, package: str, place: str) -> None:
        loaders = LOADED_BY.get(package, ())
        loading = frozenset(
            service.name for service in self.services for item in service.distributions if item.name in loaders
        )
        if loading:
            self.libraries.append((loading, (package,)))
        else:
            self.notes.append(f"{place}: {package} is left out: nothing that runs links to it")

    def _program(self, package: str, purpose: Purpose, place: str) -> None:
        words = STARTED_BY_WORD.get(package, (package,))
        starting = frozenset(service.name for service in self.services if self._mentions(service, words))
        if starting:
            self.programs.append((starting, (package,)))
        elif purpose is Purpose.PROGRAM:
            # Nobody names it, and nobody can tell that it is not started: it stays, and a reviewer may take it out.
            self.programs.append((frozenset(service.name for service in self.services), (package,)))
            self.notes.append(
                f"{place}: {package} is carried over though no code names it; leave it out if no service starts it"
            )
        else:
            self.notes.append(f"{place}: {package} is left out: no code of a service starts it")

    def _mentions(self, service: ServicePlan, words: Iterable[str]) -> bool:
        quoted = [f"{quote}{word}" for word in words for quote in "\"'"]
        quoted += [f"import {word}" for word in words]
        for file in service.application:
            text = self.text_of(self.plan.root / file.source) if file.source.suffix == ".py" else None
            if text is not None and any(word in text for word in quoted):
                return True
        return False

    def _stays(self, install: Install, place: str) -> None:
        """The new image is Alpine's too: what runs, or is linked to, can stay; headers and compilers go."""
        for package in map(bare, install.packages):
            purpose = Purpose.BUILDING if package in _ALPINE_BUILDING else purpose_of(package)
            if purpose is Purpose.BUILDING or package.startswith((".", "$", "-")):
                continue
            self._program(package, purpose if purpose is Purpose.CONVENIENCE else Purpose.PROGRAM, place)

    def of_alpine(self, install: Install, place: str) -> tuple[str, ...]:
        """Those that nothing replaces: wheels for glibc need no compiler, and their libraries are found by what they
        link to, but programs are lost.
        """
        if self.plan.base.c_library.is_musl:
            self._stays(install, place)
            return ()
        compiled = any(
            isinstance(item.source, UnbuiltSource) for service in self.services for item in service.distributions
        )
        left: list[str] = []
        for package in map(bare, install.packages):
            purpose = Purpose.BUILDING if package in _ALPINE_BUILDING else purpose_of(package)
            starts = any(self._mentions(service, STARTED_BY_WORD.get(package, (package,))) for service in self.services)
            if package.startswith((".", "$", "-")) or (purpose is Purpose.BUILDING and not compiled):
                continue
            if package in _ALPINE_OWN or purpose is Purpose.LIBRARY or (purpose is Purpose.CONVENIENCE and not starts):
                self.notes.append(
                    f"{place}: {package} of Alpine is left out: the new image is a Debian one, "
                    "with the libraries that its wheels link to"
                )
            else:
                left.append(package)
        return tuple(left)


def _translated(found: list[_Packages], first: int) -> list[str]:
    """Gives the packages from ``first`` on Alpine's names, and takes out, and returns, those that have none."""
    left: list[str] = []
    for number, (services, names) in reversed(list(enumerate(found))):
        if number < first:
            break
        known = tuple(own for name in names if (own := package_of_debians(name)) is not None)
        left += [name for name in names if package_of_debians(name) is None]
        found[number : number + 1] = [(services, known)] if known else []
    return left[::-1]
