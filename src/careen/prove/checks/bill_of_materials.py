"""The bill of materials attached to the image names what is in it: these distributions and packages, and no other."""

import json
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote

from careen.build.sbom import MEDIA_TYPE
from careen.oci.layout import Layout
from careen.prove.evidence import CheckResult, Evidence, judged, skipped
from careen.prove.installed import installed
from careen.prove.rootfs import ImageOnDisk
from careen.prove.subjects import ImageSubject
from careen.size.apk import INSTALLED, installed_packages

SLUG = "bill-of-materials"
_STATUS = "var/lib/dpkg/status.d/"
_ONE_FILE = "var/lib/dpkg/status"
_LARGEST = 1 << 20
_LARGEST_OF_ALL = 64 << 20
_MOST_SHOWN = 10


def check(subject: ImageSubject) -> CheckResult:
    data = Layout.open(subject.image.layout).attachment(subject.image.manifest, MEDIA_TYPE)
    if data is None:
        return skipped(SLUG, "the image has no bill of materials")
    named = dict(_named(data))
    there = {**_distributions(subject.image), **_packages(subject.image)}
    complaints = list(_differences(named, there))
    if len(complaints) > _MOST_SHOWN:
        complaints = [*complaints[:_MOST_SHOWN], f"{len(complaints) - _MOST_SHOWN} more"]
    return judged(SLUG, tuple(complaints), Evidence(summary=f"the {len(named)} that it names, and no other"))


def _differences(named: Mapping[str, str], there: Mapping[str, str]) -> Iterable[str]:
    for what in sorted({*named, *there}):
        if what not in there:
            yield f"{what} {named[what]} is in the bill and not in the image"
        elif what not in named:
            yield f"{what} {there[what]} is in the image and not in the bill"
        elif named[what] != there[what]:
            yield f"{what} is {named[what]} in the bill and {there[what]} in the image"


def _named(data: bytes) -> Iterator[tuple[str, str]]:
    """Versions by kind and name, from the package addresses (purl-spec) of the bill."""
    for component in json.loads(data)["components"]:
        kind, _, rest = str(component.get("purl", "")).removeprefix("pkg:").partition("/")
        path, _, version = rest.partition("?")[0].partition("@")
        if kind in {"pypi", "deb", "apk"}:
            yield f"{kind}:{unquote(path).rpartition('/')[2]}", unquote(version)


def _distributions(image: ImageOnDisk) -> Mapping[str, str]:
    return {f"pypi:{item.name}": item.version for item in installed(image)}


def _packages(image: ImageOnDisk) -> Mapping[str, str]:
    """What scanners read: an entry a package, in the form of dpkg's status file, or apk's record."""
    found = {
        f"apk:{package.name}": package.version
        for place in INSTALLED
        for package in installed_packages(image.read(place, _LARGEST_OF_ALL).decode("utf-8", "replace"))
    }
    for file in image.files:
        one_each = file.path.startswith(_STATUS) and not file.path.endswith(".md5sums")
        if not one_each and file.path != _ONE_FILE:
            continue
        text = image.read(file.path, _LARGEST if one_each else _LARGEST_OF_ALL).decode("utf-8", "replace")
        for paragraph in text.split("\n\n"):
            lines = paragraph.splitlines()
            fields = dict(line.split(": ", 1) for line in lines if ": " in line and not line[0].isspace())
            if "Package" in fields and fields.get("Status", " installed").endswith(" installed"):
                found[f"deb:{fields['Package']}"] = fields.get("Version", "")
    return found
