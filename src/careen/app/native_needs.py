"""Which libraries of the system services need: what their native code links to, and the packages that have it."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from careen.app.base_choice import BaseChoice
from careen.app.bases import system_packages
from careen.app.service_reading import ReadService
from careen.app.target_lock import TargetLock
from careen.blobs.digest import Digest
from careen.debian.packages import BinaryPackage
from careen.plan.loaded_by_name import libraries_opened, programs_started
from careen.progress import Step
from careen.python.linkage import Need, NeedsCache
from careen.python.locked import LockedFile
from careen.text.units import format_bytes

if TYPE_CHECKING:
    from careen.debian.mirror import Archive

_FETCHED_AT_ONCE = 4


@dataclass
class NativeNeeds:
    """What is not known, or not to be had, is added to the base's notes. ``unread`` tells whether something might be
    known another time.
    """

    base: BaseChoice
    unread: bool = field(default=False, init=False)

    def fetch(self, services: Iterable[tuple[ReadService, TargetLock]]) -> None:
        """What :meth:`of` will read, several wheels at a time, since one connection may be slow."""
        session = self.base.session
        native = {digest: wheel for service, target in services for _, wheel, digest in _native(service, target)}
        wanted = [
            wheel
            for digest, wheel in native.items()
            if self.base.request.fetch_wheels
            and self._linkage.known(digest.hex) is None
            and not session.packages.has_wheel(wheel)
        ]
        if not wanted:
            return
        wanted.sort(key=lambda wheel: wheel.size or 0, reverse=True)  # the slowest first
        phase = f"fetching {format_bytes(sum(wheel.size or 0 for wheel in wanted))} of wheels"
        session.progress(Step(phase, 0, len(wanted)))
        with ThreadPoolExecutor(_FETCHED_AT_ONCE) as pool:
            for done, place in enumerate(pool.map(session.packages.wheel, wanted), start=1):
                session.progress(Step(phase, done, len(wanted), place.name))

    def of(self, service: ReadService, target: TargetLock) -> frozenset[str]:
        """The sonames."""
        session, notes = self.base.session, self.base.notes
        found: list[Need] = []
        unknown: list[str] = []
        for name, wheel, digest in _native(service, target):
            known = self._linkage.known(digest.hex)
            if known is None and (self.base.request.fetch_wheels or session.packages.has_wheel(wheel)):
                session.progress(Step("reading native libraries", 0, None, wheel.filename))
                known = self._linkage.needs(session.packages.wheel(wheel), digest.hex)
            if known is None:
                unknown.append(name)
            else:
                found += known
        names = {kept.package.name for kept in service.partition.kept}
        found += [Need(soname=soname, wanted_by=name) for soname, name in libraries_opened(names)]
        started = () if self.base.c_library.is_musl else programs_started(names)
        notes += [
            f"{name} starts {program}, which Debian's {package} has: careen adds libraries to an image, not programs"
            for name, program, package in started
        ]
        if unknown:
            self.unread = True
            notes.append(
                f"the system libraries of {', '.join(sorted(unknown))} are not known before their wheels are fetched"
            )
        return frozenset(need.soname for need in found)

    def packages(
        self, service: str, archive: "Archive", sonames: frozenset[str], present: Sequence[str]
    ) -> tuple[BinaryPackage, ...]:
        """Debian's, with what ``sonames`` need beyond those that are ``present``."""
        image, notes = self.base.image, self.base.notes
        if self.base.c_library.is_musl:
            return ()
        if image is not None and not image.described:
            notes += [
                f"{service}: {image.label} has no {name}, and careen adds no packages to an image"
                for name in sorted(sonames - set(present))
            ]
            return ()
        providers, lacking = system_packages(self.base.session, archive, sonames, present)
        if lacking is not None:
            self.unread = True
            notes.append(f"{lacking}: packages of system libraries are found by the names that policy gives them")
        notes += [f"{service}: no Debian package has {name}" for name in providers.missing]
        return providers.packages

    @cached_property
    def _linkage(self) -> NeedsCache:
        return NeedsCache(self.base.session.surroundings.cache / "python" / "needs")


def _native(service: ReadService, target: TargetLock) -> Iterator[tuple[str, LockedFile, Digest]]:
    """Wheels of the service with native code, by the names of their distributions."""
    for kept in service.partition.kept:
        wheel, contents = target.wheels.get(kept.package.name), target.contents.get(kept.package.name)
        if wheel is not None and wheel.digest is not None and contents is not None and contents.native:
            yield kept.package.name, wheel, wheel.digest
