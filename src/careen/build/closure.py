"""Whether the dynamic linker will find what the native files of an image ask for (ld.so(8)).

Nothing is dropped while something kept needs it: every NEEDED of every file that stays must be answered by a library
of the image. What lies in the image outside of the linker's folders is taken as found, since packages load such
libraries by their path before they are asked for (torch, the CUDA wheels).
"""

import re
from collections.abc import Collection, Iterable
from posixpath import dirname, normpath

from careen.build.segment import Native
from careen.platforms import Architecture
from careen.text.values import dataclass

_FROM_THE_DRIVER = re.compile(r"lib(?:cuda|nvidia-.*|nvcuvid|nvoptix)\.so(?:\..*)?")
"""What the host mounts into a container that has a GPU."""

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


def missing_libraries(
    natives: Iterable[Native], paths: Collection[str], architecture: Architecture
) -> tuple[MissingLibrary, ...]:
    """By name. ``paths`` are those of every file and link of the image, without a leading slash."""
    loaded = [native for native in natives if native.linkage.machine == architecture.machine]
    anywhere = {path.rpartition("/")[2] for path in paths}
    anywhere |= {native.linkage.soname for native in loaded if native.linkage.soname is not None}
    present = frozenset(paths)
    wanted: dict[str, list[str]] = {}
    for native in loaded:
        for name in native.linkage.needed:
            if name in anywhere or _FROM_THE_DRIVER.fullmatch(name) or _at_its_path(native, name, present):
                continue
            wanted.setdefault(name, []).append(native.path)
    return tuple(MissingLibrary(name, tuple(sorted(wanted[name]))) for name in sorted(wanted))


def _at_its_path(native: Native, name: str, present: frozenset[str]) -> bool:
    """For the names that are paths themselves."""
    if "/" not in name:
        return False
    place = name.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", f"/{dirname(native.path)}")
    return normpath(place).lstrip("/") in present
