"""Every shared library that something in the image asks for is in the image.

A name counts as found when any file of the image has it: folders that are searched at run time are more than
the ELF files say (preloading, ``os.add_dll_directory`` and the like), and a false alarm would cost trust.
"""

import mmap
import re
from pathlib import Path

from careen.blobs.elf import ElfError, is_elf, read_linkage
from careen.oci.layer_entries import EntryKind
from careen.prove.evidence import CheckResult, Evidence, judged
from careen.prove.subjects import ImageSubject
from careen.python.c_library import is_part_of_musl

SLUG = "shared-libraries"
_CANDIDATE = re.compile(r"\.so(?:\.[\d.]+)?$")
_FROM_OUTSIDE = re.compile(r"libcuda\.so|libnvidia-|libnvcuvid\.so|ld-linux|ld-musl|linux-vdso")
"""Drivers come from the machine that has the device; the loader is named by everybody."""
_WITHOUT_ITS_LIBRARIES = re.compile(r"/lib-dynload/_tkinter\.")
"""The official slim images have the module for Tk, and not Tk."""
_MOST_SHOWN = 10


def check(subject: ImageSubject) -> CheckResult:
    image = subject.image
    present = {file.path.rpartition("/")[2] for file in image.files}
    # musl's loader answers to the names of a C library's parts; where glibc is too, it is glibc that programs want.
    has_musl = any(name.startswith("ld-musl-") for name in present) and "libc.so.6" not in present
    wanted: dict[str, str] = {}
    looked_at = 0
    for file in image.files:
        program = file.kind is EntryKind.FILE and file.mode & 0o111 and "/bin/" in f"/{file.path}"
        if file.kind is not EntryKind.FILE or not (program or _CANDIDATE.search(file.path)):
            continue
        if _WITHOUT_ITS_LIBRARIES.search(file.path):
            continue
        needed = _needed(image.root / file.path)
        if needed is not None:
            looked_at += 1
            for name in needed:
                wanted.setdefault(name, file.path)
    missing = [
        f"{name} is missing, which /{asker} needs"
        for name, asker in sorted(wanted.items())
        if name not in present and not _FROM_OUTSIDE.match(name) and not (has_musl and _is_answered(name))
    ]
    if len(missing) > _MOST_SHOWN:
        missing = [*missing[:_MOST_SHOWN], f"{len(missing) - _MOST_SHOWN} more"]
    summary = f"{looked_at} programs and libraries find the {len(wanted)} that they ask for"
    return judged(SLUG, tuple(missing), Evidence(summary=summary))


def _is_answered(name: str) -> bool:
    return is_part_of_musl(name) and name != "libc.so.6"


def _needed(path: Path) -> tuple[str, ...] | None:
    with path.open("rb") as stream:
        if stream.read(4) != b"\x7fELF":
            return None
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return read_linkage(data).needed if is_elf(data) else None
            except ElfError:
                return None  # a test file of some ELF library, say; the loader would refuse it too
