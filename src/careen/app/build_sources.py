"""Where the engine finds what a plan names: the wiring of its sources."""

from collections.abc import Iterable
from pathlib import Path

from careen.app.session import Session
from careen.app.uv import uv_program
from careen.blobs.store import Store
from careen.build.engine import BuildSources
from careen.debian.packages import BinaryPackage
from careen.oci.layout import Layout
from careen.plan.target import ImageBase
from careen.python.locked import LockedFile
from careen.text.values import dataclass


def build_sources(session: Session, root: Path) -> BuildSources:
    """``root`` is the folder of the project that is planned."""
    return BuildSources(
        root=root,
        packages=_Wheels(session),
        debs=lambda packages: _debs(session, packages),
        store=Store(session.store),
        uv=uv_program(),
        environment=session.surroundings.environment,
        find_base=lambda base: _find_base(session, base),
    )


@dataclass(frozen=True)
class _Wheels:
    """A build that finds every segment asks for no wheel, and loads no client of any index."""

    session: Session

    def wheel(self, file: LockedFile, /) -> Path:
        return self.session.packages.wheel(file)


def _debs(session: Session, packages: Iterable[BinaryPackage]) -> tuple[tuple[BinaryPackage, Path], ...]:
    return session.mirror.debs(packages)


def _find_base(session: Session, base: ImageBase) -> Layout:
    from careen.app.image_bases import base_finder  # noqa: PLC0415 - few bases are images

    return base_finder(session)(base)
