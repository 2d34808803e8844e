"""What the images of a stack will stand on: Debian's packages with a Python of theirs, or an image that is named."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from careen.app.base_lock import BaseArchive, open_archive
from careen.app.base_names import is_pinned, names_image
from careen.app.plan_request import PlanRequest
from careen.app.session import Session
from careen.app.target_python import beyond_debian, environment_on, named_python, python_for, told_where
from careen.app.upon_alpine import alpine_image
from careen.debian.runtime import DebianPython, python_of, release_for
from careen.plan.alpine import ALPINE
from careen.plan.slim import SLIM_RELEASE, described_slim
from careen.plan.target import ImageBase
from careen.python.c_library import OF_RELEASE, CLibrary
from careen.python.environment import TargetEnvironment
from careen.workspace.facts import ImageFacts
from careen.workspace.files import ProjectFiles

_NEWEST_RELEASE = "trixie"


@dataclass(kw_only=True)
class BaseChoice:
    """``named`` is what the user asks for, None where the project's Python decides. ``told_in`` are the files that say
    ``requires_python``. What there is to say of the choice is added to ``notes``.
    """

    session: Session
    request: PlanRequest
    named: str | None
    images: tuple[ImageFacts, ...]
    requires_python: str | None
    files: ProjectFiles
    told_in: tuple[PurePosixPath, ...]
    notes: list[str]

    @cached_property
    def image(self) -> ImageBase | None:
        """What services are put upon where the base is an image; None where it is composed."""
        if self.named is None:
            return self._slim_image()
        if self.named == ALPINE:
            with self._told_where():
                return alpine_image(self.images, self.requires_python, self.notes)
        if not names_image(self.named):
            return None
        from careen.app.image_bases import image_base  # noqa: PLC0415 - few bases are images

        found = image_base(self.session, self.named, self.request.platform, self.requires_python)
        if not is_pinned(self.named):
            self.notes.append(f"{self.named} is {found.manifest} today: what it leads to may change, a digest does not")
        if not found.certificates:
            self.notes.append(f"{self.named} has no certificate authorities: services cannot check whom they talk to")
        return found

    def _slim_image(self) -> ImageBase | None:
        """For a Python that Debian does not carry; None where it does."""
        with self._told_where():
            version = beyond_debian(self.images, self.requires_python)
        if version is None:
            return None
        found = described_slim(version)
        self.notes.append(
            f"Debian carries no Python {version}: planned upon {found.label}, by what is known of it; "
            f"`careen build --base REGISTRY/library/{found.label}` looks at the image itself"
        )
        return found

    @cached_property
    def python(self) -> DebianPython:
        """Of the base that is composed; for an image, of the Debian that today's images are weighed by."""
        if self.image is not None and self.image.described:
            return python_of(SLIM_RELEASE)
        if self.image is not None:
            return release_for(3, self.image.runtime.version.minor) or python_of(_NEWEST_RELEASE)
        with self._told_where():
            if self.named is not None:
                return named_python(self.named, self.requires_python)
            return python_for(self.images, self.requires_python, self.notes)

    @cached_property
    def environment(self) -> TargetEnvironment:
        if self.image is None:
            return environment_on(self.python, self.request.platform)
        return TargetEnvironment(
            python=self.image.runtime.version, platform=self.request.platform, patch=self.image.patch
        )

    @cached_property
    def c_library(self) -> CLibrary:
        return self.image.c_library if self.image is not None else OF_RELEASE[self.python.release]

    def open_archive(self, python: DebianPython) -> BaseArchive:
        """``python`` is the one that was chosen, found before threads ask for it."""
        if self.image is not None:
            today = self.session.archive(python.release, self.request.platform.architecture)
            return BaseArchive(today=today, pinned=today)
        files = self.files if self.request.pinned else None
        return open_archive(self.session, python, self.request.platform.architecture, files)

    def _told_where(self) -> AbstractContextManager[None]:
        return told_where(self.files, self.told_in)
