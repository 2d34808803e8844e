"""An official image of Python, by what is known of every such image, before anybody has fetched it."""

from pathlib import PurePosixPath

from careen.blobs.digest import Digest
from careen.plan.target import ImageBase, PythonRuntime
from careen.python.c_library import CLibrary
from careen.python.names import PythonVersion
from careen.text.values import dataclass

_LAST_PATCH = 9
"""Of a patch release markers ask rarely, and never for one that is not out yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialImage:
    """``bytes`` are those of linux/amd64, within some percent; ``system_version`` is empty where the tag leaves
    it open.
    """

    tag: str
    system: str
    system_version: str
    c_library: CLibrary
    libraries: tuple[str, ...]
    bytes: int

    def described(self, version: PythonVersion) -> ImageBase:
        label = f"python:{version}-{self.tag}"
        home = PurePosixPath("/usr/local")
        return ImageBase(
            label=label,
            source=label,
            manifest=Digest.of(label.encode()),
            system=self.system,
            system_version=self.system_version,
            runtime=PythonRuntime(
                version=version,
                executable=home / f"bin/python{version}",
                site_packages=home / f"lib/python{version}/site-packages",
                scripts=home / "bin",
            ),
            patch=_LAST_PATCH,
            c_library=self.c_library,
            layers=(),
            environment=(("PATH", "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"),),
            certificates="/etc/ssl/certs/ca-certificates.crt",
            libraries=self.libraries,
            installed=(),
            distributions=(),
            bytes=self.bytes,
            described=True,
        )
