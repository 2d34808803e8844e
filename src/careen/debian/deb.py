"""The .deb format, version 2 (deb(5)): an ar archive of ``debian-binary``, ``control.tar`` and ``data.tar``."""

import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from careen.debian.control import ControlError, read_paragraph
from careen.debian.tarstream import FileEntry, TarError, read_tar
from careen.errors import CareenError
from careen.text.values import dataclass

_MAGIC = b"!<arch>\n"
_HEADER = 60
_LARGEST_CONTROL = 64 << 20
LARGEST_DATA = 2 << 30
"""Bytes that a package may unpack to."""


class DebError(CareenError):
    """The file is not a .deb, is damaged, or holds what no image should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlFiles:
    """``fields`` of the control file by lower-case name; ``text`` is that file itself; ``md5sums`` may be empty."""

    fields: Mapping[str, str]
    text: str
    md5sums: str


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    offset: int
    size: int


def read_control(path: Path) -> ControlFiles:
    """Raises DebError, or OSError when the file cannot be read."""
    files: dict[str, bytes] = {}
    with path.open("rb") as stream, _damage(path), _member(stream, "control.tar") as read:
        for entry in read_tar(read, limit=_LARGEST_CONTROL, wanted=lambda name: name in ("control", "md5sums")):
            if entry.content is not None:
                files[entry.path] = entry.content
    if "control" not in files:
        raise DebError(f"{path.name} has no control file")
    text = files["control"].decode("utf-8", "replace")
    try:
        fields = read_paragraph(text)
    except ControlError as error:
        raise DebError(f"{path.name} has a malformed control file: {error.message}") from error
    return ControlFiles(fields=fields, text=text, md5sums=files.get("md5sums", b"").decode("utf-8", "replace"))


def read_entries(
    path: Path, *, wanted: Callable[[str], bool] | None = None, limit: int = LARGEST_DATA
) -> Iterator[FileEntry]:
    """What the package puts into the file system, in its order; content only of files that are ``wanted``.

    Raises DebError, or OSError when the file cannot be read.
    """
    with path.open("rb") as stream, _damage(path), _member(stream, "data.tar") as read:
        yield from read_tar(read, limit=limit, wanted=wanted)


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (TarError, ControlError) as error:
        raise DebError(f"{path.name}: {error.message}") from error
    except (lzma.LZMAError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise DebError(f"{path.name} cannot be unpacked: {error}") from error


@contextmanager
def _member(stream: BinaryIO, stem: str) -> Iterator[Callable[[int], bytes]]:
    member = next((found for found in _members(stream) if found.name.startswith(stem)), None)
    if member is None:
        raise TarError(f"there is no {stem} in it")
    stream.seek(member.offset)
    window = _Window(stream, member.size)
    match member.name.removeprefix(stem):
        case "":
            yield window.read
        case ".gz":
            with gzip.GzipFile(fileobj=window, mode="rb") as unpacked:  # type: ignore[call-overload]  # a reader
                yield unpacked.read
        case ".xz":
            with lzma.LZMAFile(window, format=lzma.FORMAT_XZ) as unpacked:  # type: ignore[arg-type]
                yield unpacked.read
        case ".zst":
            with _zstandard(window) as read:
                yield read
        case suffix:
            raise TarError(f"its {stem} is packed in an unknown way: {suffix[:10]!r}")


@contextmanager
def _zstandard(window: "_Window") -> Iterator[Callable[[int], bytes]]:
    import zstandard  # noqa: PLC0415 - Debian's own packages are xz, so most runs need not load it

    unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    try:
        with unpacker.stream_reader(window, read_across_frames=True) as unpacked:  # type: ignore[arg-type]
            yield unpacked.read
    except zstandard.ZstdError as error:
        raise TarError(f"it cannot be unpacked: {error}") from error


def _members(stream: IO[bytes]) -> Iterator[_Member]:
    if stream.read(len(_MAGIC)) != _MAGIC:
        raise TarError("it is not a .deb")
    offset = len(_MAGIC)
    while True:
        stream.seek(offset)
        header = stream.read(_HEADER)
        if not header:
            return
        size = header[48:58].strip()
        if len(header) != _HEADER or header[58:] != b"`\n" or not size.isdigit():
            raise TarError("it has a damaged member header")
        name = header[:16].decode("ascii", "replace").rstrip(" ").removesuffix("/")
        yield _Member(name, offset + _HEADER, int(size))
        offset += _HEADER + int(size) + int(size) % 2


class _Window:
    """A part of a file, as a file of its own."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._left = size

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data
