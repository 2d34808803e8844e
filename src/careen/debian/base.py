"""A base image's file system from Debian packages, whose maintainer scripts never run.

What those scripts would have made is made here: the merged-/usr links, the CA bundle and the links by which OpenSSL
finds it, users and groups, name service, time zone, the dynamic linker's cache, the python3 links; and, as distroless
does it, one file a package under ``/var/lib/dpkg/status.d`` so that scanners see what is inside.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from careen.blobs.elf import is_elf, read_linkage
from careen.debian.deb import read_control
from careen.debian.ldcache import LISTING_PROGRAM, CachedLibrary, render_ld_cache
from careen.debian.packages import BinaryPackage
from careen.debian.root import (
    MERGED,
    RootEntry,
    RootFile,
    RootFolder,
    RootLink,
    Tree,
    Unpacked,
    merge,
    unpack,
)
from careen.debian.runtime import DebianPython, python_of
from careen.debian.trim import TrimPolicy, is_for_people, libraries, trim
from careen.platforms import Architecture

APP_USER = 10001
"""User and group that services run as; ``app`` in ``/etc/passwd``."""

_PASSWD = f"""\
root:x:0:0:root:/root:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
app:x:{APP_USER}:{APP_USER}:app:/home/app:/usr/sbin/nologin
"""
_GROUP = f"""\
root:x:0:
nogroup:x:65534:
app:x:{APP_USER}:
"""
_NSSWITCH = """\
passwd: files
group: files
shadow: files
hosts: files dns
networks: files
protocols: files
services: files
ethers: files
rpc: files
"""
_HOSTS = """\
127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
"""
_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_STATUS = "var/lib/dpkg/status.d"
_LIBRARY = re.compile(r"(?:usr/)?lib/[^/]+-linux-gnu/([^/]+)\.so(?:\.[^/]*)?")


def compose(
    packages: Iterable[tuple[BinaryPackage, Path]],
    *,
    release: str,
    architecture: Architecture = Architecture.AMD64,
    policy: TrimPolicy = TrimPolicy.TRIMMED,
    keep_libraries: frozenset[str] = frozenset(),
    keep_modules: frozenset[str] = frozenset(),
) -> tuple[RootEntry, ...]:
    """The file system, sorted by path. ``packages`` are those of the release's Python and any others.

    ``keep_libraries`` are SONAMEs that something above the base needs (``libstdc++.so.6``, which numerical wheels
    want); ``keep_modules`` names modules of the standard library that code imports and that would be trimmed else
    (``readline``, ``curses``, ``dbm``). Raises RootError, DebError, ElfError, UnknownReleaseError, or OSError.
    """
    python = python_of(release)
    unpacked = unpack(packages)
    tree = Tree()
    for name in _merged_folders(unpacked):
        tree.add(RootFolder(path=f"usr/{name}"))
        tree.add(RootLink(path=name, target=f"usr/{name}"))
    merge(tree, unpacked)
    _add_certificates(tree)
    if policy is TrimPolicy.TRIMMED:
        trim(tree, own=frozenset(python.packages), keep_modules=keep_modules, keep_libraries=keep_libraries)
    _add_what_scripts_make(tree, python)
    _add_linker_cache(tree, architecture)
    _add_status(tree, unpacked)
    return tree.sorted()


def compose_layer(
    packages: Iterable[tuple[BinaryPackage, Path]],
    *,
    over: Sequence[RootEntry],
    architecture: Architecture = Architecture.AMD64,
    policy: TrimPolicy = TrimPolicy.TRIMMED,
) -> tuple[RootEntry, ...]:
    """What further packages add to a base: only what the base has not, and the linker's cache for both together.

    Raises RootError, DebError, or OSError.
    """
    unpacked = unpack(packages)
    tree = Tree(below={entry.path: entry for entry in over})
    merge(tree, unpacked)
    if policy is TrimPolicy.TRIMMED:
        trim(tree, own=frozenset(), keep_modules=frozenset(), keep_libraries=frozenset())
    _add_linker_cache(tree, architecture)
    _add_status(tree, unpacked)
    return tree.sorted()


def layer_bytes(package: BinaryPackage, path: Path) -> int:
    """What one package adds to a base that has none of its files, but for its names in the linker's cache.

    A package's own word on its size (Installed-Size) counts documentation, and every file as whole kilobytes.
    Raises RootError, DebError, or OSError.
    """
    unpacked = unpack([(package, path)])
    tree = Tree(below={})
    merge(tree, unpacked)
    _add_status(tree, unpacked)
    return total_bytes(entry for entry in tree.sorted() if not is_for_people(entry.path))


def emptied_packages(packages: Iterable[BinaryPackage], entries: Iterable[RootEntry]) -> tuple[str, ...]:
    """Names of those that a composed base was made of and has nothing of any more."""
    recorded = {entry.path.removeprefix(f"{_STATUS}/") for entry in entries if entry.path.startswith(f"{_STATUS}/")}
    return tuple(sorted({package.name for package in packages} - recorded))


def unneeded_libraries(packages: Iterable[tuple[BinaryPackage, Path]], entries: Sequence[RootEntry]) -> tuple[str, ...]:
    """Libraries that a composed base has not, though their packages are in it: names without versions (``libmvec``).

    Raises DebError, or OSError.
    """
    there = {entry.path for entry in entries}
    stay = {_library(path) for path in there} - {None}
    gone: set[str] = set()
    for package, path in packages:
        if f"{_STATUS}/{package.name}" in there:
            files = (line.partition("  ")[2] for line in read_control(path).md5sums.splitlines())
            gone |= {name for file in files if (name := _library(file)) is not None}
    return tuple(sorted(gone - stay))


def _library(path: str) -> str | None:
    match = _LIBRARY.fullmatch(path)
    return match[1] if match is not None else None


def total_bytes(entries: Iterable[RootEntry]) -> int:
    """The sum of the files, as ``docker images`` counts."""
    return sum(len(entry.content) for entry in entries if isinstance(entry, RootFile))


def _merged_folders(unpacked: Sequence[Unpacked]) -> list[str]:
    shipped = {entry.path.partition("/")[0] for package in unpacked for entry in package.entries}
    return [name for name in MERGED if name in shipped or name in ("bin", "lib", "sbin")]


def _add_certificates(tree: Tree) -> None:
    """As update-ca-certificates does, without the links by hash: OpenSSL is pointed to the bundle."""
    prefix = "usr/share/ca-certificates/"
    files = sorted((f for f in tree.files() if f.path.startswith(prefix)), key=lambda file: file.path)
    if not files:
        return
    bundle = b"".join(file.content if file.content.endswith(b"\n") else file.content + b"\n" for file in files)
    tree.replace(RootFile(path=_BUNDLE, mode=0o644, content=bundle))
    tree.owners[_BUNDLE] = tree.owners[files[0].path]
    tree.add(RootFolder(path="usr/lib/ssl"))
    tree.replace(RootLink(path="usr/lib/ssl/cert.pem", target=f"/{_BUNDLE}"))
    tree.replace(RootLink(path="usr/lib/ssl/certs", target="/etc/ssl/certs"))


def _add_what_scripts_make(tree: Tree, python: DebianPython) -> None:
    for path, text in (
        ("etc/passwd", _PASSWD),
        ("etc/group", _GROUP),
        ("etc/nsswitch.conf", _NSSWITCH),
        ("etc/hosts", _HOSTS),
        ("etc/timezone", "Etc/UTC\n"),
    ):
        tree.replace(RootFile(path=path, mode=0o644, content=text.encode()))
    for path in ("dev", "proc", "sys", "home", "usr/local/bin", "var/lib", "var/log"):
        tree.add(RootFolder(path=path))
    for folder in (
        RootFolder(path="tmp", mode=0o1777),
        RootFolder(path="var/tmp", mode=0o1777),
        RootFolder(path="root", mode=0o700),
        RootFolder(path="run", mode=0o755),
        RootFolder(path="run/lock", mode=0o1777),
        RootFolder(path="home/app", mode=0o755, owner=APP_USER),
    ):
        tree.replace(folder)
    links = [("var/run", "/run"), ("var/lock", "/run/lock"), ("etc/localtime", "/usr/share/zoneinfo/Etc/UTC")]
    if tree.get(f"usr/bin/{python.name}") is not None:
        links += [("usr/bin/python3", python.name), ("usr/bin/python", python.name)]
        tree.add(RootFolder(path=str(python.site_packages).lstrip("/")))
        if tree.get("usr/sbin/ldconfig") is None:
            tree.replace(RootFile(path="usr/sbin/ldconfig", mode=0o755, content=LISTING_PROGRAM))
    for path, target in links:
        tree.replace(RootLink(path=path, target=target))


def _add_linker_cache(tree: Tree, architecture: Architecture) -> None:
    found = []
    for name, path in libraries(tree).items():
        entry = tree.get(tree.resolve(path))
        if isinstance(entry, RootFile) and is_elf(entry.content) and read_linkage(entry.content).soname in (name, None):
            found.append(CachedLibrary(name, f"/{path}".replace("/usr/lib64/", "/lib64/")))
    tree.replace(RootFile(path="etc/ld.so.cache", mode=0o644, content=render_ld_cache(found, architecture)))


def _add_status(tree: Tree, unpacked: Sequence[Unpacked]) -> None:
    """For each package of which something is left. Sums of files that went, or were replaced, are left out, so that
    the rest verify.
    """
    present = set(tree.owners.values())
    for package in unpacked:
        name = package.package.name
        if name not in present:
            continue
        text = package.control.text.rstrip("\n") + "\n"
        tree.replace(RootFile(path=f"{_STATUS}/{name}", mode=0o644, content=text.encode()))
        lines = []
        for line in package.control.md5sums.splitlines():
            path = line.partition("  ")[2]
            place = tree.place(path) if path else ""
            # What careen has put in the place of a file is nobody's.
            if isinstance(tree.entries.get(place), RootFile) and place in tree.owners:
                lines.append(line + "\n")
        if lines:
            content = "".join(lines).encode()
            tree.replace(RootFile(path=f"{_STATUS}/{name}.md5sums", mode=0o644, content=content))
