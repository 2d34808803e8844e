from pathlib import Path

import pytest

from careen.debian.indices import Catalogue, LibraryIndex, SuiteIndex, read_packages
from careen.debian.needed import providers_of
from careen.debian.packages import BinaryPackage
from careen.debian.tables import Table
from fakes.debs import write_deb
from fakes.elves import elf64

LIB = "usr/lib/x86_64-linux-gnu"
PACKAGES = {
    "libgl1": {f"{LIB}/libGL.so.1": elf64(soname="libGL.so.1", needed=("libglib-2.0.so.0", "libc.so.6"))},
    "libglx0": {f"{LIB}/libGLX.so.0": elf64(soname="libGLX.so.0", needed=("libGLdispatch.so.0",))},
    "libglvnd0": {f"{LIB}/libGLdispatch.so.0": elf64(soname="libGLdispatch.so.0")},
    "libglib2.0-0t64": {f"{LIB}/libglib-2.0.so.0": elf64(soname="libglib-2.0.so.0", needed=("libc.so.6",))},
    "libpcre2-8-0": {f"{LIB}/libpcre2-8.so.0": elf64(soname="libpcre2-8.so.0", needed=("libc.so.6",))},
    "libpq5": {f"{LIB}/another.so.1": elf64(soname="another.so.1")},
}

DEPENDS = {"libglx0": "Depends: libc6 (>= 2.36), libglvnd0 (= 1.7)\n"}


class Archive:
    """Packages in a folder, and a catalogue of them, but no index of the libraries in them."""

    def __init__(self, folder: Path) -> None:
        self.files: dict[str, Path] = {}
        stanzas = []
        for name, files in PACKAGES.items():
            package, self.files[name] = write_deb(folder, name, files)
            stanzas.append(
                f"Package: {name}\nVersion: 1-1\nArchitecture: amd64\nFilename: pool/{name}.deb\n"
                f"{DEPENDS.get(name, '')}Size: {package.size}\nSHA256: {package.digest.hex}\nInstalled-Size: 1\n"
            )
        text = "\n".join(stanzas).encode()
        tables = read_packages([text], len)
        suite = SuiteIndex(
            suite="bookworm",
            mirror="https://mirror.example",
            packages=Table(tables.packages),
            provides=Table(tables.provides),
            text=text,
        )
        self.catalogue = Catalogue((suite,))

    def fetch(self, package: BinaryPackage) -> Path:
        return self.files[package.name]

    def find(self, *sonames: str) -> tuple[list[str], list[str]]:
        found = providers_of(
            sonames,
            present=["libc.so.6"],
            index=LibraryIndex((), "x86_64-linux-gnu"),
            catalogue=self.catalogue,
            fetch=self.fetch,
        )
        return [package.name for package in found.packages], list(found.missing)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def test_without_an_index_packages_are_found_by_the_names_that_policy_gives_them(archive: Archive) -> None:
    assert archive.find("libGL.so.1") == (["libgl1", "libglib2.0-0t64"], [])
    assert archive.find("libpcre2-8.so.0") == (["libpcre2-8-0"], [])


def test_or_among_those_that_the_package_which_needs_the_library_depends_on(archive: Archive) -> None:
    assert archive.find("libGLX.so.0") == (["libglvnd0", "libglx0"], [])
    assert archive.find("libGLdispatch.so.0") == ([], ["libGLdispatch.so.0"])


def test_a_package_of_the_expected_name_that_lacks_the_library_is_not_believed(archive: Archive) -> None:
    assert archive.find("libpq.so.5") == ([], ["libpq.so.5"])
