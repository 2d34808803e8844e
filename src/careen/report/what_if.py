"""What a "what if" changes: for people, as a comment on a pull request, and as ``what_if`` of ``careen.plan/1``.

{"before": "debian:bookworm, linux/amd64", "after": "debian:trixie, linux/amd64", "unique_bytes_before": 461230445,
 "unique_bytes_after": 465100000, "services": [{"name": "api", "bytes_before", "bytes_after", "gained",
 "gone": [{"name", "version", "bytes", "why"}], "new": [...], "unknown": [...], "alpine_packages": [],
 "unfit": []}]}
"""

from collections.abc import Iterable, Iterator

from careen.plan.difference import PlanDifference, ServiceDifference
from careen.plan.target import PlannedDistribution
from careen.text.units import format_bytes

Json = dict[str, object]
_MOST_NAMED = 5


def difference_document(found: PlanDifference) -> Json:
    return {
        "before": found.before,
        "after": found.after,
        "unique_bytes_before": found.unique_bytes_before,
        "unique_bytes_after": found.unique_bytes_after,
        "services": [
            {
                "name": service.name,
                "bytes_before": service.bytes_before,
                "bytes_after": service.bytes_after,
                "gained": service.gained,
                "gone": [_item(item) for item in service.gone],
                "new": [_item(item) for item in service.new],
                "unknown": [_item(item) for item in service.unknown],
                "alpine_packages": list(service.alpine_packages),
                "unfit": list(service.unfit),
            }
            for service in sorted(found.services, key=lambda service: service.name)
        ],
    }


def _item(item: PlannedDistribution) -> Json:
    return {"name": item.name, "version": item.version, "bytes": item.installed_bytes, "why": list(item.reasons)}


def difference_lines(found: PlanDifference) -> Iterator[str]:
    """Plain lines; readable without colour."""
    if found.before != found.after:
        yield f"{found.before} -> {found.after}"
    width = max((len(service.name) for service in found.services), default=0)
    for service in found.services:
        before, after = _size(service.bytes_before), _size(service.bytes_after)
        yield f"{service.name:{width}}  {before:>9} -> {after:>9}  {_gain(service)}".rstrip()
        yield from (f"{'':{width}}  {text}" for text in _told(service))
    if found.unique_bytes_before is not None and found.unique_bytes_after is not None:
        gained = found.unique_bytes_after - found.unique_bytes_before
        yield (
            f"on a host, every layer once: {format_bytes(found.unique_bytes_before)} -> "
            f"{format_bytes(found.unique_bytes_after)} ({_signed(gained)})"
        )


def what_if_markdown(lines: Iterable[str]) -> str:
    return "\n".join(["### careen: what if", "", "```text", *lines, "```", ""]) + "\n"


def _told(service: ServiceDifference) -> Iterator[str]:
    for item in service.gone[:_MOST_NAMED]:
        reason = item.reasons[0] if item.reasons else "kept"
        yield f"without {item.name} {item.version} ({_size(item.installed_bytes)}), which was kept: {reason}"
    for item in service.new[:_MOST_NAMED]:
        yield f"with {item.name} {item.version} ({_size(item.installed_bytes)})"
    more = max(0, len(service.gone) - _MOST_NAMED) + max(0, len(service.new) - _MOST_NAMED)
    if more:
        yield f"and {more} more"
    if service.unknown:
        names = ", ".join(f"{item.name} {item.version}" for item in service.unknown)
        yield f"not known and not counted: {names}"
    if service.alpine_packages:
        yield f"with packages of Alpine's, not counted: {', '.join(service.alpine_packages)}"
    yield from (f"not to be had there: {sentence}" for sentence in service.unfit)


def _size(count: int | None) -> str:
    return "?" if count is None else format_bytes(count)


def _gain(service: ServiceDifference) -> str:
    return "" if service.gained is None else _signed(service.gained)


def _signed(gained: int) -> str:
    if not gained:
        return "the same"
    return f"{'+' if gained > 0 else '-'}{format_bytes(abs(gained))}"
