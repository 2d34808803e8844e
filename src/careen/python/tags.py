"""Which wheel a target takes (PEP 425 tags, PEP 600 and 656 platforms), for a machine other than this one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from careen.platforms import Platform
from careen.python.c_library import CLibrary
from careen.python.locked import LockedFile
from careen.python.names import PythonVersion

_OLDEST_ABI3 = 2
_OLDEST_MANYLINUX = {"x86_64": 5, "aarch64": 17}

_LEGACY = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}


@lru_cache(maxsize=16)
def ranked_tags(python: PythonVersion, platform: Platform, c_library: CLibrary) -> Mapping[str, int]:
    """Tags that the target takes, the best with the lowest number."""
    machine = platform.architecture.machine
    platforms = (_musllinux if c_library.is_musl else _manylinux)(machine, c_library.version[1])
    return _ranked(python, [*platforms, f"linux_{machine}"])


def _manylinux(machine: str, newest: int) -> Iterator[str]:
    for minor in range(newest, _OLDEST_MANYLINUX[machine] - 1, -1):
        yield f"manylinux_2_{minor}_{machine}"
        if minor in _LEGACY:
            yield f"{_LEGACY[minor]}_{machine}"


def _musllinux(machine: str, newest: int) -> Iterator[str]:
    return (f"musllinux_1_{minor}_{machine}" for minor in range(newest, 0, -1))


def _ranked(python: PythonVersion, platforms: Sequence[str]) -> Mapping[str, int]:
    tags: list[str] = [f"{python.tag}-{python.tag}-{name}" for name in platforms]
    for minor in range(python.minor, _OLDEST_ABI3 - 1, -1):
        tags += [f"cp3{minor}-abi3-{name}" for name in platforms]
    tags += [f"{python.tag}-none-{name}" for name in platforms]
    for interpreter in (python.tag, *(f"py3{minor}" for minor in range(python.minor, -1, -1)), "py3"):
        tags += [f"{interpreter}-none-{name}" for name in platforms]
    tags += [
        f"{python.tag}-none-any",
        "py3-none-any",
        *(f"py3{minor}-none-any" for minor in range(python.minor, -1, -1)),
    ]
    ranking: dict[str, int] = {}
    for position, tag in enumerate(tags):
        ranking.setdefault(tag, position)
    return ranking


def best_wheel(
    wheels: Iterable[LockedFile], python: PythonVersion, platform: Platform, c_library: CLibrary
) -> LockedFile | None:
    """None when the lock offers no wheel for the target."""
    ranking = ranked_tags(python, platform, c_library)
    best: tuple[int, int, LockedFile] | None = None
    for wheel in wheels:
        stem = wheel.filename.removesuffix(".whl")
        parts = stem.split("-")
        if len(parts) not in {5, 6} or not wheel.filename.endswith(".whl"):
            continue
        build = int("".join(char for char in parts[2] if char.isdigit()) or 0) if len(parts) == 6 else 0
        for interpreter in parts[-3].split("."):
            for abi in parts[-2].split("."):
                for platform_tag in parts[-1].split("."):
                    rank = ranking.get(f"{interpreter}-{abi}-{platform_tag}")
                    if rank is not None and (best is None or (rank, -build) < best[:2]):
                        best = (rank, -build, wheel)
    return None if best is None else best[2]
