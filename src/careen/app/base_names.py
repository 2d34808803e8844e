"""How bases are named: ``debian:RELEASE`` for one that is composed, ``alpine`` for the official image of the project's
Python upon Alpine, by what is known of it; anything else is an image.
"""

from careen.plan.alpine import ALPINE
from careen.plan.target import LAYOUT_PREFIX

_COMPOSED = "debian:"


def names_image(named: str) -> bool:
    return named != ALPINE and not named.startswith(_COMPOSED)


def is_pinned(named: str | None) -> bool:
    """Whether the name leads to the same bytes for ever, as far as it is an image's."""
    return named is None or not names_image(named) or ("@" in named and not named.startswith(LAYOUT_PREFIX))
