from dataclasses import replace

import pytest

from careen.plan.alpine import (
    described_alpine,
    lacking,
    musl_without_packed_relocations,
    needs_of,
    package_of_debians,
    package_of_library,
    packages_to_compile,
    without_wheels,
)
from careen.plan.target import InstalledPackage
from careen.python.c_library import musl
from careen.python.locked import LockedFile, LockedPackage
from careen.python.names import PackageName, PythonVersion
from careen.python.tags import best_wheel
from careen.rewrite.system_packages import LOADED_BY, STARTED_BY_WORD
from fakes.locks import AMD64, contents, uvlock

BASE = described_alpine(PythonVersion(13))


def package(name: str, *tags: str, sources: bool = True, source: str = 'registry = "r"') -> LockedPackage:
    def file(ending: str) -> str:
        return f'{{ url = "https://index.example/{name}-1.0{ending}", hash = "sha256:{"0" * 64}", size = 1 }}'

    wheels = ", ".join(file(f"-{tag}.whl") for tag in tags)
    sdist = f"sdist = {file('.tar.gz')}\n" if sources else ""
    text = f'[[package]]\nname = "{name}"\nversion = "1.0"\nsource = {{ {source} }}\nwheels = [{wheels}]\n{sdist}'
    (found,) = uvlock(text).packages
    return found


def misfits(*packages: LockedPackage, native: tuple[str, ...] = ()) -> tuple[str, ...]:
    wheels: dict[PackageName, LockedFile] = {}
    for item in packages:
        wheel = best_wheel(item.wheels, PythonVersion(13), AMD64, musl(1, 2))
        if wheel is not None:
            wheels[item.name] = wheel
    known = {item.name: replace(contents(), native=native) for item in packages}
    return without_wheels(packages, wheels, known)


GLIBC, MUSL = "cp313-cp313-manylinux_2_28_x86_64", "cp313-cp313-musllinux_1_2_x86_64"


@pytest.mark.parametrize("tags", [(GLIBC, MUSL), ("py3-none-any",), (GLIBC, "py3-none-any"), ()])
def test_what_has_a_wheel_that_fits_or_nothing_to_compile_is_no_misfit(tags: tuple[str, ...]) -> None:
    assert misfits(package("crate", *tags)) == ()


def test_what_has_wheels_for_others_alone_would_be_compiled() -> None:
    assert misfits(package("psycopg2-binary", GLIBC)) == (
        "psycopg2-binary 1.0 has no wheel for musl: compiling it needs build-base, libpq-dev",
    )


def test_without_sources_there_is_nothing_to_compile() -> None:
    assert misfits(package("heavy", GLIBC, sources=False)) == (
        "heavy 1.0 has no wheel for musl, and the lock has no sources of it",
    )


def test_of_what_comes_as_sources_alone_the_sources_tell() -> None:
    assert misfits(package("mysqlclient"), native=("src/_mysql.c",)) == (
        "mysqlclient 1.0 has no wheel for musl: compiling it needs build-base, mariadb-connector-c-dev, pkgconf",
    )


def test_the_project_itself_is_no_misfit() -> None:
    assert misfits(package("shop", sources=False, source='editable = "."'), native=("a.c",)) == ()


def test_libraries_and_programs_are_told_by_alpines_names() -> None:
    sonames = ["libpq.so.5", "libc.musl-x86_64.so.1", "libz.so.1", "libgthread-2.0.so.0", "libglib-2.0.so.0"]
    found = needs_of(BASE, sonames, [("pydub", "ffmpeg", "ffmpeg")], ["heavy cannot be had"])
    assert found.packages == ("ffmpeg", "glib", "libpq")
    assert found.unfit == ("heavy cannot be had",)


def test_what_no_package_is_known_for_is_said_with_its_reason() -> None:
    found = needs_of(BASE, ["libodd.so.3"], [("pdfkit", "wkhtmltopdf", "wkhtmltopdf")], [])
    assert found.packages == ()
    assert found.unfit == (
        "no package of Alpine's that careen knows has libodd.so.3",
        "pdfkit starts wkhtmltopdf, and no package of Alpine's that careen knows has it",
    )


def test_musl_and_the_image_answer_to_their_own_names() -> None:
    assert lacking(["libm.so.6", "libc.so", "libssl.so.3", "libpq.so.5"], BASE.libraries) == ["libpq.so.5"]


@pytest.mark.parametrize(
    ("version", "told"), [("1.2.3-r6", "1.2.3"), ("1.1.24-r10", "1.1.24"), ("1.2.4-r0", None), ("1.2.10-r0", None)]
)
def test_a_musl_that_crashes_with_packed_relocations_is_told(version: str, told: str | None) -> None:
    packages = (InstalledPackage("musl", version, "x86_64", kind="apk"), InstalledPackage("musl-utils", "1.0.0-r0"))
    assert musl_without_packed_relocations(replace(BASE, installed=packages)) == told


@pytest.mark.parametrize("debians", sorted({*LOADED_BY, *STARTED_BY_WORD}))
def test_whatever_is_known_to_be_loaded_or_started_has_a_name_there(debians: str) -> None:
    assert package_of_debians(debians) is not None


def test_names_that_both_have_and_names_that_none_has() -> None:
    assert package_of_debians("git") == "git"
    assert package_of_debians("wkhtmltopdf") is None
    assert package_of_library("libodd.so.3") is None
    assert packages_to_compile("other") == ("build-base",)
