"""The base under a stack: which packages, what trimming must leave, and what it then weighs."""

import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from careen.app.session import Session
from careen.blobs.digest import Digest
from careen.debian.base import compose, total_bytes
from careen.debian.mirror import Archive
from careen.debian.needed import Providers, providers_of
from careen.debian.packages import BinaryPackage
from careen.debian.resolve import exactly
from careen.debian.root import RootFolder
from careen.debian.runtime import DebianPython
from careen.plan.target import DebianBase, PythonRuntime
from careen.platforms import Platform
from careen.progress import Step
from careen.python.names import PythonVersion

_FORMAT = 1
"""Raised when composing changes what a base holds, so that remembered weights are not believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedFacts:
    """What is remembered of a composed base: its weight and the shared libraries in it, by name."""

    bytes: int
    libraries: tuple[str, ...]


def runtime_of(python: DebianPython) -> PythonRuntime:
    return PythonRuntime(
        version=PythonVersion(python.version[1]),
        executable=python.executable,
        site_packages=python.site_packages,
        scripts=python.scripts,
    )


def base_for(
    session: Session,
    archive: Archive,
    python: DebianPython,
    *,
    platform: Platform,
    libraries: Iterable[str],
    modules: Iterable[str],
) -> tuple[DebianBase, ComposedFacts]:
    """The pinned base and what it weighs. ``libraries`` and ``modules`` are wanted by what lies above it.

    Raises what the mirror, the packages or their composition raise.
    """
    packages = exactly(python.packages, archive.catalogue)
    kept_libraries, kept_modules = tuple(sorted(set(libraries))), tuple(sorted(set(modules)))
    facts = _remembered(session, packages, kept_libraries, kept_modules)
    if facts is None:
        session.progress(Step("composing the base", 0, len(packages)))
        debs = session.mirror.debs(packages)
        entries = compose(
            debs,
            release=python.release,
            architecture=platform.architecture,
            keep_libraries=frozenset(kept_libraries),
            keep_modules=frozenset(kept_modules),
        )
        names = (entry.path.rpartition("/")[2] for entry in entries if not isinstance(entry, RootFolder))
        facts = ComposedFacts(
            bytes=total_bytes(entries), libraries=tuple(sorted({name for name in names if ".so" in name}))
        )
        _remember(session, packages, kept_libraries, kept_modules, facts)
        session.progress(Step("composing the base", len(packages), len(packages)))
    base = DebianBase(
        release=python.release,
        runtime=runtime_of(python),
        packages=packages,
        kept_libraries=kept_libraries,
        kept_modules=kept_modules,
        bytes=facts.bytes,
    )
    return base, facts


def system_packages(session: Session, archive: Archive, sonames: Iterable[str], present: Iterable[str]) -> Providers:
    """Debian packages for libraries that the base has not."""
    wanted = sorted(set(sonames) - set(present))
    if not wanted:
        return Providers(packages=(), missing=())
    return providers_of(
        wanted, present=present, index=archive.libraries(), catalogue=archive.catalogue, fetch=session.mirror.deb
    )


def _place(session: Session, packages: tuple[BinaryPackage, ...], *kept: tuple[str, ...]) -> Path:
    inputs = json.dumps([_FORMAT, [package.digest.hex for package in packages], *kept])
    return session.store / "bases" / f"{Digest.of(inputs.encode()).hex}.json"


def _remembered(session: Session, packages: tuple[BinaryPackage, ...], *kept: tuple[str, ...]) -> ComposedFacts | None:
    try:
        document = json.loads(_place(session, packages, *kept).read_bytes())
        return ComposedFacts(bytes=int(document["bytes"]), libraries=tuple(map(str, document["libraries"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(
    session: Session,
    packages: tuple[BinaryPackage, ...],
    libraries: tuple[str, ...],
    modules: tuple[str, ...],
    facts: ComposedFacts,
) -> None:
    place = _place(session, packages, libraries, modules)
    place.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=place.parent, prefix=".part-")
    with os.fdopen(descriptor, "w") as target:
        json.dump({"bytes": facts.bytes, "libraries": facts.libraries}, target)
    Path(aside).replace(place)
