"""What a plan is asked for with; apart from the planning, which takes long to load."""

from pathlib import Path, PurePosixPath

from careen.plan.epoch import DEFAULT_EPOCH
from careen.platforms import Platform
from careen.text.values import dataclass


@dataclass(frozen=True, kw_only=True)
class PlanRequest:
    """``fetch_wheels`` reads the wheels themselves, which tells the native libraries they need.

    What if: ``without`` names distributions that no service shall have, ``base`` another base (``debian:trixie``,
    ``alpine``, or an image's reference or ``oci:FOLDER``, as :mod:`careen.app.image_bases` reads them),
    ``lock_text`` what the lock shall say. Without ``pinned``, the newest Debian packages count, whatever careen.lock
    says.
    """

    root: Path
    compose_files: tuple[PurePosixPath, ...] = ()
    platform: Platform
    fetch_wheels: bool = False
    source_date_epoch: int = DEFAULT_EPOCH
    without: tuple[str, ...] = ()
    base: str | None = None
    lock_text: str | None = None
    pinned: bool = True
