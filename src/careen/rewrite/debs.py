"""A stage that unpacks Debian packages into folders: libraries for a service, or a whole image to run on.

Packages are unpacked and never installed: no maintainer script runs, and nothing comes along that a package would
only recommend or link to in theory.
"""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from careen.plan.target import NumericUser
from careen.rewrite import rendering
from careen.rewrite.bases import Foundation
from careen.rewrite.build_programs import UNPACK
from careen.rewrite.installing import PROGRAMS

PACKAGES = "packages"
"""The stage."""

IMAGE = PurePosixPath("/foundation")
"""Where the image is in it."""

_LIBRARIES = (
    "Libraries that distributions link to and the base has not: exactly these, without the drivers and desktop parts "
    "that apt-get install would add."
)


def library_folder(service_stage: str) -> PurePosixPath:
    return PurePosixPath("/libraries", service_stage)


def packages_stage(
    foundation: Foundation, version: str, user: NumericUser, libraries: Mapping[tuple[str, ...], PurePosixPath]
) -> str:
    """``libraries`` are packages with the folders that they are unpacked into."""
    reasons, steps = [], ["apt-get update"]
    program = f"{foundation.interpreter.name} {PROGRAMS / UNPACK}"
    if foundation.composed_of:
        reasons.append(
            f"Python {version} from Debian's own packages and nothing else, put together as distroless does it, which "
            "has no image for this version: no shell, no package manager, no maintainer script."
        )
        steps.append(_unpacked(f"{program} --image {user} {IMAGE}", foundation.composed_of))
    if libraries:
        reasons.append(_LIBRARIES)
        steps += [_unpacked(f"{program} {folder}", packages) for packages, folder in libraries.items()]
    return "\n".join((rendering.comment(" ".join(reasons)), f"FROM builder AS {PACKAGES}", rendering.run((), steps)))


def _unpacked(command: str, packages: Iterable[str]) -> str:
    return rendering.words(command, packages)
