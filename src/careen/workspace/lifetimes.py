"""Which bases are no longer looked after, and which patch releases others have left behind.

Facts as of this release of careen, from the projects' own calendars: Python's developer guide ("Status of Python
versions"), Debian's and Ubuntu's distro-info data with Debian's long term support counted, Alpine's and CentOS's
release pages, distroless's README.
"""

import re

from careen.text.values import dataclass

_ENDED_PYTHON = {
    "2": "January 2020", "3.3": "September 2017", "3.4": "March 2019", "3.5": "September 2020", "3.6": "December 2021",
    "3.7": "June 2023", "3.8": "October 2024", "3.9": "October 2025", "3.10": "October 2026",
}  # fmt: skip
_NEWEST_PATCH = {9: 25, 10: 22, 11: 18, 12: 16, 13: 18, 14: 10, 15: 2}
"""By minor version of Python 3."""
_ENDED_DEBIAN = {
    "wheezy": "May 2018", "jessie": "June 2020", "stretch": "June 2022", "buster": "June 2024",
    "bullseye": "August 2026",
}  # fmt: skip
_DEBIAN_NUMBERS = {"7": "wheezy", "8": "jessie", "9": "stretch", "10": "buster", "11": "bullseye"}
_ENDED_UBUNTU = {
    "14.04": "April 2019", "16.04": "April 2021", "18.04": "May 2023", "20.04": "May 2025", "trusty": "April 2019",
    "xenial": "April 2021", "bionic": "May 2023", "focal": "May 2025",
}  # fmt: skip
_INTERIM_UBUNTU = re.compile(r"(?:ubuntu[:-]?)?(?P<year>1\d|2[0-5])\.(?P<month>04|10)(?![\d.])")
"""Releases between the long supported ones, of nine months each; the last of them ended in July 2026."""
_PYTHON_IN_TAG = re.compile(r"(?:^|[-_])(?:python|py)-?3\.(?P<minor>\d+)(?![\d])")
_ENDED_ALPINE = 21
"""Alpine 3.21 and everything before it; it ended in November 2026."""
_ENDED_DISTROLESS = {"debian10": "2022", "debian11": "2024", "debian12": "May 2026"}

_FAMILY = re.compile(r"(?:.*/)?(?P<name>[\w.-]+)(?::(?P<tag>[\w.-]+))?")
_PYTHON_TAG = re.compile(r"(?P<major>[23])(?:\.(?P<minor>\d+))?(?:\.(?P<patch>\d+))?(?![\d.])")
_UV_TAG = re.compile(r".*python(?P<major>[23])\.(?P<minor>\d+)(?![\d.])")


@dataclass(frozen=True, slots=True)
class BasePython:
    """The interpreter of a base image: the folder it lies in, and its minor version where the name tells it."""

    folder: str
    minor: int | None


def base_python(reference: str) -> BasePython | None:
    """None for a base that has no Python of its own, or that careen does not know."""
    name, tag = _split(reference)
    if name == "python" or name.startswith("python-"):
        match = _PYTHON_TAG.match(tag)
        return BasePython("/usr/local/bin", int(match["minor"]) if match and match["minor"] else None)
    if name == "uv" and (match := _UV_TAG.match(tag)):
        return BasePython("/usr/local/bin", int(match["minor"]))
    if "distroless" in reference and name.startswith("python3"):
        release = name.rpartition("-")[2]
        return BasePython("/usr/bin", {"debian11": 9, "debian12": 11, "debian13": 13}.get(release))
    return None


def system_python(reference: str) -> BasePython | None:
    """What the distribution's own package ``python3`` brings on a base."""
    name, tag = _split(reference)
    by_release = {
        "bullseye": 9, "bookworm": 11, "trixie": 13, "11": 9, "12": 11, "13": 13,
        "20.04": 8, "22.04": 10, "24.04": 12, "focal": 8, "jammy": 10, "noble": 12,
    }  # fmt: skip
    if name in {"debian", "ubuntu"} or "ubuntu" in tag:
        release = re.search(r"\d\d\.04|bullseye|bookworm|trixie|focal|jammy|noble|^1[123]", tag)
        return BasePython("/usr/bin", by_release.get(release[0]) if release else None)
    return BasePython("/usr/bin", None) if name == "alpine" else None


def end_of_life(reference: str) -> str | None:
    """Why a base gets no more fixes, as a clause; None when it does, or when careen does not know it."""
    name, tag = _split(reference)
    if "distroless" in reference:
        release = name.rpartition("-")[2]
        ended = _ENDED_DISTROLESS.get(release)
        if release == "debian12" and not name.startswith("python3"):
            return None
        return None if ended is None else f"distroless has published nothing for {release} since {ended}"
    if name in {"python", "pypy"}:
        match = _PYTHON_TAG.match(tag)
        if match is not None:
            version = "2" if match["major"] == "2" else f"3.{match['minor']}"
            if version in _ENDED_PYTHON:
                return f"Python {version} has had no fixes since {_ENDED_PYTHON[version]}"
    if name == "uv" and (match := _UV_TAG.match(tag)) and f"3.{match['minor']}" in _ENDED_PYTHON:
        version = f"3.{match['minor']}"
        return f"Python {version} has had no fixes since {_ENDED_PYTHON[version]}"
    words = tag.split("-")
    codename = next((word for word in words if word in _ENDED_DEBIAN), None)
    if name == "debian" and codename is None:
        codename = _DEBIAN_NUMBERS.get(words[0].partition(".")[0])
    if codename is not None:
        return f"Debian {codename} has had no fixes since {_ENDED_DEBIAN[codename]}"
    ubuntu = next(
        (known for known in _ENDED_UBUNTU if f"ubuntu{known}" in tag or (name == "ubuntu" and tag.startswith(known))),
        None,
    )
    if ubuntu is not None:
        return f"Ubuntu {ubuntu} has had no fixes since {_ENDED_UBUNTU[ubuntu]}"
    interim = _INTERIM_UBUNTU.match(tag) if name == "ubuntu" else None
    if interim is not None and (interim["month"] == "10" or int(interim["year"]) % 2):
        return f"Ubuntu {interim['year']}.{interim['month']} was looked after for nine months"
    named = _PYTHON_IN_TAG.search(tag)
    if named is not None and f"3.{named['minor']}" in _ENDED_PYTHON:
        version = f"3.{named['minor']}"
        return f"Python {version} has had no fixes since {_ENDED_PYTHON[version]}"
    alpine = re.search(r"alpine-?3\.(\d+)", f"{name}{tag}" if name == "alpine" else tag)
    if alpine is not None and int(alpine[1]) <= _ENDED_ALPINE:
        return f"Alpine 3.{alpine[1]} gets no more fixes"
    if name == "centos" and words[0] in {"", "6", "7", "8", "centos7", "centos8", "latest", "stream8"}:
        return "CentOS has had no fixes since June 2024"
    return None


def patches_behind(reference: str) -> tuple[str, str] | None:
    """The pinned patch release and the newest one of its series, when the pin misses fixes."""
    name, tag = _split(reference)
    match = _PYTHON_TAG.match(tag) if name == "python" else None
    if match is None or match["major"] != "3" or match["patch"] is None:
        return None
    newest = _NEWEST_PATCH.get(int(match["minor"]))
    if newest is None or int(match["patch"]) >= newest:
        return None
    return f"3.{match['minor']}.{match['patch']}", f"3.{match['minor']}.{newest}"


def _split(reference: str) -> tuple[str, str]:
    """The last part of the name, and the tag; a digest is left out."""
    match = _FAMILY.fullmatch(reference.partition("@")[0].lower())
    return (match["name"], match["tag"] or "") if match is not None else ("", "")
