"""Which Python a service's image should have: the one that its image has today, when the project allows it."""

import re
from collections.abc import Sequence

from careen.errors import CareenError
from careen.python.names import PythonVersion
from careen.workspace.lifetimes import base_python

_IN_REFERENCE = re.compile(r"python(?:3)?[:-](?:v)?3\.(\d{1,2})|python3\.(\d{1,2})")


class NoPythonError(CareenError):
    """None of the Pythons that careen has a base for suits the project."""


def version_in_image(reference: str) -> PythonVersion | None:
    """The version that an image's name tells: ``python:3.11-slim``, ``uv:python3.12-bookworm``, and distroless, whose
    Python is that of its Debian.
    """
    match = _IN_REFERENCE.search(reference.partition("@")[0])
    if match:
        return PythonVersion(int(match[1] or match[2]))
    known = base_python(reference.partition("@")[0])
    return PythonVersion(known.minor) if known is not None and known.minor is not None else None


def target_python(
    today: Sequence[PythonVersion], requires_python: str | None, offered: Sequence[PythonVersion]
) -> tuple[PythonVersion, str | None]:
    """The version to plan for, and a note when it is another than today's.

    ``today`` are the versions of the stack's images. Raises NoPythonError.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - only planning asks

    try:
        allowed = SpecifierSet(requires_python or "")
    except InvalidSpecifier:
        allowed = SpecifierSet("")
    suitable = [version for version in offered if allowed.contains(f"{version}.9")]
    present = [version for version in today if version in suitable]
    if present:
        return max(present), None
    if not suitable:
        known = ", ".join(str(version) for version in offered)
        raise NoPythonError(
            f"the project wants Python {requires_python}, and there is a base for {known} only",
            hints=("allow one of them in requires-python if the project runs with it; careen scan needs no base",),
        )
    chosen = min(suitable, key=lambda version: (abs(version.minor - max(today).minor) if today else 0, version))
    if not today:
        return chosen, None
    return chosen, f"the images of today have Python {max(today)}; the plan takes {chosen}, which Debian carries"
