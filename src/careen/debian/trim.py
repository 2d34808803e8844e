"""What of a base may go, and what must not.

Three rules, in this order. What only people read or package managers use goes from every package, licences excepted:
whoever passes an image on owes them. What no service imports goes from the base's own packages, unless a module that
needs it is named. And a shared library of the base's own packages stays only while something that stays needs it, by
its ELF header; so nothing goes that a kept program would miss.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from posixpath import dirname, join, normpath

from careen.blobs.elf import is_elf, read_linkage
from careen.debian.root import RootError, RootFile, RootFolder, RootLink, Tree
from careen.text.values import dataclass


class TrimPolicy(Enum):
    """WHOLE keeps every file of every package."""

    WHOLE = "whole"
    TRIMMED = "trimmed"


@dataclass(frozen=True, slots=True)
class _Cut:
    """Paths that go unless one of ``modules`` of the standard library is imported."""

    pattern: re.Pattern[str]
    modules: frozenset[str] = frozenset()


def _cut(pattern: str, *modules: str) -> _Cut:
    return _Cut(re.compile(pattern), frozenset(modules))


LICENCES = re.compile(r"usr/share/doc/[^/]+(/copyright)?|usr/share/common-licenses(/.*)?")
FOR_PEOPLE = (
    r"usr/share/(doc|doc-base|man|info|lintian|locale|bug|gtk-doc|menu|applications|pixmaps|reportbug|apport)/.*",
    r"usr/share/(bash-completion|zsh|fish|gdb|gcc|binfmts|initramfs-tools|base-files|libc-bin|pkgconfig|aclocal)/.*",
    r"usr/lib/(systemd|tmpfiles\.d|sysusers\.d|binfmt\.d|debug|pkgconfig|cmake)/.*",
    r"usr/lib/[^/]+-linux-gnu/(pkgconfig|cmake|debug)/.*",
    r"usr/(include|src|games)/.*",
    r"etc/(init\.d|init|cron\.[^/]+|logrotate\.d|update-motd\.d|profile\.d|bash_completion\.d)(/.*)?",
    r"etc/(skel|default|ca-certificates|dpkg|issue.*|apport)(/.*)?",
    r"usr/lib/.*\.l?a",
    r"usr/share/python3?/runtime\.d/.*",
)
_FOR_PEOPLE = re.compile("|".join(FOR_PEOPLE))
_LIB = r"usr/lib/[^/]+-linux-gnu"
_PY = r"usr/lib/python3\.[0-9]+"
_DYNLOAD = rf"{_PY}/lib-dynload"
_OF_THE_BASE = (
    _cut(rf"{_LIB}/(gconv|engines-3|ossl-modules|krb5|audit|perl5?)/.*"),
    _cut(r"usr/share/zoneinfo/(posix|right)/.*"),
    _cut(r"usr/share/ca-certificates/.*"),
    _cut(r"usr/s?bin/(?!python3\.[0-9]+$).*"),
    _cut(r"(usr/share/(dict|misc|sensible-utils)|var/(backups|local|mail|opt|cache|spool|lib/(misc|pam)))/.*"),
    _cut(rf"{_PY}/test/.*", "test"),
    _cut(rf"{_PY}/idlelib/.*", "idlelib"),
    _cut(rf"{_PY}/lib2to3/.*", "lib2to3"),
    _cut(rf"{_PY}/ensurepip/.*", "ensurepip", "venv"),
    _cut(rf"{_PY}/(turtledemo/.*|turtle\.py)", "turtle", "turtledemo"),
    _cut(rf"{_PY}/tkinter/.*", "tkinter"),
    _cut(rf"{_PY}/pydoc_data/.*", "pydoc", "pydoc_data"),
    _cut(rf"{_DYNLOAD}/(_test.*|_ctypes_test.*|_xxtestfuzz.*|xxlimited.*|xxsubtype.*)", "test"),
    _cut(rf"{_DYNLOAD}/_dbm\..*", "dbm"),
    _cut(rf"{_DYNLOAD}/nis\..*", "nis"),
    _cut(rf"{_DYNLOAD}/_crypt\..*", "crypt"),
    _cut(rf"{_DYNLOAD}/readline\..*", "readline", "rlcompleter"),
    _cut(rf"{_DYNLOAD}/_curses(_panel)?\..*", "curses"),
    _cut(r"usr/(share|lib)/terminfo/.*", "curses", "readline"),
)
_ALWAYS = re.compile(r"ld-linux.*|lib(c|m|dl|pthread|rt|util|resolv|nss_dns|nss_files|gcc_s)\.so\.[0-9]+")
"""Libraries that are opened by name at run time, and the C library's old parts, which wheels still ask for."""

_CHOOSING_MODULES = frozenset().union(*(cut.modules for cut in _OF_THE_BASE))

_SKELETON = re.compile(
    r"(bin|dev|etc|home|lib|lib64|proc|root|run|sbin|sys|tmp|usr|var)|(usr/(bin|sbin|lib|local|share)|var/(lib|log|tmp))"
)


def modules_that_matter(names: Iterable[str]) -> frozenset[str]:
    """Those of the standard library's modules without which something would be trimmed; all others stay anyway."""
    return _CHOOSING_MODULES.intersection(names)


def cuts_of_the_base(keep_modules: Iterable[str]) -> tuple[str, ...]:
    """What goes from the base's own packages, as regular expressions of whole paths."""
    kept = frozenset(keep_modules)
    return tuple(cut.pattern.pattern for cut in _OF_THE_BASE if not cut.modules & kept)


def is_kept_unasked(library: str) -> bool:
    """Whether the library of this name stays although nothing that is seen needs it."""
    return _ALWAYS.fullmatch(library) is not None


def trim(tree: Tree, *, own: frozenset[str], keep_modules: frozenset[str], keep_libraries: frozenset[str]) -> None:
    """``own`` are the base's own packages; ``keep_libraries`` are SONAMEs that something above the base needs.

    Raises RootError when what stays needs a library that no package of the tree has, or ElfError.
    """
    cuts = [re.compile(pattern) for pattern in cuts_of_the_base(keep_modules)]
    for path in list(tree.entries):
        if isinstance(tree.entries[path], RootFolder) or LICENCES.fullmatch(path):
            continue
        owner = tree.owners.get(path, "")
        if _FOR_PEOPLE.fullmatch(path) or (owner in own and any(pattern.fullmatch(path) for pattern in cuts)):
            tree.remove(path)
    _drop_unneeded_libraries(tree, own=own, keep=keep_libraries)
    _drop_unused_packages(tree)
    _drop_empty_folders(tree)


def is_for_people(path: str) -> bool:
    """Whether trimming drops the file from every package: documentation, translations and the like, no licences."""
    return _FOR_PEOPLE.fullmatch(path) is not None and LICENCES.fullmatch(path) is None


def library_folders(tree: Tree) -> tuple[str, ...]:
    """Where the dynamic linker looks, in its order: multiarch folders first."""
    folders = {path for path in (*tree.entries, *tree.below) if re.fullmatch(r"usr/(local/)?lib/[^/]+-linux-gnu", path)}
    return (*sorted(folders), "usr/local/lib", "usr/lib", "usr/lib64")


def libraries(tree: Tree) -> Mapping[str, str]:
    """Path of every shared library that the linker finds, by the name it is asked for."""
    found: dict[str, str] = {}
    folders = library_folders(tree)
    for path in (*tree.entries, *tree.below):
        folder, _, name = path.rpartition("/")
        if ".so" in name and folder in folders and not isinstance(tree.get(path), RootFolder):
            best = found.get(name)
            if best is None or folders.index(folder) < folders.index(best.rpartition("/")[0]):
                found[name] = path
    return found


def _drop_unneeded_libraries(tree: Tree, *, own: frozenset[str], keep: frozenset[str]) -> None:
    available = libraries(tree)
    candidates = {path for path in available.values() if tree.owners.get(path) in own}
    kept: set[str] = set()
    waiting = [(name, "") for name in sorted(keep) if name in available]
    waiting += [(name, "") for name in available if is_kept_unasked(name)]
    for file in tree.files():
        if file.path not in candidates:
            waiting += _needs(file)
    while waiting:
        name, by = waiting.pop()
        if name not in available:
            raise RootError(f"{by} needs {name}, which no package of the base has")
        path = available[name]
        for step in _steps(tree, path):
            if step not in kept:
                kept.add(step)
                entry = tree.get(step)
                if isinstance(entry, RootFile) and step in candidates:
                    waiting += _needs(entry)
    for path in candidates - kept:
        tree.remove(path)


def _needs(file: RootFile) -> Iterator[tuple[str, str]]:
    if is_elf(file.content):
        linkage = read_linkage(file.content)
        yield from ((name, file.path) for name in linkage.needed)


def _steps(tree: Tree, path: str) -> Iterator[str]:
    """The links from a library's name to its file, and the file."""
    seen: set[str] = set()
    while path not in seen:
        seen.add(path)
        yield path
        entry = tree.get(path)
        if isinstance(entry, RootLink):
            path = tree.place(normpath(join("/", dirname(path), entry.target)).lstrip("/"))


def _drop_unused_packages(tree: Tree) -> None:
    """Of a package that has nothing left but its licence, that goes too."""
    used = {
        tree.owners.get(path)
        for path, entry in tree.entries.items()
        if not isinstance(entry, RootFolder) and not LICENCES.fullmatch(path)
    }
    used |= {
        _lender(tree, path)
        for path, entry in tree.entries.items()
        if isinstance(entry, RootLink) and LICENCES.fullmatch(path) and tree.owners.get(path) in used
    }
    for path, entry in list(tree.entries.items()):
        if not isinstance(entry, RootFolder) and LICENCES.fullmatch(path) and tree.owners.get(path) not in used:
            tree.remove(path)


def _lender(tree: Tree, path: str) -> str:
    """The package whose licence file another's link points to, as those built from one source share theirs."""
    return tree.owners.get(f"{tree.resolve(path)}/copyright", "")


def _drop_empty_folders(tree: Tree) -> None:
    parents: set[str] = set()
    for path in sorted(tree.entries, reverse=True):  # children before their parents
        if isinstance(tree.entries[path], RootFolder) and path not in parents and not _SKELETON.fullmatch(path):
            tree.remove(path)
        else:
            parents.add(dirname(path))
