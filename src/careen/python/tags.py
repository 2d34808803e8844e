"""Which wheel a target takes (PEP 425 tags, PEP 600 and 656 platforms), for a machine other than this one."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from careen.platforms import Platform
from careen.python.locked import LockedFile
from careen.python.names import PythonVersion

GLIBC_OF_RELEASE: Mapping[str, tuple[int, int]] = {"bookworm": (2, 36), "trixie": (2, 41)}
_OLDEST_ABI3 = 2
_OLDEST_MANYLINUX = {"x86_64": 5, "aarch64": 17}
_MUSL = (2, 1)
"""musl 1.2, which every Alpine since 3.13 has, and its elder."""

_LEGACY = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}


@lru_cache(maxsize=16)
def ranked_tags(python: PythonVersion, platform: Platform, glibc: tuple[int, int]) -> Mapping[str, int]:
    """Tags that the target takes, the best with the lowest number."""
    machine = platform.architecture.machine
    platforms: list[str] = []
    for minor in range(glibc[1], _OLDEST_MANYLINUX[machine] - 1, -1):
        platforms.append(f"manylinux_2_{minor}_{machine}")
        if minor in _LEGACY:
            platforms.append(f"{_LEGACY[minor]}_{machine}")
    platforms.append(f"linux_{machine}")
    return _ranked(python, platforms)


@lru_cache(maxsize=16)
def ranked_musl_tags(python: PythonVersion, platform: Platform) -> Mapping[str, int]:
    """As :func:`ranked_tags`, of a machine whose C library is musl (PEP 656)."""
    machine = platform.architecture.machine
    return _ranked(python, [*(f"musllinux_1_{minor}_{machine}" for minor in _MUSL), f"linux_{machine}"])


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
    wheels: Iterable[LockedFile], python: PythonVersion, platform: Platform, glibc: tuple[int, int]
) -> LockedFile | None:
    """None when the lock offers no wheel for the target."""
    return _best(wheels, ranked_tags(python, platform, glibc))


def best_musl_wheel(wheels: Iterable[LockedFile], python: PythonVersion, platform: Platform) -> LockedFile | None:
    """None when the lock offers no wheel for a machine with musl."""
    return _best(wheels, ranked_musl_tags(python, platform))


def _best(wheels: Iterable[LockedFile], ranking: Mapping[str, int]) -> LockedFile | None:
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
