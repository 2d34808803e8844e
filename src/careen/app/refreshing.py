"""The verb ``refresh``: what is newer than what the set-up pins, what it weighs, and the change that takes it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from careen.app.base_lock import PinnedPackageGoneError, pins_of
from careen.app.plan_request import PlanRequest
from careen.app.planning import plan_stack
from careen.app.remembering import plan_of
from careen.app.session import Session
from careen.app.target_python import UnsuitableBaseError
from careen.blobs.digest import Digest
from careen.debian.packages import BinaryPackage
from careen.debian.pins import LOCK_NAME, Pin, render_pins
from careen.errors import CareenError
from careen.findings import FixKind
from careen.oci.images import choose_manifest, read_manifest
from careen.oci.reference import ImageReference
from careen.plan.difference import PlanDifference, difference
from careen.plan.target import ImageBase, Plan
from careen.platforms import Platform
from careen.progress import Step
from careen.rewrite.apply import apply_changes
from careen.rewrite.patchset import FileChange, effective
from careen.text.edits import Edit, apply_edits
from careen.text.source import Source
from careen.text.values import dataclass
from careen.workspace.discover import discover
from careen.workspace.facts import StackFacts, derive
from careen.workspace.files import ProjectFiles
from careen.workspace.image_references import NamedImage, images_named


@dataclass(frozen=True, kw_only=True)
class RefreshRequest:
    """``plan`` is asked once for each of ``platforms``; ``pin`` gives images that no digest pins the one of today."""

    plan: PlanRequest
    platforms: tuple[Platform, ...]
    pin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageChange:
    """A Debian package of the base: ``before`` is None for one that was not pinned, ``after`` for one that goes.

    Bytes are as the index has them installed. ``suite`` tells where the newer one is offered.
    """

    name: str
    before: str | None
    after: str | None
    bytes_before: int
    bytes_after: int
    suite: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRefresh:
    """``pinned`` counts the packages that are pinned today. ``weights`` compares the services on both; None when the
    packages that are pinned cannot be had any more, or none are.
    """

    label: str
    platform: Platform
    pinned: int
    changes: tuple[PackageChange, ...]
    weights: PlanDifference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRefresh:
    """An image that the set-up names; ``after`` is the digest that its registry gives the tag now.

    Bytes are those of the compressed layers. ``problem`` is why the registry did not tell.
    """

    path: PurePosixPath
    line: int
    name: str
    before: Digest | None
    after: Digest | None
    bytes_before: int | None = None
    bytes_after: int | None = None
    problem: str | None = None

    @property
    def is_current(self) -> bool:
        return self.before == self.after or self.after is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    root: Path
    bases: tuple[BaseRefresh, ...]
    images: tuple[ImageRefresh, ...]
    changes: tuple[FileChange, ...]

    @property
    def is_current(self) -> bool:
        return not self.changes


def refresh(session: Session, request: RefreshRequest) -> Refresh:
    """Raises what planning and the mirror raise, and InvalidPinsError. What a registry does not tell is told of."""
    root = request.plan.root
    facts = derive(discover(root, compose_files=request.plan.compose_files))
    files = facts.workspace.files
    known = pins_of(files)
    bases, pins = [], list[Pin]()
    for platform in request.platforms:
        refreshed, taken = _base(session, replace(request.plan, platform=platform), known)
        bases.append(refreshed)
        pins += taken
    images, edited = _images(session, facts, request)
    changes = [_lock_change(files, known, pins), *edited]
    return Refresh(root=root, bases=tuple(bases), images=images, changes=tuple(effective(changes)))


def take(found: Refresh) -> tuple[PurePosixPath, ...]:
    """Makes the changes, all or none; gives the paths. Raises CannotApplyError."""
    return apply_changes(found.root, found.changes)


def _base(session: Session, request: PlanRequest, known: Sequence[Pin]) -> tuple[BaseRefresh, list[Pin]]:
    newest = plan_stack(session, replace(request, pinned=False)).plan
    if isinstance(newest.base, ImageBase):
        raise UnsuitableBaseError(
            f"{newest.base.label} is an image that others make, of which careen pins no packages",
            hints=("pin it by its digest in the configuration",),
        )
    architecture = request.platform.architecture
    archive = session.archive(newest.base.release, architecture)
    wanted = {package.name: package for package in _packages_of(newest)}
    taken = [archive.pin(wanted[name]) for name in sorted(wanted)]
    before = {
        pin.package.name: pin
        for pin in known
        if (pin.release, pin.architecture) == (newest.base.release, architecture.debian)
    }
    weights = None
    if before:
        try:
            weights = difference(plan_of(session, request), newest)
        except PinnedPackageGoneError:
            weights = None  # the packages are compared by what the lock says of them
    refreshed = BaseRefresh(
        label=newest.base.label,
        platform=request.platform,
        pinned=len(before),
        changes=tuple(_package_changes(before, {pin.package.name: pin for pin in taken})),
        weights=weights,
    )
    return refreshed, taken


def _packages_of(plan: Plan) -> Iterator[BinaryPackage]:
    yield from plan.base.packages
    for layer in plan.system_layers:
        yield from layer.packages


def _package_changes(before: dict[str, Pin], after: dict[str, Pin]) -> Iterator[PackageChange]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is not None and new is not None and old.package.digest == new.package.digest:
            continue
        yield PackageChange(
            name=name,
            before=old.package.version if old is not None else None,
            after=new.package.version if new is not None else None,
            bytes_before=old.package.installed_bytes if old is not None else 0,
            bytes_after=new.package.installed_bytes if new is not None else 0,
            suite=new.suite if new is not None else None,
        )


def _lock_change(files: ProjectFiles, known: Iterable[Pin], taken: Sequence[Pin]) -> FileChange:
    """What was pinned for other platforms stays; what was pinned of another release goes with it."""
    releases = {pin.release for pin in taken}
    replaced = {(pin.release, pin.architecture) for pin in taken}
    kept = [pin for pin in known if pin.release in releases and (pin.release, pin.architecture) not in replaced]
    before = files.read(LOCK_NAME).text if files.exists(LOCK_NAME) else None
    return FileChange(path=LOCK_NAME, before=before, after=render_pins([*kept, *taken]), disposition=FixKind.SAFE)


def _images(
    session: Session, facts: StackFacts, request: RefreshRequest
) -> tuple[tuple[ImageRefresh, ...], list[FileChange]]:
    found: list[ImageRefresh] = []
    edits: dict[PurePosixPath, tuple[Source, list[Edit]]] = {}
    named = images_named(facts)
    for number, image in enumerate(named):
        if not image.pinned and not request.pin:
            found.append(_unasked(image))
            continue
        session.progress(Step("asking registries", number, len(named), image.written))
        refreshed = _asked(session, image, request.platforms[0])
        found.append(refreshed)
        if not refreshed.is_current:
            replacement = f"{image.written.partition('@')[0]}@{refreshed.after}"
            edits.setdefault(image.source.path, (image.source, []))[1].append(Edit(image.span, replacement))
    changes = [
        FileChange(path=path, before=source.text, after=apply_edits(source, made).text, disposition=FixKind.SAFE)
        for path, (source, made) in edits.items()
    ]
    return tuple(found), changes


def _unasked(image: NamedImage) -> ImageRefresh:
    return ImageRefresh(path=image.source.path, line=image.line, name=image.written, before=None, after=None)


def _asked(session: Session, image: NamedImage, platform: Platform) -> ImageRefresh:
    name = image.written.partition("@")[0]
    shown = replace(_unasked(image), name=name)
    try:
        reference = ImageReference.parse(image.written)
        newest = session.registries.repository(replace(reference, digest=None)).resolve()[0].digest
        asked = replace(shown, before=reference.digest, after=newest)
        if asked.is_current:
            return asked
        return replace(
            asked,
            bytes_before=_compressed(session, reference, platform) if reference.digest is not None else None,
            bytes_after=_compressed(session, replace(reference, digest=newest), platform),
        )
    except CareenError as error:
        return replace(shown, before=_digest(image.written), problem=error.message)


def _digest(written: str) -> Digest | None:
    _, at, text = written.partition("@")
    return Digest.parse(text) if at else None


def _compressed(session: Session, reference: ImageReference, platform: Platform) -> int | None:
    """None when the registry has forgotten it, or has it not for the platform."""
    try:
        repository = session.registries.repository(reference)
        manifest = read_manifest(repository, choose_manifest(repository, repository.resolve()[0], platform))
    except CareenError:
        return None
    return sum(layer.size for layer in manifest.layers)
