"""What the gate says to people: on a terminal, as annotations, and as a comment on a pull request."""

from collections.abc import Iterator

from careen.app.gating import Cause, GateResult, ServiceGate
from careen.report.scan_github import annotation
from careen.text.units import format_bytes

_MOST_CHANGES = 5
_MOST_BROUGHT = 3


def gate_text(result: GateResult) -> str:
    """Plain lines; readable without colour."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: GateResult) -> Iterator[str]:
    width = max((len(service.name) for service in result.services), default=0)
    for service in result.services:
        verdict = {True: "ok  ", False: "over", None: "?   "}[service.passes]
        size = "size unknown" if service.bytes is None else format_bytes(service.bytes)
        growth = _growth(service)
        yield (
            f"{verdict}  {service.name:{width}}  {size:>9} of {format_bytes(service.budget_bytes)} "
            f"({result.measured}{growth})"
        )
        if service.passes is False:
            yield from (f"        {text}" for text in _blame(service, result))
    for finding in result.findings:
        yield f"{finding.severity.value}: {finding.place.path}:{finding.place.line}: {finding.message} [{finding.rule}]"
    yield ""
    yield "within all limits" if result.passes else _summary(result)


def _summary(result: GateResult) -> str:
    over = [service.name for service in result.services if service.passes is False]
    parts = [f"over budget: {', '.join(over)}"] if over else []
    if result.findings:
        count = len(result.findings)
        parts.append(f"{count} finding{'s' if count != 1 else ''} of severity {result.fail_on} or more")
    return "; ".join(parts)


def _growth(service: ServiceGate) -> str:
    if service.bytes_before is None or service.bytes is None or service.bytes == service.bytes_before:
        return ""
    grown = service.bytes - service.bytes_before
    return f", {'+' if grown > 0 else '-'}{format_bytes(abs(grown))}"


def _blame(service: ServiceGate, result: GateResult) -> Iterator[str]:
    """The changes of the lock that made it grow, and what weighs most where those are not all of it."""
    causes = service.causes
    for cause in causes[:_MOST_CHANGES]:
        yield _told(cause, result)
    if len(causes) > _MOST_CHANGES:
        yield f"and {len(causes) - _MOST_CHANGES} smaller changes"
    was_over = service.bytes_before is not None and service.bytes_before > service.budget_bytes
    if service.passes is False and (not causes or was_over):
        if causes and service.bytes_before is not None:
            yield f"with the lock of {result.against} it is {format_bytes(service.bytes_before)} already:"
        changed = {change.name for change in service.changes}
        for item in service.heaviest:
            if item.name not in changed:
                weight = "size unknown" if item.installed_bytes is None else format_bytes(item.installed_bytes)
                yield f"{item.name} {item.version}: {weight}, {item.reasons[0] if item.reasons else 'kept'}"


def _told(cause: Cause, result: GateResult) -> str:
    change = cause.change
    what = (
        f"{change.name} {change.before} is gone"
        if change.after is None
        else f"{change.name} {change.after} is new"
        if change.before is None
        else f"{change.name} {change.before} -> {change.after}"
    )
    is_known = change.bytes is not None or cause.bytes
    weight = f", {'+' if cause.bytes >= 0 else '-'}{format_bytes(abs(cause.bytes))}" if is_known else ""
    if cause.brought:
        names = [f"{item.name} ({_signed(item.bytes)})" for item in cause.brought[:_MOST_BROUGHT]]
        more = len(cause.brought) - len(names)
        weight += f" with {', '.join(names)}{f' and {more} more' if more else ''}"
    place = f" ({result.lock}:{change.line})" if change.line is not None else ""
    return f"{what}{weight}, {change.reason}{place}"


def _signed(count: int | None) -> str:
    return "size unknown" if count is None else f"{'+' if count >= 0 else '-'}{format_bytes(abs(count))}"


def gate_github(result: GateResult) -> str:
    """Workflow commands of GitHub Actions, one for each broken limit, then the plain lines."""
    lines = []
    for service in result.services:
        if service.passes is False:
            guilty = service.guilty
            line = guilty.line if guilty is not None and guilty.line is not None else 1
            blame = "; ".join(_blame(service, result))
            text = f"{service.name} is over its budget: {format_bytes(service.bytes or 0)} of "
            text += f"{format_bytes(service.budget_bytes)}. {blame}"
            lines.append(annotation("error", str(result.lock), line, "careen gate", text))
    for finding in result.findings:
        place = finding.place
        lines.append(annotation("error", str(place.path), place.line, finding.rule, finding.message))
    return "\n".join([*lines, *_lines(result)]) + "\n"


def gate_markdown(result: GateResult) -> str:
    """A comment for a pull request."""
    head = "within all limits" if result.passes else _summary(result)
    lines = [f"### careen: {head}", "", "| | service | size | budget | change |", "| --- | --- | ---: | ---: | ---: |"]
    for service in result.services:
        mark = {True: "✅", False: "❌", None: "❔"}[service.passes]
        size = "?" if service.bytes is None else format_bytes(service.bytes)
        change = _growth(service).removeprefix(", ") or ("±0" if service.bytes_before is not None else "")
        lines.append(f"| {mark} | {service.name} | {size} | {format_bytes(service.budget_bytes)} | {change} |")
    for service in result.services:
        if service.passes is False or service.changes:
            told = [f"- {text}" for text in _blame(service, result)]
            lines += ["", f"**{service.name}**", "", *told]
    if result.findings:
        lines += ["", "| severity | where | what |", "| --- | --- | --- |"]
        lines += [
            f"| {finding.severity.value} | `{finding.place.path}:{finding.place.line}` | "
            f"{finding.message.replace('|', chr(92) + '|')} |"
            for finding in result.findings
        ]
    against = f", compared with {result.against}" if result.against else ""
    lines += ["", f"<sub>sizes {result.measured}{against}; nothing was built for this</sub>"]
    if result.measured == "built":
        lines[-1] = f"<sub>sizes of the built images{against}</sub>"
    return "\n".join(lines) + "\n"
