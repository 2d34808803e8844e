"""A binary package as a mirror's ``Packages`` index describes it (Debian policy, chapter 5)."""

from careen.blobs.digest import Digest
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryPackage:
    """One .deb, pinned. ``size`` is that of the .deb in bytes; ``installed_bytes`` is the index's estimate.

    ``url`` is where the .deb was offered (mirror plus ``Filename``).
    """

    name: str
    version: str
    architecture: str
    digest: Digest
    size: int
    installed_bytes: int
    url: str
    depends: str = ""
