"""What grew and what shrank between two images, by package and by cause."""

from collections.abc import Iterable, Mapping

from careen.size.model import ImageSize, PackageId, SizedPackage
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """``kind`` is an ecosystem, ``cause`` or ``waste``; sizes are None where one image does not have it at all.

    A package that several versions of are in one image is one; ``versions`` are joined.
    """

    kind: str
    name: str
    before: int | None
    after: int | None
    before_version: str = ""
    after_version: str = ""

    @property
    def grown(self) -> int:
        return (self.after or 0) - (self.before or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeDifference:
    """``changes`` are the packages and causes whose bytes or version differ, plus what is hidden in lower layers;
    their growth sums up to the images' difference. Largest first.
    """

    before: ImageSize
    after: ImageSize
    changes: tuple[Change, ...]

    @property
    def grown(self) -> int:
        return self.after.bytes - self.before.bytes


def compare(before: ImageSize, after: ImageSize) -> SizeDifference:
    old, new = _entries(before), _entries(after)
    changes = []
    for kind, name in sorted(old.keys() | new.keys()):
        was, now = old.get((kind, name)), new.get((kind, name))
        if was != now:
            changes.append(
                Change(
                    kind=kind,
                    name=name,
                    before=was[0] if was is not None else None,
                    after=now[0] if now is not None else None,
                    before_version=was[1] if was is not None else "",
                    after_version=now[1] if now is not None else "",
                )
            )
    return SizeDifference(
        before=before,
        after=after,
        changes=tuple(sorted(changes, key=lambda change: (-abs(change.grown), change.kind, change.name))),
    )


def _entries(image: ImageSize) -> Mapping[tuple[str, str], tuple[int, str]]:
    """Bytes and version by what it is."""
    found: dict[tuple[str, str], tuple[int, str]] = {}
    by_name: dict[tuple[str, str], list[SizedPackage]] = {}
    for item in image.packages:
        if item.files:
            by_name.setdefault((item.package.ecosystem, item.package.name), []).append(item)
    for place, items in by_name.items():
        found[place] = (sum(item.bytes for item in items), _versions(item.package for item in items))
    found.update({("cause", item.cause.value): (item.bytes, "") for item in image.rest})
    if image.hidden_bytes:
        found["waste", "replaced or deleted in higher layers"] = (image.hidden_bytes, "")
    return found


def _versions(packages: Iterable[PackageId]) -> str:
    return ", ".join(sorted(package.version for package in packages))
