"""Whether the dynamic linker will find what the native files of an image ask for (ld.so(8)).

Nothing is dropped while something kept needs it: every NEEDED of every file that stays must be answered by a library
of the image. What lies in the image outside of the linker's folders is taken as found, since packages load such
libraries by their path before they are asked for (torch, the CUDA wheels).

musl's linker is the C library itself and answers to every name of a part of one, glibc's too; that a file was made
for glibc shows only when a symbol is missing. It looks into ``/lib:/usr/local/lib:/usr/lib`` and not into folders named
after an architecture (``path_open``, dynlink.c).
"""

import re
from collections.abc import Callable, Collection, Iterable
from posixpath import dirname, normpath

from careen.build.segment import Native
from careen.platforms import Architecture
from careen.python.c_library import CLibrary, is_part_of_musl
from careen.text.values import dataclass

_FROM_THE_DRIVER = re.compile(r"lib(?:cuda|nvidia-.*|nvcuvid|nvoptix)\.so(?:\..*)?")
"""What the host mounts into a container that has a GPU."""

_GLIBC = "libc.so.6"
_UNSEARCHED_BY_MUSL = re.compile(r"(?:usr/)?lib(?:64/|/[^/]+-linux-(?:gnu|musl)[^/]*/)")
_SONAME = re.compile(r"(?P<stem>.+?)\.so\.(?P<version>\d+)(?:\..*)?")


@dataclass(frozen=True, slots=True)
class MissingLibrary:
    """``wanted_by`` are paths in the image, without a leading slash."""

    name: str
    wanted_by: tuple[str, ...]

    @property
    def package(self) -> str | None:
        """The Debian package that has it, if it is named as policy (8.1) asks; None for other names."""
        match = _SONAME.fullmatch(self.name)
        if match is None:
            return None
        stem = match["stem"].lower().replace("_", "-")
        return f"{stem}-{match['version']}" if stem[-1].isdigit() else f"{stem}{match['version']}"

    def __str__(self) -> str:
        first, *others = self.wanted_by
        more = f" and {len(others)} more files" if others else ""
        package = f"; Debian's package for it should be {self.package}" if self.package else ""
        return f"{self.name}, which /{first}{more} loads, is not in the image{package}"


@dataclass(frozen=True, slots=True)
class MadeForGlibc:
    """Files that no image with musl can load; paths as above."""

    paths: tuple[str, ...]

    def __str__(self) -> str:
        first, *others = self.paths
        more = f" and {len(others)} more files are" if others else " is"
        return f"/{first}{more} made for glibc, and the image has musl"


def missing_libraries(
    natives: Iterable[Native], paths: Collection[str], architecture: Architecture, c_library: CLibrary
) -> tuple[MissingLibrary | MadeForGlibc, ...]:
    """By name. ``paths`` are those of every file and link of the image, without a leading slash."""
    loaded = [native for native in natives if native.linkage.machine == architecture.machine]
    if c_library.is_musl:
        foreign = sorted(native.path for native in loaded if _GLIBC in native.linkage.needed)
        natives = [native for native in loaded if _GLIBC not in native.linkage.needed]
        searched = [path for path in paths if not _UNSEARCHED_BY_MUSL.match(path)]
        missing = _missing(natives, searched, is_part_of_musl)
        return (*([MadeForGlibc(tuple(foreign))] if foreign else []), *missing)
    return _missing(loaded, paths, lambda _: False)


def _missing(
    loaded: Iterable[Native], paths: Collection[str], is_given: Callable[[str], bool]
) -> tuple[MissingLibrary, ...]:
    loaded = list(loaded)
    anywhere = {path.rpartition("/")[2] for path in paths}
    anywhere |= {native.linkage.soname for native in loaded if native.linkage.soname is not None}
    present = frozenset(paths)
    wanted: dict[str, list[str]] = {}
    for native in loaded:
        for name in native.linkage.needed:
            if (
                name in anywhere
                or is_given(name)
                or _FROM_THE_DRIVER.fullmatch(name)
                or _at_its_path(native, name, present)
            ):
                continue
            wanted.setdefault(name, []).append(native.path)
    return tuple(MissingLibrary(name, tuple(sorted(wanted[name]))) for name in sorted(wanted))


def _at_its_path(native: Native, name: str, present: frozenset[str]) -> bool:
    """For the names that are paths themselves."""
    if "/" not in name:
        return False
    place = name.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", f"/{dirname(native.path)}")
    return normpath(place).lstrip("/") in present
