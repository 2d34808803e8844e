"""What the user may choose about a rewriting."""

from enum import StrEnum

from careen.text.values import dataclass

UV_VERSION = "0.13.8"
"""The uv of emitted Dockerfiles when nothing tells which one the project uses."""


class Runtime(StrEnum):
    """The image that services run on.

    ``SLIM`` is the official slim image. ``DISTROLESS`` has no shell and no package manager: distroless's own for
    Python 3.13, for others an image of the same Debian packages that the Dockerfile itself puts together. ``ALPINE`` is
    the official image upon Alpine, for plans that were made for it.
    """

    SLIM = "slim"
    DISTROLESS = "distroless"
    ALPINE = "alpine"


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteOptions:
    """``accept`` takes the refusals that would stop a recast; ``debug_targets`` adds a target with a shell per service.

    ``runtime`` is None when careen chooses. ``bake`` and ``workflow`` ask for the files of those names. ``lists`` has
    images install pinned lists, and leaves the project's own files alone, where uv could lock groups.
    ``unimported`` are modules that no service imports, with a slash behind whole folders: of distributions relative to
    the site folder, of the standard library by their path; None when nobody knows: a list that is there stays then.
    """

    runtime: Runtime | None = None
    uv_version: str = UV_VERSION
    accept: bool = False
    debug_targets: bool = False
    bake: bool = False
    workflow: bool = False
    lists: bool = False
    unimported: tuple[str, ...] | None = None
