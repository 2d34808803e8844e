"""What an image weighs and why, wherever the image is.

An image is named by ::

    build/images                  a layout, or archive (tar, tar.gz, tar.zst) with one image
    build/images:api              one of several in it
    docker://web, podman://web    one that a daemon, or podman, has
    registry://index.example/web  one that a registry has
    web                           whichever of the three has it, in this order
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from careen.app.session import Session
from careen.blobs.digest import Descriptor
from careen.errors import CareenError, ExitCode
from careen.oci.archive import Archive, ArchiveError
from careen.oci.decompress import LayerStream
from careen.oci.images import Images, choose_manifest, read_manifest
from careen.oci.layout import Layout
from careen.oci.reference import ImageReference, InvalidReferenceError
from careen.platforms import Platform
from careen.process.run import find_program, run_checked, run_into
from careen.progress import Step
from careen.size.difference import SizeDifference, compare
from careen.size.model import ImageSize
from careen.size.reading import read_layers
from careen.size.reckoning import reckon
from careen.text.units import format_bytes
from careen.text.values import dataclass

_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
_PIECE = 1 << 20
_ASKING = 30.0
_SAVING = 3600.0
"""Seconds; ten gigabytes at the speed of a slow disk."""

_ROOM_BESIDE = 256 << 20
_DAEMONS = {"docker": "docker-cli", "podman": "podman"}
_REGISTRY = "registry"
_ELSEWHERE = "set CAREEN_CACHE to a folder with more room"


class ImageNotFoundError(CareenError):
    """Nothing is there under the name; the hints say where careen looked."""


class NoRoomError(CareenError):
    """Careen's cache cannot take the image while it is looked into."""

    exit_code = ExitCode.MISSING


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRequest:
    """``platform`` chooses from an image of several; the only one there is, otherwise."""

    image: str
    platform: Platform | None = None


@dataclass(frozen=True, slots=True)
class _Opened:
    images: Images
    descriptor: Descriptor


def measure(session: Session, request: SizeRequest) -> ImageSize:
    """Raises ImageNotFoundError, or what a reader of images raises."""
    with _open(session, request.image) as opened:
        descriptor = choose_manifest(opened.images, opened.descriptor, request.platform)
        manifest = read_manifest(opened.images, descriptor)
        read = read_layers(opened.images, manifest, session.progress)
    return reckon(_shown(request.image), manifest, read)


def measure_both(session: Session, before: SizeRequest, after: SizeRequest) -> SizeDifference:
    """Raises what :func:`measure` raises."""
    return compare(measure(session, before), measure(session, after))


def _shown(image: str) -> str:
    """Without the folders above it when the path is absolute: reports hold nothing of the machine they are made on."""
    return image.rpartition("/")[2] if image.startswith("/") else image


@contextmanager
def _open(session: Session, image: str) -> Iterator[_Opened]:
    with ExitStack() as stack:
        scheme, separator, rest = image.partition("://")
        if separator and scheme in _DAEMONS:
            yield stack.enter_context(_saved(session, scheme, rest, _daemon_size(scheme, rest)))
            return
        if separator and scheme == _REGISTRY:
            yield _registered(session, ImageReference.parse(rest))
            return
        found = _on_disk(image)
        if found is not None:
            yield stack.enter_context(_stored(session, *found))
            return
        yield stack.enter_context(_named(session, image))


def _on_disk(image: str) -> tuple[Path, str | None] | None:
    """A path that is there, and what follows it after a colon."""
    if Path(image).exists():
        return Path(image), None
    before, colon, name = image.partition(":")
    while colon:
        if Path(before).exists():
            return Path(before), name
        more, colon, name = name.partition(":")
        before = f"{before}:{more}"
    return None


@contextmanager
def _stored(session: Session, path: Path, name: str | None) -> Iterator[_Opened]:
    if path.is_dir():
        layout = Layout.open(path)
        yield _choose(layout, name, str(path))
        return
    try:
        with path.open("rb") as stream:
            packed = stream.read(4).startswith(_PACKED)
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror}") from error
    if not packed:
        yield _choose(Archive.open(path), name, str(path))
        return
    with _scratch(session) as scratch:
        session.progress(Step("unpacking the archive", 0, None, path.name))
        with path.open("rb") as stream:
            unpacked = LayerStream(stream)
            while data := unpacked.read(_PIECE):
                _write(scratch, data)
        yield _choose(_archive(scratch, str(path)), name, str(path))


def _choose(images: Images, name: str | None, shown: str) -> _Opened:
    names = images.images()
    there = ", ".join(sorted(names)[:12])
    if name is None:
        if len(set(names.values())) == 1:
            return _Opened(images, next(iter(names.values())))
        if not names:
            raise ImageNotFoundError(f"{shown} holds no image")
        raise ImageNotFoundError(
            f"{shown} holds {len(names)} images", hints=(f"name one of them, as in {shown}:{min(names)}: {there}",)
        )
    descriptor = names.get(name) or names.get(f"{name}:latest")
    if descriptor is None:
        raise ImageNotFoundError(f"{shown} holds no image {name}", hints=(f"it holds {there or 'none'}",))
    return _Opened(images, descriptor)


@contextmanager
def _named(session: Session, image: str) -> Iterator[_Opened]:
    """Asks docker, podman and the registry; the first that has it is taken."""
    try:
        reference = ImageReference.parse(image)
    except InvalidReferenceError as error:
        raise ImageNotFoundError(
            f"there is no file or folder {image}, and it is no image's name", hints=error.hints
        ) from error
    reasons = []
    for daemon in _DAEMONS:
        try:
            size = _daemon_size(daemon, image)
        except CareenError as error:
            reasons.append(f"{daemon}: {error.message}")
            continue
        with _saved(session, daemon, image, size) as opened:
            yield opened
        return
    try:
        found = _registered(session, reference)
    except CareenError as error:
        reasons.append(f"registry: {error.message}")
        raise ImageNotFoundError(
            f"nothing has an image {image}: no file or folder, no daemon, no registry", hints=tuple(reasons)
        ) from error
    yield found


def _registered(session: Session, reference: ImageReference) -> _Opened:
    repository = session.registries.repository(reference)
    return _Opened(repository, repository.resolve()[0])


def _daemon_size(daemon: str, image: str) -> int:
    """As it says itself. Raises MissingToolError, or CommandFailedError when it has no such image or does not run."""
    program = find_program(daemon, package=_DAEMONS[daemon])
    told = run_checked([program, "image", "inspect", "--format", "{{.Size}}", "--", image], timeout=_ASKING)
    text = told.stdout.strip()
    return int(text) if text.isdigit() else 0


@contextmanager
def _saved(session: Session, daemon: str, image: str, size: int) -> Iterator[_Opened]:
    """Written to a file without a name, which is gone with this process, however it ends."""
    program = find_program(daemon, package=_DAEMONS[daemon])
    with _scratch(session) as scratch:
        free = shutil.disk_usage(f"/proc/self/fd/{scratch.fileno()}").free
        if free < size + _ROOM_BESIDE:
            raise NoRoomError(
                f"{image} has {format_bytes(size)}, and the disk of careen's cache {format_bytes(free)} left",
                hints=(_ELSEWHERE,),
            )
        session.progress(Step(f"saving the image from {daemon}", 0, None, f"{image}  {format_bytes(size)}"))
        form = ["--format", "docker-archive"] if daemon == "podman" else []
        run_into([program, "image", "save", *form, "--", image], scratch, timeout=_SAVING)
        yield _choose(_archive(scratch, image), None, image)


@contextmanager
def _scratch(session: Session) -> Iterator[BinaryIO]:
    folder = session.surroundings.cache / "scratch"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed by the one who asked
    except OSError as error:
        raise NoRoomError(f"{folder} cannot be written: {error.strerror}", hints=(_ELSEWHERE,)) from error
    with stream:
        yield stream


def _write(stream: BinaryIO, data: bytes) -> None:
    left = memoryview(data)
    try:
        while left:
            left = left[stream.write(left) :]
    except OSError as error:
        raise NoRoomError(f"the archive cannot be unpacked: {error.strerror}", hints=(_ELSEWHERE,)) from error


def _archive(scratch: BinaryIO, shown: str) -> Archive:
    """Opened by its number, since the file has no name."""
    path = Path(f"/proc/self/fd/{scratch.fileno()}")
    try:
        return Archive.open(path)
    except ArchiveError as error:
        raise ArchiveError(error.message.replace(os.fspath(path), shown)) from error
