"""Which files of their images services touch, told by strace(1) through a whole proof.

Every call that takes a path is written down, of every process of a container: the service's own, health checks, and
the runner's first steps, which touch few files of the image. A seccomp filter keeps all other calls at full speed.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from careen.oci.layer_entries import EntryKind
from careen.plan.traces import ServiceTrace
from careen.process.run import find_program
from careen.prove.rootfs import ImageOnDisk

_CALLS = "%file,getdents64"
_LONGEST_PATH = "4096"
_MOST_LINKS = 40  # as the kernel follows (path_resolution(7))
_LARGEST_RECORD = 256 << 20
_PATH = r'"((?:[^"\\]|\\.)*)"'
_AT = re.compile(rf"\b\w+\((?:AT_FDCWD|\d+)(?:<([^<>]*)>)?, {_PATH}")
_PLAIN = re.compile(rf"\b\w+\({_PATH}")
_LISTED = re.compile(r"getdents64\(\d+<([^<>]*)>")
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f"}


class Tracer:
    """Records lie below ``folder``. Raises MissingToolError."""

    def __init__(self, folder: Path) -> None:
        self._program = find_program("strace", package="strace")
        self._folder = folder
        folder.mkdir(mode=0o700)

    def words(self, service: str) -> tuple[str, ...]:
        """Words that, put before a command, record what it and all its children touch."""
        place = self._folder / service
        place.mkdir(exist_ok=True)
        how = ("-A", "-ff", "-qqq", "-y", "--seccomp-bpf", "-e", f"trace={_CALLS}", "-e", "status=successful")
        return (str(self._program), *how, "-e", "signal=none", "-s", _LONGEST_PATH, "-o", str(place / "t"), "--")

    def of(self, service: str, image: ImageOnDisk, working_directory: PurePosixPath) -> ServiceTrace:
        """What is known so far."""
        touched: set[str] = set()
        place = self._folder / service
        for record in sorted(place.glob("t.*")) if place.is_dir() else ():
            with record.open("rb") as lines:
                text = lines.read(_LARGEST_RECORD).decode("latin-1")
            touched.update(touched_paths(text.splitlines(), str(working_directory)))
        return ServiceTrace(service=service, paths=frozenset(_in_image(image, touched)))


def touched_paths(lines: Iterable[str], working_directory: str) -> Iterator[str]:
    """Paths in the calls of a record, absolute. A folder that cannot be told apart is taken for the working one."""
    for line in lines:
        listed = _LISTED.search(line)
        if listed is not None:
            yield _plain(listed[1])
            continue
        found = _AT.search(line)
        base, text = (found[1], found[2]) if found is not None else (None, None)
        if found is None:
            plain = _PLAIN.search(line)
            if plain is None:
                continue
            text = plain[1]
        path = _plain(text or "")
        yield path if path.startswith("/") else f"{_plain(base) if base else working_directory}/{path}"


def _in_image(image: ImageOnDisk, touched: Iterable[str]) -> Iterator[PurePosixPath]:
    """Those that the image has, with the links on their way."""
    links = {file.path: file.target for file in image.files if file.kind is EntryKind.SYMBOLIC_LINK}
    for path in touched:
        found = image.file_system.find(path.strip("/"))
        if found is not None:
            yield PurePosixPath("/", found.path)
            yield from _links_to(links, path)
            if found.kind is EntryKind.HARD_LINK:
                yield PurePosixPath("/", found.target)


def _links_to(links: Mapping[str, str], path: str) -> Iterator[PurePosixPath]:
    waiting, done, left = deque(path.split("/")), list[str](), _MOST_LINKS
    while waiting:
        part = waiting.popleft()
        if part == "..":
            done = done[:-1]
        elif part not in {"", "."}:
            step = "/".join((*done, part))
            target = links.get(step) if left else None
            if target is None:
                done.append(part)
                continue
            left -= 1
            yield PurePosixPath("/", step)
            if target.startswith("/"):
                done = []
            waiting.extendleft(reversed(target.split("/")))


def _plain(text: str) -> str:
    """Without the escapes of C that strace writes."""

    def letter(match: re.Match[bytes]) -> bytes:
        octal, hexadecimal, other = match.groups()
        if octal is not None:
            return bytes([int(octal, 8) & 0xFF])
        return bytes([int(hexadecimal, 16)]) if hexadecimal is not None else _LETTERS.get(other, other)

    return _ESCAPE.sub(letter, text.encode("latin-1", "replace")).decode("utf-8", "surrogateescape")
