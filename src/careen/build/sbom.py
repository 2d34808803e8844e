"""The bill of materials of an image (CycloneDX 1.6, JSON): what is in it, by name, version, digest and licence.

It says nothing about when or where it was made, so the same image has the same bill::

    {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": "urn:uuid:…", "version": 1,
     "metadata": {"component": {"type": "container", "name": "shelf_api", "version": "sha256:…", …}, …},
     "components": [{"type": "library", "bom-ref": "pkg:pypi/celery@5.4.0", "name": "celery", …}, …],
     "dependencies": [{"ref": "pkg:oci/…", "dependsOn": […]}]}
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote, urlsplit

from careen import __version__
from careen.blobs.digest import Descriptor, Digest
from careen.build.licences import Licence
from careen.debian.packages import BinaryPackage
from careen.oci.document import render_document
from careen.plan.target import DebianBase, ImageBase, Plan, PlannedDistribution, ServicePlan, UnbuiltSource, WheelSource
from careen.text.values import dataclass

MEDIA_TYPE = "application/vnd.cyclonedx+json"

_SPECIFICATION = "1.6"
_VERSION_OF_RELEASE: Mapping[str, str] = {"bookworm": "12", "trixie": "13"}
# A repository on the disk of whoever builds is nobody's address but theirs.
_GIT = re.compile(r"@\s*(?!(?:git\+)?file:)(?:git\+)?(?P<url>[a-z+]+://[^?#]+)[^#]*#(?P<commit>[0-9a-f]{40,64})")

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBill:
    """What a bill is made from. ``licences`` are by the digest of a wheel, or by the name of a Debian package of which
    trimming has left something in the image.

    ``digests`` tell the wheels of distributions that were built here from those of others.
    """

    plan: Plan
    service: ServicePlan
    reference: str
    manifest: Descriptor
    application_version: str
    application_layer: Digest
    licences: Mapping[str, Licence]
    digests: Mapping[str, Digest]

    def render(self) -> bytes:
        image = self._image()
        application = self._application()
        system = self._system()
        libraries = [self._library(item) for item in sorted(self.service.distributions, key=lambda item: item.name)]
        base = self.plan.base
        release = base.release if isinstance(base, DebianBase) else ""
        packages = [*self._of_base(), *(self._package(item, release) for item in self._packages())]
        return render_document(
            {
                "bomFormat": "CycloneDX",
                "specVersion": _SPECIFICATION,
                "serialNumber": serial_number(self.manifest.digest),
                "version": 1,
                "metadata": {
                    "tools": {"components": [{"type": "application", "name": "careen", "version": __version__}]},
                    "component": image,
                },
                "components": [application, system, *packages, *libraries],
                "dependencies": [
                    {"ref": image["bom-ref"], "dependsOn": [application["bom-ref"], system["bom-ref"]]},
                    _depends(application, libraries),
                    _depends(system, packages),
                ],
            }
        )

    def _image(self) -> Json:
        name = self.reference.rpartition("/")[2].partition("@")[0].partition(":")[0].lower()
        architecture = self.plan.platform.architecture.value
        purl = f"pkg:oci/{_quoted(name)}@{self.manifest.digest}?arch={architecture}"
        return {
            "type": "container",
            "bom-ref": purl,
            "name": self.reference,
            "version": str(self.manifest.digest),
            "purl": purl,
            "hashes": _hashes(self.manifest.digest),
        }

    def _application(self) -> Json:
        found: Json = {
            "type": "application",
            "bom-ref": f"application:{self.service.name}",
            "name": self.service.name,
            "group": self.plan.stack,
            "properties": [{"name": "careen:layer", "value": str(self.application_layer)}],
        }
        return {**found, "version": self.application_version} if self.application_version else found

    def _system(self) -> Json:
        base = self.plan.base
        if isinstance(base, ImageBase):
            return {
                "type": "operating-system",
                "bom-ref": f"operating-system:{base.system}-{base.system_version}",
                "name": base.system or "linux",
                "version": base.system_version,
                "description": f"{base.label} ({base.manifest}), as it is",
            }
        version = _VERSION_OF_RELEASE[base.release]
        return {
            "type": "operating-system",
            "bom-ref": f"operating-system:debian-{version}",
            "name": "debian",
            "version": version,
            "description": f"Debian {version} ({base.release}), the packages below without what is not used",
        }

    def _packages(self) -> Sequence[BinaryPackage]:
        layers = self.plan.system_layers_of(self.service.name)
        found = [*self.plan.base.packages, *(package for layer in layers for package in layer.packages)]
        there = {package.name: package for package in found if package.name in self.licences}
        return sorted(there.values(), key=lambda package: package.name)

    def _of_base(self) -> Iterator[Json]:
        """What an image under this one says of itself."""
        base = self.plan.base
        if not isinstance(base, ImageBase):
            return
        distro = f"{base.system}-{base.system_version}"
        for package in sorted(base.installed, key=lambda item: (item.name, item.architecture)):
            named = f"{_quoted(package.name)}@{_quoted(package.version)}"
            where = f"{package.kind}/{_quoted(base.system or 'linux')}"
            purl = f"pkg:{where}/{named}?arch={package.architecture}&distro={distro}"
            yield {
                "type": "library",
                "bom-ref": purl,
                "name": package.name,
                "version": package.version,
                "purl": purl,
            }
        hidden = {item.name for layer in self.plan.distribution_layers for item in layer.distributions}
        for item in sorted(base.distributions, key=lambda item: item.name):
            if item.paths and item.name in hidden:
                continue  # another version takes its place, be it in a neighbour's image
            purl = f"pkg:pypi/{_quoted(item.name)}@{_quoted(item.version)}"
            yield {"type": "library", "bom-ref": purl, "name": item.name, "version": item.version, "purl": purl}

    def _package(self, package: BinaryPackage, release: str) -> Json:
        distro = f"debian-{_VERSION_OF_RELEASE[release]}"
        purl = (
            f"pkg:deb/debian/{_quoted(package.name)}@{_quoted(package.version)}"
            f"?arch={package.architecture}&distro={distro}"
        )
        found: Json = {
            "type": "library",
            "bom-ref": purl,
            "name": package.name,
            "version": package.version,
            "purl": purl,
            "hashes": _hashes(package.digest),
        }
        return {**found, **_licences(self.licences.get(package.name))}

    def _library(self, item: PlannedDistribution) -> Json:
        purl = f"pkg:pypi/{_quoted(item.name)}@{_quoted(item.version)}"
        found: Json = {"type": "library", "name": item.name, "version": item.version}
        references = list(_external_references(item))
        if isinstance(item.source, WheelSource):
            found["hashes"] = _hashes(item.source.digest)
        else:
            commit = _GIT.search(item.source.requirement)
            if item.source.digest is None and commit is not None:
                place = f"git+{_public(commit['url'])}@{commit['commit']}"
                purl += f"?vcs_url={quote(place, safe=':/')}"
        if references:
            found["externalReferences"] = references
        found |= {"bom-ref": purl, "purl": purl}
        digest = self.digests.get(item.name)
        return {**found, **_licences(self.licences.get(digest.hex) if digest is not None else None)}


def _external_references(item: PlannedDistribution) -> Iterator[Json]:
    source = item.source
    if isinstance(source, UnbuiltSource) and source.digest is None:
        commit = _GIT.search(source.requirement)
        if commit is not None:
            yield {"type": "vcs", "url": _public(commit["url"]), "comment": f"commit {commit['commit']}"}
        return
    if source.url is None or not source.url.startswith(("http://", "https://")) or source.digest is None:
        return
    kind = "distribution" if isinstance(source, WheelSource) else "source-distribution"
    yield {"type": kind, "url": _public(source.url), "hashes": _hashes(source.digest)}


def _depends(component: Json, on: Sequence[Json]) -> Json:
    return {"ref": component["bom-ref"], "dependsOn": sorted(str(item["bom-ref"]) for item in on)}


def _licences(licence: Licence | None) -> Json:
    if licence is None:
        return {}
    if licence.expression:
        return {"licenses": [{"expression": licence.expression}]}
    return {"licenses": [{"license": {"name": name}} for name in licence.names]} if licence.names else {}


def _hashes(digest: Digest) -> list[Json]:
    return [{"alg": "SHA-256", "content": digest.hex}]


def serial_number(digest: Digest) -> str:
    """A name-based UUID of the free form (RFC 9562, version 8)."""
    text = Digest.of(f"careen bill of materials {digest}".encode()).hex
    return f"urn:uuid:{text[:8]}-{text[8:12]}-8{text[13:16]}-a{text[17:20]}-{text[20:32]}"


def _quoted(text: str) -> str:
    """A part of a package URL, in which a colon stays."""
    return quote(text, safe=":")


def _public(url: str) -> str:
    """The address without whoever asks, and without what is asked beyond the path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
