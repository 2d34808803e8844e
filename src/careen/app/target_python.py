"""The Debian release whose Python a stack gets, and the machine that markers and wheels are judged for."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath

from careen.debian.runtime import DebianPython, python_of, release_for
from careen.dockerfile.stages import ImageBase
from careen.errors import CareenError
from careen.plan.python_version import NoPythonError, target_python, version_in_image
from careen.plan.slim import SLIM_MINORS
from careen.platforms import Platform
from careen.python.environment import TargetEnvironment
from careen.python.names import PythonVersion
from careen.text.source import Source
from careen.workspace.facts import ImageFacts
from careen.workspace.files import ProjectFiles

_OFFERED = (PythonVersion(11), PythonVersion(13))
_PATCH: Mapping[str, int] = {"bookworm": 2, "trixie": 5}
"""The last number of each release's Python."""


_ASKS_FOR_PYTHON = re.compile(r"""^\s*"?(?:requires-python|python|python_(?:full_)?version)"?\s*[=:]""", re.MULTILINE)
"""In pyproject.toml, poetry's tables, Pipfile and locks."""


class UnsuitableBaseError(CareenError):
    """The base that was named, or needed, is not one that careen can plan on."""


def python_for(images: Iterable[ImageFacts], requires_python: str | None, notes: list[str]) -> DebianPython:
    """The one that today's images run, where Debian and the project allow it; ``notes`` tell of any other.

    Raises UnsuitableBaseError, or what no Python satisfies.
    """
    version, note = target_python(_today(images), requires_python, _OFFERED)
    if note is not None:
        notes.append(note)
    found = release_for(3, version.minor)
    if found is None:
        raise UnsuitableBaseError(f"Debian carries no Python {version}")
    return found


def beyond_debian(images: Iterable[ImageFacts], requires_python: str | None) -> PythonVersion | None:
    """The Python that the project wants where Debian carries none that it allows: that of today's images, or else the
    oldest. None where Debian has one.

    Raises what no Python satisfies.
    """
    today = _today(images)
    try:
        target_python(today, requires_python, _OFFERED)
    except NoPythonError:
        version, _ = target_python(today, requires_python, [PythonVersion(minor) for minor in SLIM_MINORS])
        return version
    return None


def python_on_alpine(images: Iterable[ImageFacts], requires_python: str | None, notes: list[str]) -> PythonVersion:
    """The one of today's images, or else the one that Debian would give: there are images of all upon Alpine.

    Raises what no Python satisfies.
    """
    today = _today(images)
    if not today:
        try:
            return target_python(today, requires_python, _OFFERED)[0]
        except NoPythonError:
            pass
    version, note = target_python(today, requires_python, [PythonVersion(minor) for minor in SLIM_MINORS])
    if note is not None:
        notes.append(note.partition(", which")[0])
    return version


@contextmanager
def told_where(files: ProjectFiles, paths: Iterable[PurePosixPath]) -> Iterator[None]:
    """A NoPythonError from within names the line of the first of the files that asks for a Python."""
    try:
        yield
    except NoPythonError as error:
        for path in dict.fromkeys(paths):
            text = files.text_or_none(path)
            match = _ASKS_FOR_PYTHON.search(text or "")
            if text is not None and match is not None:
                start = match.end() - len(match[0].lstrip())
                place = f"{path}:{Source(path, text).line_of(start)}"
                raise NoPythonError(f"{place}: {error.message}", hints=error.hints) from error
        raise


def _today(images: Iterable[ImageFacts]) -> list[PythonVersion]:
    references = [image.base.reference or image.base.written for image in images if isinstance(image.base, ImageBase)]
    return [version for reference in references if (version := version_in_image(reference)) is not None]


def named_python(named: str, requires_python: str | None) -> DebianPython:
    """The Python of ``debian:<release>``. Raises UnsuitableBaseError, or UnknownReleaseError."""
    kind, _, release = named.partition(":")
    if kind != "debian":
        raise UnsuitableBaseError(
            f"careen plans on bases that it composes from Debian packages, and {named} is none",
            hints=("name debian:bookworm (Python 3.11), debian:trixie (Python 3.13), or an image for build and prove",),
        )
    python = python_of(release)
    target_python([], requires_python, (PythonVersion(python.version[1]),))
    return python


def environment_on(python: DebianPython, platform: Platform) -> TargetEnvironment:
    return TargetEnvironment(python=PythonVersion(python.version[1]), platform=platform, patch=_PATCH[python.release])
