"""The bill of materials of an image that another builder made: what its own records say is in it (CycloneDX 1.6)."""

from collections.abc import Mapping
from urllib.parse import quote

from careen import __version__
from careen.blobs.digest import Digest
from careen.build.sbom import serial_number
from careen.oci.document import render_document
from careen.plan.target import Plan
from careen.text.values import dataclass

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundBill:
    """Versions by name, of Python's distributions and of Debian's or Alpine's packages."""

    plan: Plan
    reference: str
    digest: Digest
    distributions: Mapping[str, str]
    packages: Mapping[str, str]

    def render(self) -> bytes:
        architecture = self.plan.platform.architecture.value
        name = quote(self.reference.rpartition("/")[2].partition(":")[0].lower(), safe="")
        purl = f"pkg:oci/{name}@{self.digest}?arch={architecture}"
        image: Json = {
            "type": "container",
            "bom-ref": purl,
            "name": self.reference,
            "version": str(self.digest),
            "purl": purl,
            "hashes": [{"alg": "SHA-256", "content": self.digest.hex}],
        }
        suffix = f"?arch={architecture}"
        system = "apk/alpine" if self.plan.base.c_library.is_musl else "deb/debian"
        libraries = [_library(f"pkg:{system}/{{}}@{{}}{suffix}", *item) for item in sorted(self.packages.items())]
        libraries += [_library("pkg:pypi/{}@{}", *item) for item in sorted(self.distributions.items())]
        return render_document(
            {
                "bomFormat": "CycloneDX",
                "specVersion": "1.6",
                "serialNumber": serial_number(self.digest),
                "version": 1,
                "metadata": {
                    "tools": {"components": [{"type": "application", "name": "careen", "version": __version__}]},
                    "component": image,
                },
                "components": libraries,
                "dependencies": [{"ref": purl, "dependsOn": [library["bom-ref"] for library in libraries]}],
            }
        )


def _library(template: str, name: str, version: str) -> Json:
    purl = template.format(quote(name, safe=""), quote(version, safe=""))
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
