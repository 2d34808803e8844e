"""The base under a stack: which packages, what trimming must leave, and what it then weighs."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from careen.app.answers import Answers
from careen.app.session import Session
from careen.blobs.digest import Digest
from careen.debian.packages import BinaryPackage
from careen.debian.resolve import UnresolvedError, exactly, installed
from careen.debian.runtime import DebianPython
from careen.debian.shrinking import LibraryGraph
from careen.debian.trim import modules_that_matter
from careen.errors import CareenError
from careen.plan.leftovers import Weight
from careen.plan.target import DebianBase, PythonRuntime
from careen.platforms import Architecture
from careen.progress import Step
from careen.python.names import PythonVersion
from careen.text.values import dataclass

if TYPE_CHECKING:
    from careen.debian.mirror import Archive
    from careen.debian.needed import Providers

_FORMAT = 4
"""Raised when composing changes what a base holds, so that remembered weights are not believed."""


_LIBRARIES_FORMAT = 3
"""The same for packages that have libraries."""


_APT_FORMAT = 3
"""The same for what apt would install."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedFacts:
    """What is remembered of a composed base: its weight, the shared libraries in it by name, and what trimming drops
    (:class:`careen.plan.target.DebianBase`).
    """

    bytes: int
    libraries: tuple[str, ...]
    graph: LibraryGraph
    emptied: tuple[str, ...]
    unneeded: tuple[str, ...]


def answers(session: Session) -> Answers:
    return Answers(session.store / "answers")


def runtime_of(python: DebianPython) -> PythonRuntime:
    return PythonRuntime(
        version=PythonVersion(python.version[1]),
        executable=python.executable,
        site_packages=python.site_packages,
        scripts=python.scripts,
    )


def base_for(
    session: Session,
    archive: "Archive",
    python: DebianPython,
    *,
    libraries: Iterable[str],
    modules: Iterable[str],
    estimate: bool = False,
) -> tuple[DebianBase, ComposedFacts]:
    """The pinned base and what it weighs. ``libraries`` and ``modules`` are wanted by what lies above it.

    An ``estimate`` is made from a base that was composed before and holds more, where there is one.
    Raises what the mirror, the packages or their composition raise.
    """
    packages = exactly(python.packages, archive.catalogue)
    kept_libraries, kept_modules = tuple(sorted(set(libraries))), tuple(sorted(modules_that_matter(modules)))
    question: list[object] = [_FORMAT, [package.digest.hex for package in packages], kept_modules]
    remembered = answers(session)
    facts = _facts(remembered.get("bases", [*question, kept_libraries]))
    if facts is None and estimate:
        facts = _shrunk(remembered.get("largest bases", question), kept_libraries)
    if facts is None:
        facts = _compose(session, packages, python, archive.architecture, (kept_libraries, kept_modules))
        remembered.keep("bases", [*question, kept_libraries], asdict(facts))
        if not estimate:
            remembered.keep("largest bases", question, {"for": kept_libraries, "facts": asdict(facts)})
    base = DebianBase(
        release=python.release,
        runtime=runtime_of(python),
        packages=packages,
        kept_libraries=kept_libraries,
        kept_modules=kept_modules,
        bytes=facts.bytes,
        emptied=facts.emptied,
        unneeded=facts.unneeded,
    )
    return base, facts


def _compose(
    session: Session,
    packages: tuple[BinaryPackage, ...],
    python: DebianPython,
    architecture: Architecture,
    kept: tuple[tuple[str, ...], tuple[str, ...]],
) -> ComposedFacts:
    from careen.debian.base import (  # noqa: PLC0415 - only the first run of its kind composes
        compose,
        emptied_packages,
        total_bytes,
        unneeded_libraries,
    )
    from careen.debian.root import RootFolder  # noqa: PLC0415
    from careen.debian.shrinking import library_graph  # noqa: PLC0415

    session.progress(Step("composing the base", 0, len(packages)))
    debs = session.mirror.debs(packages)
    entries = compose(
        debs,
        release=python.release,
        architecture=architecture,
        keep_libraries=frozenset(kept[0]),
        keep_modules=frozenset(kept[1]),
    )
    names = (entry.path.rpartition("/")[2] for entry in entries if not isinstance(entry, RootFolder))
    session.progress(Step("composing the base", len(packages), len(packages)))
    return ComposedFacts(
        bytes=total_bytes(entries),
        libraries=tuple(sorted({name for name in names if ".so" in name})),
        graph=library_graph(entries),
        emptied=emptied_packages(packages, entries),
        unneeded=unneeded_libraries(debs, entries),
    )


def _facts(document: object) -> ComposedFacts | None:
    match document:
        case {
            "bytes": int(count),
            "libraries": list(libraries),
            "graph": {"files": dict(files), "needs": dict(needs), "links": dict(links), "wanted": list(wanted)},
            "emptied": list(emptied),
            "unneeded": list(unneeded),
        }:
            graph = LibraryGraph(
                files={str(name): int(size) for name, size in files.items()},
                needs={str(name): tuple(map(str, asked)) for name, asked in needs.items()},
                links={str(name): str(target) for name, target in links.items()},
                wanted=tuple(map(str, wanted)),
            )
            return ComposedFacts(
                bytes=count,
                libraries=tuple(map(str, libraries)),
                graph=graph,
                emptied=tuple(map(str, emptied)),
                unneeded=tuple(map(str, unneeded)),
            )
        case _:
            return None


def _shrunk(document: object, kept: Sequence[str]) -> ComposedFacts | None:
    """A base that was composed for all of ``kept`` and more, less what nobody wants then."""
    match document:
        case {"for": list(wider), "facts": dict(found)} if set(kept) <= set(map(str, wider)):
            facts = _facts(found)
        case _:
            return None
    if facts is None:
        return None
    gone = {*facts.graph.files, *facts.graph.links} - facts.graph.left(kept)
    return replace(
        facts,
        bytes=facts.bytes - facts.graph.bytes_without(kept),
        libraries=tuple(name for name in facts.libraries if name not in gone),
    )


def system_packages(
    session: Session, archive: "Archive", sonames: Iterable[str], present: Iterable[str]
) -> tuple["Providers", str | None]:
    """Debian packages for libraries that the base has not, and why they were found without the archive's index."""
    from careen.debian.needed import Providers  # noqa: PLC0415 - most services need none

    there = sorted(set(present))
    wanted = sorted(set(sonames) - set(there))
    if not wanted:
        return Providers(packages=(), missing=()), None
    question = [_LIBRARIES_FORMAT, archive.fingerprint, wanted, there]
    match answers(session).get("libraries", question):
        case {"packages": list(rows), "missing": list(missing)}:
            packages = _packages(rows)
            if packages is not None:
                return Providers(packages=packages, missing=tuple(map(str, missing))), None
        case _:
            pass
    found, lacking = _search(session, archive, wanted, there)
    if lacking is None:
        answer = {"packages": _rows(found.packages), "missing": list(found.missing)}
        answers(session).keep("libraries", question, answer)
    return found, lacking


def _search(
    session: Session, archive: "Archive", wanted: Sequence[str], present: Sequence[str]
) -> tuple["Providers", str | None]:
    from careen.debian.base import layer_bytes  # noqa: PLC0415 - as above
    from careen.debian.indices import LibraryIndex  # noqa: PLC0415
    from careen.debian.needed import providers_of  # noqa: PLC0415

    lacking = None
    try:
        index = archive.libraries()
    except CareenError as error:
        index, lacking = LibraryIndex((), archive.architecture.multiarch), error.message
    found = providers_of(wanted, present=present, index=index, catalogue=archive.catalogue, fetch=session.mirror.deb)
    weighed = tuple(
        replace(package, installed_bytes=layer_bytes(package, session.mirror.deb(package)))
        for package in found.packages
    )
    return replace(found, packages=weighed), lacking


def _rows(packages: Iterable[BinaryPackage]) -> list[dict[str, object]]:
    return [{**asdict(package), "digest": package.digest.hex} for package in packages]


def _packages(rows: Iterable[object]) -> tuple[BinaryPackage, ...] | None:
    try:
        return tuple(
            BinaryPackage(**{**row, "digest": Digest(str(row["digest"]))}) for row in rows if isinstance(row, dict)
        )
    except (TypeError, KeyError, CareenError):
        return None


def apt_weight(
    session: Session, archive: "Archive", names: Iterable[str], *, recommends: bool, present: Iterable[str] = ()
) -> Weight | None:
    """What apt would fetch and add of these and all they depend on, by the index; None for names that it does not have.

    ``present`` are packages that the image has already.
    """
    wanted, there = sorted(set(names)), sorted(set(present))
    question = [_APT_FORMAT, archive.fingerprint, wanted, recommends, there]
    match answers(session).get("apt", question):
        case [int(installed_bytes), int(packed)]:
            return Weight(installed=installed_bytes, packed=packed)
        case _:
            pass
    try:
        added = installed(wanted, archive.catalogue, recommends=recommends, present=there)
    except UnresolvedError:
        return None
    found = Weight(
        installed=sum(package.installed_bytes for package in added), packed=sum(package.size for package in added)
    )
    answers(session).keep("apt", question, [found.installed, found.packed])
    return found
