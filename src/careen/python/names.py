"""Names and versions of Python, parsed once."""

import re
from functools import lru_cache
from typing import NewType

from careen.errors import CareenError
from careen.text.values import dataclass

PackageName = NewType("PackageName", str)
"""A distribution's name in its normal form (PEP 503); made by :func:`package_name` only."""

_SEPARATORS = re.compile(r"[-_.]+")
_PYTHON_VERSION = re.compile(r"3\.(\d{1,2})")


class InvalidNameError(CareenError):
    """Not a name or version that Python packaging knows."""


def normal_name(text: str) -> str:
    """The form in which names of distributions, extras and groups are compared (PEP 503, PEP 685, PEP 735)."""
    return _SEPARATORS.sub("-", text).lower()


@lru_cache(maxsize=4096)
def package_name(text: str) -> PackageName:
    """Raises InvalidNameError for text that no distribution may be called (core metadata, ``Name``)."""
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", text):
        raise InvalidNameError(f"not the name of a distribution: {text[:80]!r}")
    return PackageName(normal_name(text))


@dataclass(frozen=True, slots=True, order=True)
class PythonVersion:
    """A minor version of CPython 3; its text form is ``3.11``."""

    minor: int

    @classmethod
    def parse(cls, text: str) -> "PythonVersion":
        """Reads ``3.11`` and ``3.11.2``; raises InvalidNameError."""
        match = _PYTHON_VERSION.match(text.strip())
        if match is None:
            raise InvalidNameError(f"not a version of Python 3: {text[:40]!r}")
        return cls(int(match[1]))

    def __str__(self) -> str:
        return f"3.{self.minor}"

    @property
    def tag(self) -> str:
        """The interpreter tag of wheels, ``cp311``."""
        return f"cp3{self.minor}"
