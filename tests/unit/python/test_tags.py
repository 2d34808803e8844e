import pytest

from careen.platforms import Platform
from careen.python.c_library import glibc, musl
from careen.python.locked import LockedFile
from careen.python.names import PythonVersion
from careen.python.tags import best_wheel

AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")
GLIBC = "cp311-cp311-manylinux_2_17_x86_64"
MUSL = "cp311-cp311-musllinux_1_1_x86_64"
NEWER_MUSL = "cp311-cp311-musllinux_1_2_x86_64"
PURE = "py3-none-any"


def wheel(tag: str) -> LockedFile:
    return LockedFile(url=f"https://index.example/thing-1.0-{tag}.whl", digest=None, size=None)


@pytest.mark.parametrize(
    ("tags", "best"),
    [
        ([GLIBC, MUSL, NEWER_MUSL], NEWER_MUSL),
        ([GLIBC, MUSL, PURE], MUSL),
        ([GLIBC, PURE], PURE),
        ([GLIBC], None),
        (["cp39-abi3-musllinux_1_2_x86_64", PURE], "cp39-abi3-musllinux_1_2_x86_64"),
        (["cp312-cp312-musllinux_1_2_x86_64"], None),
        (["cp311-cp311-musllinux_1_2_aarch64"], None),
    ],
)
def test_a_machine_with_musl_takes_its_own_wheels(tags: list[str], best: str | None) -> None:
    found = best_wheel(map(wheel, tags), PythonVersion(11), AMD64, musl(1, 2))

    assert found == (wheel(best) if best is not None else None)


def test_neither_takes_the_others() -> None:
    assert best_wheel([wheel(MUSL), wheel(GLIBC)], PythonVersion(11), AMD64, glibc(2, 36)) == wheel(GLIBC)
    assert best_wheel([wheel(MUSL)], PythonVersion(11), AMD64, glibc(2, 36)) is None
    newest = [wheel("cp311-cp311-musllinux_1_2_aarch64")]
    assert best_wheel(newest, PythonVersion(11), ARM64, musl(1, 2)) is not None
    assert best_wheel(newest, PythonVersion(11), ARM64, musl(1, 1)) is None
