"""The package index's files: directories by range request, wheels by download, both kept by their digest.

Addresses come from the lock; nothing here knows a host.
"""

import contextlib
import json
import os
import struct
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from urllib.parse import unquote, urlsplit

from careen.blobs.digest import DigestingSink, DigestMismatchError
from careen.errors import CareenError
from careen.http.client import HttpClient
from careen.http.failures import HttpError, RangeRefusedError, TooLargeError, TransferError
from careen.python.contents import (
    DistributionContents,
    compiled_whole,
    import_names,
    installation_bytes,
    installed_path,
    native_files,
    parse_entry_points,
)
from careen.python.locked import LockedFile
from careen.python.requirements import requirements_in
from careen.python.sdists import read_sdist
from careen.python.trimming import VERSION
from careen.python.wheels import (
    TAIL_BYTES,
    WheelDirectory,
    WheelFormatError,
    locate_directory,
    read_directory,
)
from careen.text.units import format_bytes
from careen.text.values import dataclass

_FORMAT = 3
"""Raised when what is cached means something else, so that old entries are not read."""

_FORMAT_OF_SOURCES = 1
"""The same for source distributions alone."""

_PARALLEL = 16
_LARGEST_WHEEL = 8 * 1024**3
_LARGEST_FALLBACK = 32 * 1024**2
"""Bytes of a whole file that is taken into memory when a server knows no ranges; a larger one is fetched to disk."""

_LARGEST_UNASKED = 300_000_000
"""Bytes of a file that is fetched whole to learn what it holds, where its server knows no ranges."""

_LARGEST_METADATA = 4 * 1024**2


class UnverifiableError(WheelFormatError):
    """The lock gives no sha256 for a file, so nobody can tell whether it is the right one."""


class WholeFileError(WheelFormatError):
    """What a file holds could be learnt only by fetching all of it, and it is too large for that."""


class _Asking:
    """Gives up on an index that has answered nobody: otherwise every wheel would wait for its own time-out."""

    def __init__(self, read: "Callable[[LockedFile], DistributionContents | CareenError]") -> None:
        self._read = read
        self._answered = False
        self._failures = 0

    def ask(self, file: LockedFile) -> DistributionContents | CareenError:
        if not self._answered and self._failures >= _PARALLEL:
            return HttpError(f"{file.filename} was not asked for: nothing answers", hints=("use --offline",))
        found = self._read(file)
        if isinstance(found, TransferError):
            self._failures += 1
        else:
            self._answered = True
        return found


@dataclass(frozen=True, slots=True)
class PackageFiles:
    """``folder`` holds ``wheels/`` and ``contents/``; shared by concurrent runs, written aside and renamed.

    ``root`` is the folder that paths of local files are relative to.
    """

    http: HttpClient
    folder: Path
    root: Path = Path()

    def contents(
        self,
        files: Sequence[LockedFile],
        *,
        on_done: Callable[[LockedFile], None] | None = None,
        on_whole: Callable[[LockedFile], None] | None = None,
    ) -> Mapping[LockedFile, DistributionContents | CareenError]:
        """What each wheel holds; a wheel that cannot be had or read has its error in place of its contents.

        A source distribution is fetched whole, and what it says of bytes is an estimate. ``on_whole`` is told of every
        wheel that is, since its server knows no ranges; a very large one is not.
        """
        found: dict[LockedFile, DistributionContents | CareenError] = {}
        missing: list[LockedFile] = []
        for file in files:
            known = self._cached(file)
            if known is None:
                missing.append(file)
            else:
                found[file] = known
        if missing:
            asking = _Asking(lambda file: self._read_contents(file, on_whole))
            with ThreadPoolExecutor(_PARALLEL) as pool:
                for file, contents in zip(missing, pool.map(asking.ask, missing), strict=True):
                    found[file] = contents
                    if on_done is not None:
                        on_done(file)
        return found

    def wheel(self, file: LockedFile, *, limit: int = _LARGEST_WHEEL) -> Path:
        """The wheel on this disk, fetched when it is not there yet, of at most ``limit`` bytes.

        Raises DigestMismatchError, HttpError, OfflineError, and UnverifiableError for a file without a digest.
        """
        place = self._wheel_place(file)
        if place.exists():
            return place
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(dir=place.parent, prefix=".part-")
        try:
            with os.fdopen(descriptor, "wb") as target:
                sink = DigestingSink(target)
                local = self._local_path(file)
                if local is None:
                    self.http.download(file.url, sink, limit=limit)
                else:
                    with local.open("rb") as source:
                        while data := source.read(1 << 20):
                            sink.write(data)
            if sink.digest() != file.digest:
                raise DigestMismatchError(
                    f"{file.filename}: the bytes are not the ones in the lock",
                    hints=("lock again, or ask the owner of the index",),
                )
            Path(aside).replace(place)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(aside).unlink()
            raise
        return place

    def has_wheel(self, file: LockedFile) -> bool:
        return file.digest is not None and self._wheel_place(file).exists()

    def wheels(
        self, files: Sequence[LockedFile], *, on_done: Callable[[LockedFile], None] | None = None
    ) -> Mapping[LockedFile, Path]:
        """All of them, several at a time; the largest first, since it decides when the last is done."""
        ordered = sorted(set(files), key=lambda file: -(file.size or 0))
        found: dict[LockedFile, Path] = {}
        with ThreadPoolExecutor(_PARALLEL // 2) as pool:
            for file, path in zip(ordered, pool.map(self.wheel, ordered), strict=True):
                found[file] = path
                if on_done is not None:
                    on_done(file)
        return found

    def _whole(self, file: LockedFile) -> Path:
        """All of a file, to learn what it holds. Raises WholeFileError, and what :meth:`wheel` raises."""
        is_here = self.has_wheel(file) or self._local_path(file) is not None
        if not is_here and (file.size is None or file.size > _LARGEST_UNASKED):
            weight = "of unknown size" if file.size is None else format_bytes(file.size)
            raise WholeFileError(
                f"{file.filename} is {weight}, and can only be had whole, which is too much for a look",
                hints=("`careen build` fetches what is kept, and plans know it from then on",),
            )
        return self.wheel(file, limit=_LARGEST_UNASKED)

    def _local_path(self, file: LockedFile) -> Path | None:
        found = _local_path(file.url)
        return None if found is None else self.root / found

    def _wheel_place(self, file: LockedFile) -> Path:
        if file.digest is None:
            raise UnverifiableError(f"{file.filename} has no sha256 in the lock", hints=("lock again",))
        return self.folder / "wheels" / file.digest.hex[:2] / file.digest.hex / Path(file.filename).name

    def _contents_place(self, file: LockedFile) -> Path | None:
        if file.digest is None:
            return None
        kind = "" if file.filename.endswith(".whl") else f".{_FORMAT_OF_SOURCES}"
        return (
            self.folder / "contents" / f"v{_FORMAT}.{VERSION}{kind}" / file.digest.hex[:2] / f"{file.digest.hex}.json"
        )

    def _cached(self, file: LockedFile) -> DistributionContents | None:
        place = self._contents_place(file)
        try:
            document = json.loads(place.read_bytes()) if place is not None else None
        except (OSError, ValueError):
            return None
        if not isinstance(document, dict):
            return None
        try:
            return DistributionContents(
                installed_bytes=int(document["installed_bytes"]),
                kept_bytes=int(document["kept_bytes"]),
                imports=tuple(document["imports"]),
                native=tuple(document["native"]),
                console_scripts=tuple((name, target) for name, target in document["console_scripts"]),
                plugins=tuple((group, name, target) for group, name, target in document["plugins"]),
                requires=None if document["requires"] is None else tuple(document["requires"]),
                bytecode_bytes=int(document["bytecode_bytes"]),
                is_estimate=bool(document["is_estimate"]),
            )
        except (KeyError, TypeError, ValueError):
            return None

    def _read_contents(
        self, file: LockedFile, on_whole: Callable[[LockedFile], None] | None
    ) -> DistributionContents | CareenError:
        try:
            contents = (
                self._describe(file, on_whole) if file.filename.endswith(".whl") else read_sdist(self._whole(file))
            )
        except CareenError as error:
            return error
        except OSError as error:
            return WheelFormatError(f"{file.filename} cannot be read: {error.strerror or error}")
        place = self._contents_place(file)
        if place is not None:
            place.parent.mkdir(parents=True, exist_ok=True)
            descriptor, aside = tempfile.mkstemp(dir=place.parent, prefix=".part-")
            with os.fdopen(descriptor, "w") as target:
                json.dump(asdict(contents), target, separators=(",", ":"))
            Path(aside).replace(place)
        return contents

    def _describe(self, file: LockedFile, on_whole: Callable[[LockedFile], None] | None) -> DistributionContents:
        directory, tail, tail_start = self._directory(file, on_whole)
        return describe(
            directory,
            entry_points=_metadata_text(directory, "entry_points.txt", tail, tail_start) or "",
            metadata=_metadata_text(directory, "METADATA", tail, tail_start),
        )

    def _directory(
        self, file: LockedFile, on_whole: Callable[[LockedFile], None] | None
    ) -> tuple[WheelDirectory, bytes, int]:
        """The directory, and the bytes at the file's end with their offset."""
        local = self._wheel_place(file) if self.has_wheel(file) else self._local_path(file)
        if local is not None:
            return _local_directory(local)
        try:
            answer = self.http.get_tail(file.url, TAIL_BYTES, limit=_LARGEST_FALLBACK)
            tail, size = answer.data, answer.file_size
            start = size - len(tail)
            place = locate_directory(tail, size)
            if place.offset >= start:
                data = tail[place.offset - start : place.offset - start + place.size]
            else:
                data = self.http.get_range(file.url, place.offset, place.size)
        except (RangeRefusedError, TooLargeError):
            if on_whole is not None:
                on_whole(file)
            return _local_directory(self._whole(file))
        return read_directory(data, place), tail, start


def _local_directory(wheel: Path) -> tuple[WheelDirectory, bytes, int]:
    size = wheel.stat().st_size
    with wheel.open("rb") as source:
        source.seek(max(0, size - TAIL_BYTES))
        tail = source.read()
        place = locate_directory(tail, size)
        source.seek(place.offset)
        return read_directory(source.read(place.size), place), tail, size - len(tail)


def describe(directory: WheelDirectory, *, entry_points: str, metadata: str | None = None) -> DistributionContents:
    """``entry_points`` is the text of ``entry_points.txt``, empty when there is none; ``metadata`` that of METADATA."""
    files = [(entry.path, entry.size) for entry in directory.files()]
    paths = [path for path, _ in files if ".data/headers/" not in path]
    groups = parse_entry_points(entry_points)
    console = groups.get("console_scripts", ())
    whole, kept = installation_bytes(files, (*console, *groups.get("gui_scripts", ())))
    return DistributionContents(
        installed_bytes=whole,
        kept_bytes=kept,
        imports=import_names(paths),
        native=tuple(path for path in native_files(paths) if installed_path(path) is not None),
        console_scripts=tuple(console),
        plugins=tuple(
            (group, name, target)
            for group, pairs in groups.items()
            if group not in {"console_scripts", "gui_scripts"}
            for name, target in pairs
        ),
        requires=requirements_in(metadata) if metadata is not None else None,
        bytecode_bytes=compiled_whole(files),
    )


def _metadata_text(directory: WheelDirectory, name: str, tail: bytes, tail_start: int) -> str | None:
    """A file of the ``.dist-info`` folder, when the wheel's end holds it, which is nearly always; else None."""
    for entry in directory.entries:
        if not entry.path.endswith(f".dist-info/{name}") or entry.path.count("/") != 1:
            continue
        position = entry.offset - tail_start
        if position < 0 or position + 30 > len(tail) or entry.size > _LARGEST_METADATA:
            return None
        name_length, extra_length = struct.unpack_from("<HH", tail, position + 26)
        start = position + 30 + name_length + extra_length
        packed = tail[start : start + entry.compressed_size]
        try:
            data = packed if entry.method == 0 else zlib.decompressobj(-15).decompress(packed, _LARGEST_METADATA)
        except zlib.error:
            return None
        return data.decode("utf-8", "replace")
    return None


def _local_path(url: str) -> Path | None:
    """The path of a ``file:`` address or of a bare path; None for anything that is fetched."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return None if parts.scheme else Path(url)
