"""Requirements as text: ``celery[redis]>=5.4; python_version < "3.13"`` (dependency specifiers, PEP 508)."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from careen.python.locked import LockedDependency
from careen.python.markers import Junction, Marker, MarkerError, Variable, parse_marker
from careen.python.names import InvalidNameError, PackageName, package_name
from careen.text.values import dataclass

_REQUIREMENT = re.compile(
    r"\s*(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?:\[(?P<extras>[^\]]*)\])?\s*(?P<rest>.*)", re.DOTALL
)
_LARGEST_METADATA = 8 << 20
_ALWAYS = "os_name != ''"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """``specifier`` is the text between the name and the marker; ``url`` that of a direct reference."""

    name: PackageName
    extras: tuple[str, ...]
    specifier: str
    url: str | None
    marker: str | None

    @property
    def exact_version(self) -> str | None:
        """The version of ``name==1.2`` and ``name===1.2``; None for anything looser."""
        match = re.fullmatch(r"\(?\s*={2,3}\s*([^\s,*)]+)\s*\)?", self.specifier)
        return match[1] if match else None


def parse_requirement(text: str) -> Requirement | None:
    """None for text that is no requirement."""
    match = _REQUIREMENT.fullmatch(text)
    if match is None:
        return None
    try:
        name = package_name(match["name"])
    except InvalidNameError:
        return None
    extras = tuple(extra.strip() for extra in (match["extras"] or "").split(",") if extra.strip())
    rest = match["rest"].strip()
    url = None
    if rest.startswith("@"):
        url, _, marker = rest[1:].strip().partition(" ;")
        url, rest = url.strip(), ""
    else:
        rest, _, marker = rest.partition(";")
    return Requirement(name=name, extras=extras, specifier=rest.strip(), url=url, marker=marker.strip() or None)


def metadata_of(wheel: Path) -> str | None:
    """The text of a wheel's METADATA; None for a file that has none. Raises OSError."""
    import zipfile  # noqa: PLC0415 - few wheels are opened for it

    try:
        with zipfile.ZipFile(wheel) as archive:
            for item in archive.infolist():
                if item.filename.endswith(".dist-info/METADATA") and item.filename.count("/") == 1:
                    with archive.open(item) as stream:
                        return stream.read(_LARGEST_METADATA).decode("utf-8", "replace")
    except zipfile.BadZipFile:
        return None
    return None


def requirements_in(metadata: str) -> tuple[str, ...]:
    """The ``Requires-Dist`` fields of a METADATA file (core metadata), as they are written."""
    headers = metadata.partition("\n\n")[0].replace("\r\n", "\n")
    return tuple(match[1].strip() for match in re.finditer(r"^Requires-Dist:[ \t]*(.+)$", headers, re.MULTILINE))


def dependencies_of(
    requires: Iterable[str],
) -> tuple[tuple[LockedDependency, ...], Mapping[str, tuple[LockedDependency, ...]]]:
    """A distribution's plain dependencies, and those of each of its extras; what cannot be read is passed over."""
    plain: list[LockedDependency] = []
    extras: dict[str, list[LockedDependency]] = {}
    for text in requires:
        requirement = parse_requirement(text)
        if requirement is None:
            continue
        edge = LockedDependency(name=requirement.name, extras=requirement.extras, marker=requirement.marker)
        named = _extras_in(requirement.marker)
        if not named:
            plain.append(edge)
        for extra in named:
            # Asked for with the extra, so that the marker's other conditions are all that is left to decide.
            extras.setdefault(extra, []).append(
                LockedDependency(name=edge.name, extras=edge.extras, marker=without_extra(requirement.marker or ""))
            )
    return tuple(plain), {extra: tuple(edges) for extra, edges in extras.items()}


def _extras_in(marker: str | None) -> tuple[str, ...]:
    if marker is None or "extra" not in marker:
        return ()
    try:
        parsed = parse_marker(marker)
    except MarkerError:
        return ()
    return tuple(dict.fromkeys(_named_extras(parsed)))


def _named_extras(marker: Marker) -> Iterable[str]:
    if isinstance(marker, Junction):
        return (extra for part in marker.parts for extra in _named_extras(part))
    sides = (marker.left, marker.right)
    if any(isinstance(side, Variable) and side.name == "extra" for side in sides):
        return (side for side in sides if isinstance(side, str))
    return ()


def without_extra(marker: str) -> str | None:
    """The marker with its question for the extra answered by what always holds: ``a and extra == 'x'`` is ``a``."""
    text = re.sub(r"""extra\s*==\s*(["'])[^"']*\1""", _ALWAYS, marker)
    return None if text.strip() == _ALWAYS else text
