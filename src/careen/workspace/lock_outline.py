"""A lock of uv's read by its lines: names, edges and weights, a hundred times faster than its TOML.

uv writes locks in one form; what is written otherwise gives an empty outline, and rules then say less. Planning
reads the whole lock. Markers are judged coarsely: an edge counts unless it is plainly for another system.
"""

import re
from collections.abc import Iterable, Mapping

from careen.text.values import dataclass

_NAME = re.compile(r'^name = "([^"]+)"', re.MULTILINE)
_SECTION = re.compile(
    r"^\[package\.(optional-dependencies|dev-dependencies)\]\n(.*?)(?=^\[|\Z)", re.MULTILINE | re.DOTALL
)
_ARRAY = re.compile(r"^([\w.-]+) = \[(.*?)\]$", re.MULTILINE | re.DOTALL)
_EDGE = re.compile(r'\{ name = "([^"]+)"([^{}]*)\}')
_EXTRAS = re.compile(r"extra = \[([^\]]*)\]")
_MARKER = re.compile(r'marker = "([^"]*)"')
_WHEEL = re.compile(r'\{ (?:url|path|filename) = "([^"]+\.whl)"[^{}]*?size = (\d+)')
_SDIST = re.compile(r"^sdist = \{[^{}]*?size = (\d+)", re.MULTILINE)
_SOURCE = re.compile(r"^source = \{ (editable|virtual|directory) = ", re.MULTILINE)
_FOREIGN = ("sys_platform == 'win32'", "sys_platform == 'darwin'", "platform_system == 'Windows'", "os_name == 'nt'")
_LINUX = ("sys_platform == 'linux'", "platform_system == 'Linux'", "platform_machine == 'x86_64'")


@dataclass(frozen=True, slots=True)
class Edge:
    name: str
    extras: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlinedPackage:
    """``bytes`` is the weight of the wheel for Linux on amd64, or of the sdist; 0 when the lock tells neither."""

    name: str
    edges: tuple[Edge, ...]
    extras: Mapping[str, tuple[Edge, ...]]
    groups: Mapping[str, tuple[Edge, ...]]
    bytes: int
    local: bool


@dataclass(frozen=True, slots=True)
class LockOutline:
    packages: Mapping[str, OutlinedPackage]

    def project(self, name: str | None) -> OutlinedPackage | None:
        """By name, else the only local one."""
        local = [package for package in self.packages.values() if package.local]
        return next((package for package in local if package.name == name), local[0] if len(local) == 1 else None)

    def closure(
        self, project: OutlinedPackage, *, groups: Iterable[str] = (), extras: Iterable[str] = ()
    ) -> tuple[OutlinedPackage, ...]:
        """Everything that installing the project with these groups and extras brings, the project left out."""
        waiting = list(project.edges)
        for group in groups:
            waiting += project.groups.get(group, ())
        for extra in extras:
            waiting += project.extras.get(extra, ())
        seen: dict[tuple[str, str], None] = {}
        found: dict[str, OutlinedPackage] = {}
        while waiting:
            edge = waiting.pop()
            package = self.packages.get(edge.name)
            if package is None:
                continue
            found.setdefault(package.name, package)
            for extra in ("", *edge.extras):
                if (package.name, extra) not in seen:
                    seen[package.name, extra] = None
                    waiting += package.extras.get(extra, ()) if extra else package.edges
        return tuple(found[name] for name in sorted(found) if name != project.name)


def outline(text: str) -> LockOutline:
    packages: dict[str, OutlinedPackage] = {}
    for block in text.replace("\r\n", "\n").split("\n[[package]]\n")[1:]:
        package = _package(block)
        if package is not None:
            packages.setdefault(package.name, package)  # of several versions the first will do
    return LockOutline(packages)


def _package(block: str) -> OutlinedPackage | None:
    name = _NAME.search(block)
    if name is None:
        return None
    plain = block.partition("\n[package.")[0]
    sections = {match[1]: match[2] for match in _SECTION.finditer(block)}
    dependencies = {match[1]: match[2] for match in _ARRAY.finditer(plain)}
    return OutlinedPackage(
        name=name[1],
        edges=_edges(dependencies.get("dependencies", "")),
        extras=_named(sections.get("optional-dependencies", "")),
        groups=_named(sections.get("dev-dependencies", "")),
        bytes=_bytes(dependencies.get("wheels", ""), plain),
        local=_SOURCE.search(plain) is not None,
    )


def _named(section: str) -> Mapping[str, tuple[Edge, ...]]:
    return {match[1]: _edges(match[2]) for match in _ARRAY.finditer(section)}


def _edges(text: str) -> tuple[Edge, ...]:
    found = []
    for match in _EDGE.finditer(text):
        marker = _MARKER.search(match[2])
        if marker is not None and _is_foreign(marker[1]):
            continue
        extras = _EXTRAS.search(match[2])
        found.append(Edge(match[1], tuple(re.findall(r'"([^"]+)"', extras[1])) if extras is not None else ()))
    return tuple(found)


def _is_foreign(marker: str) -> bool:
    return any(word in marker for word in _FOREIGN) and not any(word in marker for word in _LINUX)


def _bytes(wheels: str, plain: str) -> int:
    sizes = [
        int(size)
        for url, size in _WHEEL.findall(wheels)
        if "x86_64" in url or url.endswith("-any.whl")
        if "musllinux" not in url and "macosx" not in url
    ]
    if sizes:
        return max(sizes)
    sdist = _SDIST.search(plain)
    return int(sdist[1]) if sdist is not None else 0
