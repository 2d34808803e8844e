"""How bases are named: ``debian:RELEASE`` for one that is composed, anything else is an image."""

from careen.plan.target import LAYOUT_PREFIX

_COMPOSED = "debian:"


def names_image(named: str) -> bool:
    return not named.startswith(_COMPOSED)


def is_pinned(named: str | None) -> bool:
    """Whether the name leads to the same bytes for ever, as far as it is an image's."""
    return named is None or not names_image(named) or ("@" in named and not named.startswith(LAYOUT_PREFIX))
