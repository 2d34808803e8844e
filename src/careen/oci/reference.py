"""Image references as docker reads them (distribution's reference grammar)::

    python                      the default registry's library/python:latest
    team/app:1.2                the default registry's team/app
    localhost:5000/app@sha256:…
    gcr.io/distroless/python3-debian13:nonroot

A first part with a dot, a colon or a capital letter, or ``localhost``, is the registry. Which host stands behind
the default registry is configuration, and not known here.
"""

import re

from careen.blobs.digest import Digest, InvalidDigestError
from careen.errors import CareenError
from careen.text.values import dataclass

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?")
_LONGEST_NAME = 255
_OFFICIAL = "library/"


class InvalidReferenceError(CareenError):
    """The text names no image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReference:
    """``registry`` is ``host`` or ``host:port``, or empty for the default one, where ``repository`` is complete
    (``library/python``). ``tag`` is None when the text has none.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> "ImageReference":
        """Raises InvalidReferenceError."""
        rest, at, digest_text = text.partition("@")
        digest = None
        if at:
            try:
                digest = Digest.parse(digest_text)
            except InvalidDigestError as error:
                raise InvalidReferenceError(f"{text[:120]!r} names no image: {error.message}") from error
        first, slash, below = rest.partition("/")
        registry = ""
        if slash and (first == "localhost" or set(first) & set(".:[") or first != first.lower()):
            registry, rest = first, below
        name, colon, tag = rest.partition(":")
        whole = f"{registry}/{name}" if registry else name
        if not _REPOSITORY.fullmatch(name) or len(whole) > _LONGEST_NAME:
            hints = ("repositories are written in small letters",) if name != name.lower() else ()
            raise InvalidReferenceError(f"{text[:120]!r} names no image", hints=hints)
        if registry and not _REGISTRY.fullmatch(registry):
            raise InvalidReferenceError(f"{text[:120]!r} names no image: {registry[:80]!r} is no host")
        if colon and not _TAG.fullmatch(tag):
            raise InvalidReferenceError(f"{text[:120]!r} names no image: {tag[:80]!r} is no tag")
        if not registry and "/" not in name:
            name = _OFFICIAL + name
        return cls(registry=registry, repository=name, tag=tag or None, digest=digest)

    @property
    def name(self) -> str:
        """Without tag and digest, as people write it."""
        if self.registry:
            return f"{self.registry}/{self.repository}"
        return self.repository.removeprefix(_OFFICIAL)

    @property
    def selector(self) -> str:
        """What a registry is asked for: the digest, else the tag, else ``latest``."""
        return str(self.digest) if self.digest is not None else self.tag or "latest"

    @property
    def tagged(self) -> str:
        """With a tag in any case, without digest: what an image is called on a host."""
        return f"{self.name}:{self.tag or 'latest'}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        digest = f"@{self.digest}" if self.digest is not None else ""
        return f"{self.name}{tag}{digest}"
