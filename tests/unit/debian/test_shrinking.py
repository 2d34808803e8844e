from pathlib import Path

from careen.debian.base import compose, total_bytes
from careen.debian.root import RootEntry
from careen.debian.runtime import python_of
from careen.debian.shrinking import LibraryGraph, library_graph
from careen.debian.trim import modules_that_matter
from fakes.debs import write_deb
from fakes.elves import elf64

LIB = "usr/lib/x86_64-linux-gnu"
FILES = {
    "libc6": {f"{LIB}/libc.so.6": elf64(soname="libc.so.6")},
    "libstdc++6": {f"{LIB}/libstdc++.so.6": elf64(soname="libstdc++.so.6", needed=("libm.so.6", "libgcc_s.so.1"))},
    "libgcc-s1": {f"{LIB}/libgcc_s.so.1": elf64(soname="libgcc_s.so.1", needed=("libc.so.6",))},
    "libgomp1": {f"{LIB}/libgomp.so.1": elf64(soname="libgomp.so.1", needed=("libextra.so.1",))},
    "zlib1g": {f"{LIB}/libextra.so.1": elf64(soname="libextra.so.1"), f"{LIB}/libm.so.6": elf64(soname="libm.so.6")},
    "libffi8": {f"{LIB}/libffi.so.8": elf64(soname="libffi.so.8")},
    "libpython3.11-minimal": {"usr/lib/python3.11/lib-dynload/_ctypes.so": elf64(needed=("libffi.so.8",))},
}
EVERYTHING = frozenset({"libstdc++.so.6", "libgomp.so.1"})


def composed(folder: Path, keep: frozenset[str]) -> tuple[RootEntry, ...]:
    assert set(FILES) <= set(python_of("bookworm").packages)
    packages = [write_deb(folder, name, files) for name, files in FILES.items()]
    return compose(packages, release="bookworm", keep_libraries=keep)


def names(graph: LibraryGraph) -> set[str]:
    return {*graph.files, *graph.links}


def test_the_libraries_that_would_stay_are_those_that_a_composition_leaves(tmp_path: Path) -> None:
    graph = library_graph(composed(tmp_path, EVERYTHING))

    for keep in (frozenset[str](), frozenset({"libgomp.so.1"}), frozenset({"libstdc++.so.6"}), EVERYTHING):
        assert graph.left(keep) == names(library_graph(composed(tmp_path, keep)))


def test_the_weight_that_goes_is_that_of_the_libraries_but_for_book_keeping(tmp_path: Path) -> None:
    whole = composed(tmp_path, EVERYTHING)
    told = total_bytes(whole) - library_graph(whole).bytes_without({"libstdc++.so.6"})

    assert 0 <= told - total_bytes(composed(tmp_path, frozenset({"libstdc++.so.6"}))) < 500


def test_only_modules_that_would_be_trimmed_matter() -> None:
    assert modules_that_matter(["json", "readline", "asyncio", "turtle"]) == {"readline", "turtle"}
