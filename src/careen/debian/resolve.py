"""From names to pinned packages (Debian policy, chapter 7).

Maintainer scripts never run in what careen composes, so packages that only they call need not follow.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator

from careen.debian.indices import Catalogue
from careen.debian.packages import BinaryPackage
from careen.debian.versions import DebianVersion, satisfies
from careen.errors import CareenError
from careen.text.values import dataclass

ONLY_FOR_SCRIPTS = frozenset(
    {
        "adduser",
        "debconf",
        "debconf-2.0",
        "dpkg",
        "init-system-helpers",
        "install-info",
        "lsb-base",
        "perl-base",
        "sysvinit-utils",
        "systemd",
        "ucf",
    }
)
"""Packages whose only use to those that depend on them is in their maintainer scripts."""

_RELATION = re.compile(r"([a-z0-9][a-z0-9+.-]+)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|=|>=|>>)\s*([^)\s]+)\s*\))?")


class UnresolvedError(CareenError):
    """A package that is asked for cannot be had from the archive."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A package that would do, and the version it must have: ``libc6 (>= 2.36)``."""

    name: str
    operator: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        return self.name if self.operator is None else f"{self.name} ({self.operator} {self.version})"


def parse_relations(text: str) -> Iterator[tuple[Relation, ...]]:
    """Each thing that is needed, with the alternatives that satisfy it. Raises UnresolvedError."""
    for group in text.split(","):
        if not group.strip():
            continue
        alternatives = []
        for word in group.split("|"):
            match = _RELATION.fullmatch(word.strip())
            if match is None:
                raise UnresolvedError(f"a package's dependencies cannot be read: {word.strip()[:80]!r}")
            alternatives.append(Relation(match[1], match[2], match[3]))
        yield tuple(alternatives)


def exactly(names: Iterable[str], catalogue: Catalogue) -> tuple[BinaryPackage, ...]:
    """These packages and no others, in the order of their names. Raises UnresolvedError."""
    return tuple(_newest(name, catalogue) for name in sorted(set(names)))


def closure(
    names: Iterable[str], catalogue: Catalogue, *, without: frozenset[str] = ONLY_FOR_SCRIPTS
) -> tuple[BinaryPackage, ...]:
    """These packages and all that they depend on, in the order of their names. Raises UnresolvedError."""
    chosen: dict[str, BinaryPackage] = {}
    waiting = sorted(set(names), reverse=True)
    while waiting:
        name = waiting.pop()
        if name in chosen:
            continue
        package = chosen[name] = _newest(name, catalogue)
        for alternatives in parse_relations(package.depends):
            if any(relation.name in without for relation in alternatives):
                continue
            waiting.append(_choice(alternatives, chosen, catalogue, wanted_by=name))
    return tuple(chosen[name] for name in sorted(chosen))


def installed(
    names: Iterable[str], catalogue: Catalogue, *, recommends: bool, present: Iterable[str] = ()
) -> tuple[BinaryPackage, ...]:
    """What ``apt-get install`` adds to an image: these packages, what they depend on and, as apt has it unless told
    otherwise, what they recommend. ``present`` are in the image already, with all that those depend on.

    In the order of their names. Raises UnresolvedError, but not for what is only recommended or present.
    """
    chosen: dict[str, BinaryPackage] = {}
    there = [name for name in sorted(set(present)) if catalogue.newest(name) is not None]
    _follow(there, chosen, catalogue, recommends=False)
    before = frozenset(chosen)
    _follow(sorted(set(names)), chosen, catalogue, recommends=recommends)
    return tuple(chosen[name] for name in sorted(chosen) if name not in before)


def _follow(names: Iterable[str], chosen: dict[str, BinaryPackage], catalogue: Catalogue, *, recommends: bool) -> None:
    waiting = list(names)[::-1]
    # What is named is chosen before anything that it depends on, since that may be satisfied by another of the names.
    marked = {name: _newest(name, catalogue) for name in waiting if name not in chosen}
    chosen |= marked
    followed: set[str] = set()
    wished: list[tuple[str, tuple[Relation, ...]]] = []
    while waiting or wished:
        if not waiting:  # dependencies first: what they bring may satisfy a recommendation
            wanted_by, alternatives = wished.pop()
            with contextlib.suppress(UnresolvedError):
                waiting.append(_choice(alternatives, chosen, catalogue, wanted_by=wanted_by))
            continue
        name = waiting.pop()
        if name in followed or (name in chosen and name not in marked):
            continue
        followed.add(name)
        package = chosen[name] = _newest(name, catalogue)
        for alternatives in parse_relations(package.depends):
            waiting.append(_choice(alternatives, chosen, catalogue, wanted_by=name))
        if recommends:
            wished += [(name, alternatives) for alternatives in parse_relations(catalogue.recommends(package))]


def _choice(
    alternatives: tuple[Relation, ...], chosen: dict[str, BinaryPackage], catalogue: Catalogue, *, wanted_by: str
) -> str:
    """One that is chosen already, else the first that exists, as apt has it."""
    for relation in alternatives:
        package = chosen.get(relation.name)
        if package is not None and _is_met(relation, package.version):
            return relation.name
        for provider in catalogue.providers(relation.name):
            if provider.package in chosen and _is_met(relation, provider.version):
                return provider.package
    for relation in alternatives:
        package = catalogue.newest(relation.name)
        if package is not None and _is_met(relation, package.version):
            return relation.name
        for provider in catalogue.providers(relation.name):
            if _is_met(relation, provider.version) and catalogue.newest(provider.package) is not None:
                return provider.package
    wanted = " | ".join(str(relation) for relation in alternatives)
    raise UnresolvedError(f"{wanted_by} needs {wanted}, which the archive does not have")


def _is_met(relation: Relation, version: str | None) -> bool:
    if relation.operator is None or relation.version is None:
        return True
    return version is not None and satisfies(DebianVersion(version), relation.operator, DebianVersion(relation.version))


def _newest(name: str, catalogue: Catalogue) -> BinaryPackage:
    package = catalogue.newest(name)
    if package is None:
        raise UnresolvedError(f"the archive has no package {name}")
    return package
