"""Findings for a person at a terminal: the place, the guilty lines, what it costs, whether careen can fix it."""

import itertools
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

from careen.app.scanning import ScanResult
from careen.findings import Confidence, Finding, FixKind, Place, Severity, Topic
from careen.report.weights import weigh
from careen.text.source import Source
from careen.text.units import format_bytes
from careen.text.values import dataclass

_MOST_LINES = 3
_WIDEST_LINE = 110
_COLOURS = {Severity.HIGH: "31;1", Severity.MEDIUM: "33;1", Severity.LOW: "36;1"}
_FIXES = {FixKind.SAFE: "repairable", FixKind.REVIEW: "repair to review"}


@dataclass(frozen=True, slots=True)
class _Pen:
    colour: bool

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text


def render(result: ScanResult, *, colour: bool, shown_root: PurePosixPath) -> str:
    """``shown_root`` stands in front of every path, so that a terminal can open them."""
    pen = _Pen(colour)
    blocks = [
        "\n".join(_block(result, place, list(findings), pen, shown_root))
        for place, findings in itertools.groupby(result.findings, key=lambda finding: finding.place)
    ]
    blocks += [
        f"{pen.paint(f'{shown_root / item.path}:{item.line}', '1')}\n"
        f"  {pen.paint('not read', '31;1')}  {_safe(item.message)}"
        for item in result.unreadable
    ]
    blocks.append("\n".join(_summary(result, pen)))
    return "\n\n".join(blocks) + "\n"


def _block(
    result: ScanResult, place: Place, findings: list[Finding], pen: _Pen, shown_root: PurePosixPath
) -> Iterator[str]:
    """The lines once, then everything that is said of them, the worst first."""
    findings.sort(key=lambda finding: (-finding.severity.rank, finding.rule))
    yield pen.paint(f"{shown_root / place.path}:{place.line}", "1")
    text = result.text(place.path)
    if text is not None:
        yield from _excerpt(Source(place.path, text), findings[0], pen)
    for finding in findings:
        weight = f", {pen.paint(format_bytes(finding.bytes), '1')}" if finding.bytes else ""
        remarks = [] if finding.confidence is Confidence.CERTAIN else [finding.confidence.value]
        remarks += [] if finding.fix is None else [_FIXES[finding.fix]]
        more = pen.paint(f" ({', '.join(remarks)})", "2") if remarks else ""
        severity = pen.paint(f"{finding.severity.value:6}", _COLOURS[finding.severity])
        yield f"  {severity}  {finding.rule}{weight}: {_safe(finding.message)}{more}"


def _excerpt(source: Source, finding: Finding, pen: _Pen) -> Iterator[str]:
    place = finding.place
    last = min(place.end_line, source.line_count)
    shown = range(place.line, min(last, place.line + _MOST_LINES - 1) + 1)
    width = len(str(shown[-1])) if shown else 1
    margin = pen.paint(f"{'':{width}} |", "34")
    for line in shown:
        span = source.line_span(line)
        text = source.slice(span).removeprefix("\ufeff")
        first, end = _guilty(text, line, finding)
        if finding.topic is Topic.SECRET_IN_IMAGE and place.column:
            text = text[:first] + "*" * (end - first) + text[end:]
        text, first, end = _cut(text, first, end)
        before, guilty = _laid_out(text[:first]), _laid_out(text[first:end])
        yield f"  {pen.paint(f'{line:>{width}} |', '34')} {before}{guilty}{_laid_out(text[end:])}".rstrip()
        if end > first:
            mark = " " * _columns(before) + "^" * max(1, _columns(guilty))
            yield f"  {margin} {pen.paint(mark, _COLOURS[finding.severity])}"
    if shown and last > shown[-1]:
        yield f"  {margin} ... to line {last}"


def _guilty(text: str, line: int, finding: Finding) -> tuple[int, int]:
    """Offsets of the underlined part: from the first to the last column of the place, blanks at the ends left out."""
    place = finding.place
    first = place.column - 1 if place.column and line == place.line else 0
    end = place.end_column - 1 if place.end_column and line == place.end_line else len(text)
    part = text[first:end]
    return first + len(part) - len(part.lstrip()), max(first, first + len(part.rstrip()))


def _cut(text: str, first: int, end: int) -> tuple[str, int, int]:
    if len(text) <= _WIDEST_LINE:
        return text, first, end
    start = max(0, min(first, len(text)) - _WIDEST_LINE // 2) if first > _WIDEST_LINE - 20 else 0
    piece = text[start : start + _WIDEST_LINE]
    front = "..." if start else ""
    back = "..." if start + _WIDEST_LINE < len(text) else ""
    first = max(0, first - start) + len(front)
    end = max(first, min(end - start, len(piece)) + len(front))
    return front + piece + back, first, end


def _laid_out(text: str) -> str:
    return _safe(text.replace("\t", "    "))


def _safe(text: str) -> str:
    """A file must not be able to write to the terminal's own controls."""
    return "".join(char if char.isprintable() or char == " " else "\ufffd" for char in text)


def _columns(text: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def summary(result: ScanResult) -> tuple[str, ...]:
    """Plain lines, the bytes first."""
    return tuple(_summary(result, _Pen(colour=False)))


def _summary(result: ScanResult, pen: _Pen) -> Iterator[str]:
    findings = result.findings
    weights = weigh(findings)
    shares = ", ".join(f"{topic.value} {format_bytes(count)}" for topic, count in weights.by_topic[:4])
    saved = []
    if weights.image_bytes:
        saved.append(f"{format_bytes(weights.image_bytes)} in images")
    if weights.context_bytes:
        saved.append(f"{format_bytes(weights.context_bytes)} in build contexts")
    if saved:
        yield f"{pen.paint(' and '.join(saved), '1')} at least can go: {shares}"
    if findings:
        severities = Counter(finding.severity for finding in findings)
        counts = ", ".join(f"{severities[level]} {level.value}" for level in Severity if severities[level])
        files = len({finding.place.path for finding in findings})
        yield f"{_counted(len(findings), 'finding')} ({counts}) in {_counted(files, 'file')}"
        fixes = Counter(finding.fix for finding in findings)
        repairs = [f"careen fix repairs {fixes[FixKind.SAFE]}"] if fixes[FixKind.SAFE] else []
        if fixes[FixKind.REVIEW]:
            repairs.append(f"careen fix --unsafe proposes a repair to look over for {fixes[FixKind.REVIEW]}")
        if repairs:
            yield "; ".join(repairs)
    else:
        yield pen.paint("nothing found", "32;1")
    services = len(result.services)
    built = sum(service.is_built for service in result.services)
    images = sum(len(stack.images) for stack in result.stacks)
    known = sum(item.from_baseline for item in result.silenced)
    reasoned = len(result.silenced) - known
    silenced = f"; {reasoned} silenced with a reason" if reasoned else ""
    silenced += f"; {known} known from the baseline" if known else ""
    unread = f"; {len(result.unreadable)} not read" if result.unreadable else ""
    yield pen.paint(
        f"{_counted(services, 'service')}, {built} built here from {_counted(images, 'image')}{silenced}{unread}",
        "2",
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
