"""No file of the image gives whoever runs it another one's rights, and none may be changed by everybody."""

import stat

from careen.oci.filesystem import ImageFile
from careen.oci.layer_entries import EntryKind
from careen.prove.evidence import CheckResult, Evidence, judged
from careen.prove.subjects import ImageSubject

SLUG = "file-modes"
_CAPABILITIES = "security.capability"
_MOST_SHOWN = 12


def check(subject: ImageSubject) -> CheckResult:
    complaints = [complaint for file in subject.image.files for complaint in _complaints(file)]
    shown = complaints[:_MOST_SHOWN]
    if len(complaints) > len(shown):
        shown.append(f"{len(complaints) - len(shown)} more")
    summary = f"{len(subject.image.files)} files and folders without setuid, capabilities or writing by all"
    return judged(SLUG, tuple(shown), Evidence(summary=summary))


def _complaints(file: ImageFile) -> list[str]:
    if file.kind is EntryKind.SYMBOLIC_LINK:
        return []
    found = []
    if file.kind is EntryKind.FILE:
        if file.mode & stat.S_ISUID:
            found.append(f"/{file.path} is setuid ({file.mode:04o})")
        elif file.mode & stat.S_ISGID and file.mode & stat.S_IXGRP:
            found.append(f"/{file.path} is setgid ({file.mode:04o})")
        if _CAPABILITIES in file.attributes:
            found.append(f"/{file.path} has capabilities")
    sticky_folder = file.kind is EntryKind.DIRECTORY and bool(file.mode & stat.S_ISVTX)
    if file.mode & stat.S_IWOTH and not sticky_folder:
        found.append(f"/{file.path} is writable by everybody ({file.mode:04o})")
    return found
