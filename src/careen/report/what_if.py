"""What a "what if" changes: for people, as a comment on a pull request, and as ``what_if`` of ``careen.plan/1``.

{"before": "debian:bookworm, linux/amd64", "after": "debian:trixie, linux/amd64", "unique_bytes_before": 461230445,
 "unique_bytes_after": 465100000, "services": [{"name": "api", "bytes_before", "bytes_after", "gained",
 "gone": [{"name", "version", "bytes", "why"}], "new": [...], "unknown": [...]}]}
"""

from collections.abc import Iterable, Iterator

from careen.app.alpine import AlpineEstimate, AlpineService
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
            }
            for service in sorted(found.services, key=lambda service: service.name)
        ],
    }


def _item(item: PlannedDistribution) -> Json:
    return {"name": item.name, "version": item.version, "bytes": item.installed_bytes, "why": list(item.reasons)}


def alpine_document(found: AlpineEstimate) -> Json:
    return {
        "estimate": True,
        "base": found.base,
        "base_bytes": found.base_bytes,
        "base_bytes_from": found.source,
        "services": [
            {
                "name": service.name,
                "bytes_before": service.bytes_before,
                "bytes_after": service.bytes,
                "without_wheel": list(service.without_wheel),
                "unread": list(service.unread),
            }
            for service in sorted(found.services, key=lambda service: service.name)
        ],
    }


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


def alpine_lines(found: AlpineEstimate) -> Iterator[str]:
    """Plain lines; readable without colour."""
    weight = "a weight that nobody knows" if found.base_bytes is None else f"about {format_bytes(found.base_bytes)}"
    yield f"on {found.base} ({weight}: {found.source}); an estimate, without what Alpine packages must bring"
    width = max((len(service.name) for service in found.services), default=0)
    for service in found.services:
        before, after = _size(service.bytes_before), _size(service.bytes)
        gain = ""
        if service.bytes is not None and service.bytes_before is not None:
            gain = _signed(service.bytes - service.bytes_before)
        yield f"{service.name:{width}}  {before:>9} -> {after:>9}  {gain}".rstrip()
        yield from (f"{'':{width}}  {text}" for text in _lacking(service))


def what_if_markdown(lines: Iterable[str]) -> str:
    return "\n".join(["### careen: what if", "", "```text", *lines, "```", ""]) + "\n"


def _lacking(service: AlpineService) -> Iterator[str]:
    if service.without_wheel:
        yield f"no wheel for musl, to be compiled: {', '.join(service.without_wheel)}"
    if service.unread:
        yield f"the index did not tell of: {', '.join(service.unread)}"


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


def _size(count: int | None) -> str:
    return "?" if count is None else format_bytes(count)


def _gain(service: ServiceDifference) -> str:
    return "" if service.gained is None else _signed(service.gained)


def _signed(gained: int) -> str:
    if not gained:
        return "the same"
    return f"{'+' if gained > 0 else '-'}{format_bytes(abs(gained))}"
