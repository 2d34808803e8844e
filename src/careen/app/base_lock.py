"""The archive that bases are composed from: as it is today, and as careen.lock pins it."""

from typing import TYPE_CHECKING

from careen.app.session import Session
from careen.debian.pins import LOCK_NAME, Pin, read_pins
from careen.debian.resolve import exactly
from careen.debian.runtime import DebianPython
from careen.errors import CareenError
from careen.platforms import Architecture
from careen.text.values import dataclass
from careen.workspace.files import ProjectFiles

if TYPE_CHECKING:
    from careen.debian.mirror import Archive


class PinnedPackageGoneError(CareenError):
    """A package of careen.lock cannot be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseArchive:
    """``today`` is what apt would install from now, ``pinned`` what images are made of."""

    today: "Archive"
    pinned: "Archive"


def pins_of(files: ProjectFiles) -> tuple[Pin, ...]:
    """Those of the folder's careen.lock; none when there is no such file.

    Raises UnreadableFileError or InvalidPinsError.
    """
    return read_pins(files.read(LOCK_NAME)) if files.exists(LOCK_NAME) else ()


def open_archive(
    session: Session, python: DebianPython, architecture: Architecture, files: ProjectFiles | None
) -> BaseArchive:
    """With the packages of the Python's base at hand; ``files`` are where careen.lock may lie, None to pass it over.

    Raises PinnedPackageGoneError, InvalidPinsError, and what the mirror raises.
    """
    pins = pins_of(files) if files is not None else ()
    today = session.archive(python.release, architecture)
    pinned = today.pinned_to(pins) if pins else today
    packages = exactly(python.packages, pinned.catalogue)
    try:
        session.mirror.debs(packages)
    except CareenError as error:
        newer = {name for name, package in pinned.catalogue.pinned.items() if today.catalogue.newest(name) != package}
        if not newer:
            raise
        raise PinnedPackageGoneError(
            f"a package that {LOCK_NAME} pins cannot be had: {error.message}",
            hints=(
                "a mirror drops what a newer version replaced: `careen refresh --write` takes that",
                "or have apt's configuration name a mirror that keeps old versions",
                *error.hints,
            ),
        ) from error
    return BaseArchive(today=today, pinned=pinned)
