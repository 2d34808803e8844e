"""Nothing in the image helps an intruder on: no shell, no package manager, no compiler."""

import re

from careen.oci.filesystem import ImageFile
from careen.oci.layer_entries import EntryKind
from careen.prove.evidence import CheckResult, Evidence, judged
from careen.prove.subjects import ImageSubject

SLUG = "no-tools"

_FOLDERS = re.compile(r"(?:usr/)?(?:local/)?s?bin/|opt/[^/]+/bin/|(?:root|home/[^/]+)/\.local/bin/")
_KINDS = {
    "shell": "sh ash bash dash zsh ksh mksh fish csh tcsh busybox toybox",
    "package manager": (
        "apt apt-get aptitude dpkg apk dnf microdnf yum rpm pip pip3 uv uvx poetry pdm pipenv conda mamba npm yarn gem"
    ),
    "compiler": "gcc g++ cc c++ cpp clang clang++ tcc ld gold as make cmake rustc cargo go javac",
}
_KNOWN = {name: kind for kind, names in _KINDS.items() for name in names.split()}
_VERSIONED = re.compile(r"(?:x86_64|aarch64)-linux-gnu-|-?\d[\d.]*$")
_MOST_SHOWN = 8


def check(subject: ImageSubject) -> CheckResult:
    found: dict[str, list[str]] = {}
    for file in subject.image.files:
        kind = _kind(file)
        if kind is not None:
            found.setdefault(kind, []).append(f"/{file.path}")
    complaints = tuple(f"there is a {kind}: {_listed(paths)}" for kind, paths in sorted(found.items()))
    programs = sum(1 for file in subject.image.files if _is_program(file))
    return judged(SLUG, complaints, Evidence(summary=f"none among the {programs} programs of the image"))


def _is_program(file: ImageFile) -> bool:
    return (
        file.kind is not EntryKind.DIRECTORY
        and _FOLDERS.fullmatch(file.path.rpartition("/")[0] + "/") is not None
        and (file.kind is EntryKind.SYMBOLIC_LINK or bool(file.mode & 0o111))
    )


def _kind(file: ImageFile) -> str | None:
    if not _is_program(file):
        return None
    name = file.path.rpartition("/")[2]
    return _KNOWN.get(name) or _KNOWN.get(_VERSIONED.sub("", name))


def _listed(paths: list[str]) -> str:
    more = f" and {len(paths) - _MOST_SHOWN} more" if len(paths) > _MOST_SHOWN else ""
    return ", ".join(paths[:_MOST_SHOWN]) + more
