"""What is newer, for people: plain lines, readable without colour, and the same as a comment on a pull request."""

from collections.abc import Iterator

from careen.app.refreshing import BaseRefresh, ImageRefresh, PackageChange, Refresh
from careen.text.units import format_bytes

_MOST_UNPINNED = 5
_SHORT = len("sha256:") + 12


def refresh_lines(found: Refresh, *, written: bool = False) -> Iterator[str]:
    for base in found.bases:
        yield from _base(base)
    for image in found.images:
        if image.problem is not None or image.before is not None or image.after is not None:
            yield _image(image)
    unpinned = sorted(
        {image.name for image in found.images if image.before is None and image.after is None and not image.problem}
    )
    if unpinned:
        more = f" and {len(unpinned) - _MOST_UNPINNED} more" if len(unpinned) > _MOST_UNPINNED else ""
        yield f"not pinned by a digest: {', '.join(unpinned[:_MOST_UNPINNED])}{more} (--pin does)"
    names = ", ".join(str(change.path) for change in found.changes)
    if not names:
        yield "all that is pinned is the newest there is"
    else:
        yield f"changed: {names}" if written else f"--write changes {names}"


def refresh_markdown(found: Refresh, *, written: bool = False) -> str:
    return "\n".join(["### careen: what is newer", "", "```text", *refresh_lines(found, written=written), "```", ""])


def _base(base: BaseRefresh) -> Iterator[str]:
    place = f"{base.label}, {base.platform}"
    if not base.pinned:
        yield f"{place}: no package is pinned yet; {len(base.changes)} would be"
        return
    if not base.changes:
        yield f"{place}: all {base.pinned} packages are the newest"
        return
    yield f"{place}: {len(base.changes)} packages differ from those that are pinned"
    width = max(len(change.name) for change in base.changes)
    for change in base.changes:
        yield f"  {change.name:{width}}  {_versions(change)}"
    for service in base.weights.services if base.weights is not None else ():
        if service.bytes_before is not None and service.bytes_after is not None:
            before, after = format_bytes(service.bytes_before), format_bytes(service.bytes_after)
            yield f"  {service.name:{width}}  {before} -> {after}"


def _versions(change: PackageChange) -> str:
    if change.before is None:
        return f"new: {change.after} ({format_bytes(change.bytes_after)}, {change.suite})"
    if change.after is None:
        return f"{change.before} goes ({format_bytes(change.bytes_before)})"
    gained = change.bytes_after - change.bytes_before
    weight = f", {'+' if gained > 0 else '-'}{format_bytes(abs(gained))}" if gained else ""
    return f"{change.before} -> {change.after} ({change.suite}{weight})"


def _image(image: ImageRefresh) -> str:
    place = f"{image.path}:{image.line}: {image.name}"
    if image.problem is not None:
        told = image.problem.removeprefix(image.name)
        return f"{place}{told}" if told != image.problem else f"{place}: not known: {image.problem}"
    if image.is_current:
        return f"{place}: is the newest"
    before = str(image.before)[:_SHORT] if image.before is not None else "no digest"
    weight = ""
    if image.bytes_after is not None:
        known = f"{format_bytes(image.bytes_before)} -> " if image.bytes_before is not None else ""
        weight = f" ({known}{format_bytes(image.bytes_after)} to pull)"
    return f"{place}: {before} -> {str(image.after)[:_SHORT]}{weight}"
