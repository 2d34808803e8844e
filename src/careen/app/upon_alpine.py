"""What planning says of Alpine: the image that nobody has looked at, and what services find lacking upon it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from careen.app.target_lock import TargetLock
from careen.app.target_python import python_on_alpine
from careen.plan.alpine import (
    NOTHING_OF_ALPINE,
    AlpineNeeds,
    described_alpine,
    lacking,
    musl_without_packed_relocations,
    needs_of,
    package_of_library,
    without_wheels,
)
from careen.plan.loaded_by_name import programs_started
from careen.plan.target import ImageBase
from careen.python.locked import LockedPackage
from careen.workspace.facts import ImageFacts


def alpine_image(images: Iterable[ImageFacts], requires_python: str | None, notes: list[str]) -> ImageBase:
    """The official one, of the Python that today's images have, where the project allows it."""
    found = described_alpine(python_on_alpine(images, requires_python, notes))
    notes.append(
        f"planned upon {found.label}, by what is known of it: what bytecode and packages of Alpine's weigh is not "
        f"counted; `careen build --base REGISTRY/library/{found.label}` looks at the image itself"
    )
    return found


def alpine_needs(
    base: ImageBase | None, service: str, kept: Sequence[LockedPackage], target: TargetLock, sonames: Iterable[str]
) -> AlpineNeeds:
    """Nothing where the base is another. An image that was looked at gets no packages: the notes tell what it lacks."""
    if base is None or not base.c_library.is_musl:
        return NOTHING_OF_ALPINE
    misfits = without_wheels(kept, target.wheels, target.contents)
    needs = needs_of(base, sonames, programs_started({package.name for package in kept}), misfits)
    if base.described:
        return needs
    old = musl_without_packed_relocations(base)
    if old is not None:
        target.notes.append(
            f"{base.label} has musl {old}, which cannot load libraries with packed relocations, as many wheels hold: "
            "they crash before musl 1.2.4; take Alpine 3.18 or newer"
        )
    for name in lacking(sonames, base.libraries):
        package = package_of_library(name)
        has = f", which Alpine's {package} has" if package is not None else ""
        target.notes.append(f"{service}: {base.label} has no {name}{has}, and careen adds no packages to an image")
    return replace(needs, unfit=misfits)
