"""Bases that are images: found in a registry or in a layout on disk, fetched once, and judged once.

``oci:FOLDER`` names a layout, ``oci:FOLDER:NAME`` an image in it; anything else but ``debian:RELEASE`` is a reference.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from careen.app.answers import Answers
from careen.app.session import Session
from careen.blobs.digest import Descriptor, Digest
from careen.blobs.store import EntryKey, Store
from careen.build.base_reading import BaseName, UnsuitableImageError, read_base
from careen.oci.images import Images, choose_manifest, reachable_from
from careen.oci.layout import Layout, LayoutWriter
from careen.oci.reference import ImageReference
from careen.oci.transfer import pull_image
from careen.plan.record import base_of_record, base_record
from careen.plan.target import LAYOUT_PREFIX, ImageBase
from careen.platforms import Platform
from careen.progress import Step
from careen.python.names import PythonVersion

_FORMAT = 2
_PIECE = 1 << 20


def image_base(session: Session, named: str, platform: Platform, requires_python: str | None) -> ImageBase:
    """What the name leads to now. Raises UnsuitableImageError, and what the registry or the layout raises."""
    session.progress(Step("looking at the base", 0, None, named))
    if named.startswith(LAYOUT_PREFIX):
        layout, top = _in_layout(named)
        digest = choose_manifest(layout, top, platform).digest
        name = BaseName(label=named, source=named)
    else:
        reference = ImageReference.parse(named)
        digest = _resolved(session, named, reference, platform)
        name = BaseName(label=named, source=str(replace(reference, tag=None, digest=digest)))
    question = [_FORMAT, digest.hex, str(platform), requires_python]
    remembered = Answers(session.store / "answers")
    known = base_of_record(remembered.get("image bases", question))
    if known is not None:
        return replace(known, label=name.label, source=name.source)
    held = _held(session, name.source, digest)
    base = read_base(held, held.image(digest.hex), name, platform, _allowed(requires_python))
    remembered.keep("image bases", question, base_record(base))
    return base


def _resolved(session: Session, named: str, reference: ImageReference, platform: Platform) -> Digest:
    """The manifest for the platform; without a network, the one that the name led to the last time."""
    remembered, question = Answers(session.store / "answers"), [_FORMAT, named, str(platform)]
    match remembered.get("image base names", question) if session.surroundings.offline else None:
        case str(known):
            return Digest(known)
    repository = session.registries.repository(reference)
    digest = choose_manifest(repository, repository.resolve()[0], platform).digest
    remembered.keep("image base names", question, digest.hex)
    return digest


def base_finder(session: Session) -> Callable[[ImageBase], Layout]:
    """What the engine asks for the blobs of a base."""
    return lambda base: _held(session, base.source, base.manifest)


def _held(session: Session, source: str, digest: Digest) -> Layout:
    """A layout in the store, where the image is called by the digits of its digest; filled when it is not there."""

    def fill(folder: Path) -> None:
        with LayoutWriter(folder / "layout") as writer:
            if source.startswith(LAYOUT_PREFIX):
                layout, top = _in_layout(source)
                manifest = _with_digest(layout, top, digest)
                _copy(layout, manifest, writer)
            else:
                repository = session.registries.repository(ImageReference.parse(source))
                manifest = pull_image(repository, writer, progress=session.progress)
            writer.finish({digest.hex: manifest})

    tree = Store(session.store).tree(EntryKey("base-image", digest), fill)
    return Layout.open(tree / "layout")


def _copy(images: Images, manifest: Descriptor, writer: LayoutWriter) -> None:
    for found in reachable_from(images, manifest):
        if writer.has(found):
            continue
        with images.open_blob(found) as blob, writer.receive(found) as sink:
            while data := blob.read(_PIECE):
                sink.write(data)


def _in_layout(named: str) -> tuple[Layout, Descriptor]:
    """A folder may have a colon in its name, so the longest that is one counts. Raises UnsuitableImageError."""
    text = named.removeprefix(LAYOUT_PREFIX)
    folder, name = Path(text), None
    if not folder.is_dir() and ":" in text:
        place, _, name = text.rpartition(":")
        folder = Path(place)
    if not folder.is_dir():
        raise UnsuitableImageError(
            f"there is no folder {text}", hints=("oci: is followed by the folder of an OCI layout: oci:images",)
        )
    layout = Layout.open(folder)
    images = layout.images()
    if name is None and len(images) == 1:
        return layout, next(iter(images.values()))
    if name is not None and name in images:
        return layout, images[name]
    raise UnsuitableImageError(
        f"{folder} has {len(images)} images" if name is None else f"{folder} has no image {name}",
        hints=(f"name one of them: {', '.join(f'{LAYOUT_PREFIX}{folder}:{one}' for one in sorted(images)[:5])}",),
    )


def _with_digest(layout: Layout, top: Descriptor, digest: Digest) -> Descriptor:
    """Raises UnsuitableImageError when the layout has changed since."""
    for found in reachable_from(layout, top):
        if found.digest == digest:
            return found
    raise UnsuitableImageError(f"{layout.folder} no longer has the image {digest}")


def _allowed(requires_python: str | None) -> Callable[[PythonVersion], bool]:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - only planning asks

    try:
        wanted = SpecifierSet(requires_python or "")
    except InvalidSpecifier:
        wanted = SpecifierSet("")
    return lambda version: wanted.contains(f"{version}.9")
