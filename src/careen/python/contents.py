"""What a distribution brings, from its file names and a few small files: import names, scripts, libraries.

Names are told by contents, never guessed from the distribution's own name.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from careen.python.names import PackageName
from careen.python.trim_rules import is_trimmed, is_trimmed_data
from careen.text.values import dataclass

_EXTENSION = re.compile(r"^(?P<stem>[^.]+)(?:\.[\w-]+)*\.(?:so|pyd)$")
_DATA_SCHEMES = ("purelib", "platlib")
_SCRIPT_BYTES = len('#!/usr/bin/python3.11\nimport sys\nfrom  import \nif __name__ == "__main__":\n    sys.exit(())\n')
"""A generated console script without the names of what it runs."""

_INSTALLER_BYTES = 7
_RECORD_DIGEST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionContents:
    """``imports`` are dotted names down to where a regular package or module begins: ``google.cloud.storage``.

    ``installed_bytes`` is what a whole install takes, ``kept_bytes`` what is left of it under the ``safe`` trimming,
    both without bytecode. ``native`` are paths of ELF candidates, or of sources that are compiled.
    ``plugins`` are the entry points beside scripts, as (group, name, target). ``requires`` are the distribution's own
    requirements, None where they were not read.
    ``bytecode_bytes`` is about what an installer adds that compiles every module. ``is_estimate`` marks what is told
    from sources that nobody has built.
    """

    installed_bytes: int
    kept_bytes: int
    imports: tuple[str, ...]
    native: tuple[str, ...]
    console_scripts: tuple[tuple[str, str], ...]
    plugins: tuple[tuple[str, str, str], ...] = ()
    requires: tuple[str, ...] | None = None
    bytecode_bytes: int = 0
    is_estimate: bool = False


_LINES: Mapping[int, tuple[int, int]] = {11: (2119, 1080), 13: (2049, 1042)}
"""By minor version of CPython: bytes of any module, and per mille of its source.

Straight lines through the modules that services import, each source beside what was compiled of it in a built image:
1,469 with 3.11, 814 with 3.13. Over the same 2,500 modules of 674 wheels, 3.13 makes 8.6 % less than 3.11: its tables
of lines and exceptions are as large, its instructions fewer.
"""


def likely_bytecode(sources: Iterable[int], minor: int = 11) -> int:
    """What the bytecode of sources of these sizes will weigh, within a few percent for a hundred of them.

    ``minor`` is that of the Python; for one that nobody has measured, the nearest older one's figures are taken.
    """
    fixed, share = _LINES[max((known for known in _LINES if known <= minor), default=min(_LINES))]
    return sum(fixed + size * share // 1000 for size in sources if size)


def compiled_whole(files: Iterable[tuple[str, int]]) -> int:
    """The bytecode of all modules of a wheel with these files."""
    return likely_bytecode(size for path, size in files if path.endswith(".py") and installed_path(path) is not None)


def installed_path(path: str) -> str | None:
    """Where a wheel's file lands below the site folder; None for scripts, headers and data files."""
    head, slash, rest = path.partition("/")
    if not head.endswith(".data") or not slash:
        return path
    scheme, _, inner = rest.partition("/")
    return inner if scheme in _DATA_SCHEMES and inner else None


def import_names(paths: Iterable[str]) -> tuple[str, ...]:
    """Regular packages at the top, namespace packages down to their first regular package, modules, extensions."""
    packages: set[tuple[str, ...]] = set()
    modules: set[tuple[str, ...]] = set()
    for path in paths:
        place = installed_path(path)
        if place is None:
            continue
        parts = place.split("/")
        if parts[0].endswith((".dist-info", ".data", ".libs", ".egg-info")):
            continue
        name = parts[-1]
        stem = name.removesuffix(".py") if name.endswith(".py") else None
        if stem is None:
            match = _EXTENSION.match(name)
            stem = match["stem"] if match is not None else None
        if stem is None or not all(part.isidentifier() for part in (*parts[:-1], stem)):
            continue
        if stem == "__init__":
            packages.add(tuple(parts[:-1]))
        else:
            modules.add((*parts[:-1], stem))
    found: set[tuple[str, ...]] = set()
    for candidate in (*packages, *modules):
        for length in range(1, len(candidate) + 1):
            prefix = candidate[:length]
            if prefix in packages or (length == len(candidate) and prefix in modules):
                found.add(prefix)
                break
    return tuple(sorted(".".join(parts) for parts in found if parts))


def installation_bytes(files: Iterable[tuple[str, int]], scripts: Iterable[tuple[str, str]]) -> tuple[int, int]:
    """Bytes of a whole install, and of one under the ``safe`` trimming: files, generated scripts, a RECORD that lists
    them. ``files`` are those of the wheel with their sizes.
    """
    generated = {f"../../../bin/{name}": _script_bytes(target) for name, target in scripts}
    whole: dict[str, int] = {}
    kept: dict[str, int] = {}
    metadata = ""
    for path, size in files:
        head, slash, rest = path.partition("/")
        if head.endswith(".dist-info") and slash:
            metadata = head
            if rest in {"RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED"}:
                continue
        inside = installed_path(path)
        if inside is not None:
            whole[inside] = size
            if not is_trimmed(inside):
                kept[inside] = size
            continue
        scheme, _, inner = rest.partition("/")
        place = f"../../../bin/{inner}" if scheme == "scripts" else f"../../../{inner}"
        whole[place] = size
        if scheme == "scripts" or (scheme == "data" and not is_trimmed_data(inner)):
            kept[place] = size
    for installed in (whole, kept):
        installed.update(generated)
        installed[f"{metadata}/INSTALLER"] = _INSTALLER_BYTES
    return _with_record(whole, metadata), _with_record(kept, metadata)


def _script_bytes(target: str) -> int:
    module, _, attribute = target.partition(":")
    return _SCRIPT_BYTES + len(module) + len(attribute.partition(".")[0]) + len(attribute)


def _with_record(installed: Mapping[str, int], metadata: str) -> int:
    """Path, ``sha256=`` with 43 characters, size, two commas and a line's end for each file; two commas for itself."""
    rows = sum(len(path.encode()) + _RECORD_DIGEST + len(str(size)) + 3 for path, size in installed.items())
    return sum(installed.values()) + rows + len(metadata) + len("/RECORD,,\n")


def native_files(paths: Iterable[str]) -> tuple[str, ...]:
    """Shared libraries and extension modules, by name."""
    return tuple(path for path in paths if path.endswith(".so") or ".so." in path.rpartition("/")[2])


def parse_entry_points(text: str) -> Mapping[str, tuple[tuple[str, str], ...]]:
    """``entry_points.txt`` (entry points specification): groups with (name, ``module:function``) pairs."""
    groups: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] | None = None
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith(("#", ";")):
            continue
        if line.startswith("[") and line.endswith("]"):
            current = groups.setdefault(line[1:-1].strip(), [])
        elif current is not None and "=" in line:
            name, _, value = line.partition("=")
            current.append((name.strip(), value.partition("[")[0].strip()))
    return {group: tuple(pairs) for group, pairs in groups.items()}


class ImportIndex:
    """From import names to the distributions that bring them."""

    def __init__(self, contents: Mapping[PackageName, DistributionContents]) -> None:
        self._providers: dict[str, list[PackageName]] = {}
        for name, distribution in contents.items():
            for imported in distribution.imports:
                self._providers.setdefault(imported, []).append(name)

    def exact(self, module: str) -> Sequence[PackageName]:
        """Distributions that bring the longest known prefix of ``module``; none for a bare namespace."""
        parts = module.split(".")
        for length in range(len(parts), 0, -1):
            found = self._providers.get(".".join(parts[:length]))
            if found:
                return tuple(found)
        return ()

    def below(self, module: str) -> Sequence[PackageName]:
        """Distributions with something inside the namespace ``module``."""
        prefix = f"{module}."
        found = (names for name, names in self._providers.items() if name.startswith(prefix))
        return tuple(dict.fromkeys(provider for names in found for provider in names))
