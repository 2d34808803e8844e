from careen.blobs.elf import Linkage
from careen.build.closure import MadeForGlibc, MissingLibrary, missing_libraries
from careen.build.segment import Native
from careen.platforms import Architecture
from careen.python.c_library import CLibrary, glibc, musl

GLIBC, MUSL = glibc(2, 36), musl(1, 2)


def native(path: str, *needed: str, soname: str | None = None, machine: str = "x86_64") -> Native:
    return Native(path, Linkage(machine=machine, needed=needed, soname=soname))


def missing(
    natives: list[Native], *more: str, c_library: CLibrary = GLIBC
) -> tuple[MissingLibrary | MadeForGlibc, ...]:
    return missing_libraries(natives, [*(native.path for native in natives), *more], Architecture.AMD64, c_library)


def test_a_library_that_nothing_brings_is_told_with_all_who_want_it() -> None:
    natives = [native("site/b.so", "libpq.so.5"), native("site/a.so", "libpq.so.5", "libc.so.6")]
    assert missing(natives, "usr/lib/libc.so.6") == (MissingLibrary("libpq.so.5", ("site/a.so", "site/b.so")),)
    assert str(missing(natives, "usr/lib/libc.so.6")[0]) == (
        "libpq.so.5, which /site/a.so and 1 more files loads, is not in the image; "
        "Debian's package for it should be libpq5"
    )


def test_libraries_by_their_file_by_their_own_name_and_by_links_count() -> None:
    natives = [
        native("site/a.so", "liba-1234.so.1", "libb.so.2", "libc.so.6"),
        native("site/a.libs/liba-1234.so.1"),
        native("site/lib/other.so", soname="libb.so.2"),
    ]
    assert missing(natives, "usr/lib/libc.so.6") == ()


def test_what_a_graphics_driver_brings_is_not_missed() -> None:
    assert missing([native("torch/lib/a.so", "libcuda.so.1", "libnvidia-ml.so.1")]) == ()


def test_files_for_other_processors_are_not_loaded() -> None:
    assert missing([native("site/a.so", "libnone.so.1", machine="aarch64")]) == ()


def test_names_that_are_paths_are_looked_for_there() -> None:
    assert missing([native("site/a/a.so", "$ORIGIN/../b/b.so")], "site/b/b.so") == ()
    alone = [native("site/a/a.so", "$ORIGIN/../b/b.so")]
    assert missing(alone) == (MissingLibrary("$ORIGIN/../b/b.so", ("site/a/a.so",)),)


def test_musl_is_every_part_of_a_c_library() -> None:
    natives = [native("site/a.so", "libc.musl-x86_64.so.1", "libm.so.6"), native("site/b.so", "libc.so")]
    assert missing(natives, c_library=MUSL) == ()
    assert [str(item).partition(",")[0] for item in missing(natives)] == [
        "libc.musl-x86_64.so.1", "libc.so", "libm.so.6"
    ]  # fmt: skip


def test_what_is_made_for_glibc_is_told_where_musl_is_and_what_else_it_asks_for_is_not() -> None:
    natives = [native("site/b.so", "libc.so.6", "libodd.so.1"), native("site/a.so", "libpthread.so.0", "libc.so.6")]
    assert missing(natives, c_library=MUSL) == (MadeForGlibc(("site/a.so", "site/b.so")),)
    assert str(missing(natives, c_library=MUSL)[0]) == (
        "/site/a.so and 1 more files are made for glibc, and the image has musl"
    )


def test_musl_looks_into_no_folder_of_an_architecture() -> None:
    natives = [native("site/a.so", "libpq.so.5")]
    place = "usr/lib/x86_64-linux-gnu/libpq.so.5"
    assert missing(natives, place) == ()
    assert missing(natives, place, c_library=MUSL) == (MissingLibrary("libpq.so.5", ("site/a.so",)),)
    assert missing(natives, "usr/lib/libpq.so.5", c_library=MUSL) == ()
    assert missing(natives, "site/a.libs/libpq.so.5", c_library=MUSL) == ()


def test_package_names_follow_debians_policy() -> None:
    assert MissingLibrary("libglib-2.0.so.0", ()).package == "libglib-2.0-0"
    assert MissingLibrary("libGL.so.1", ()).package == "libgl1"
    assert MissingLibrary("libodd.so", ()).package is None
