"""Findings for a person at a terminal: the place, the guilty lines, what it costs, whether careen can fix it."""

import itertools
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from careen.app.scanning import ScanResult
from careen.findings import Confidence, Finding, FixKind, Place, Severity, Topic
from careen.report.weights import weigh
from careen.text.source import Source
from careen.text.units import counted, format_bytes
from careen.text.values import dataclass

_MOST_LINES = 3
_WIDEST_LINE = 110
_INDENT = 10
_MOST_LIKEWISE = 3
_TOLD_SHARE = 1000
"""A part of all bytes that is smaller than one of so many is not worth a word."""
_COLOURS = {Severity.HIGH: "31;1", Severity.MEDIUM: "33;1", Severity.LOW: "36;1"}
_FIXES = {FixKind.SAFE: "repairable", FixKind.REVIEW: "repair to review"}


@dataclass(frozen=True, slots=True)
class _Pen:
    colour: bool
    width: int | None = None

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text and code else text

    def folded(self, words: Iterable[tuple[str, str]]) -> str:
        """Words with their colours, in lines of the terminal's width behind an indent."""
        lines: list[list[str]] = [[]]
        room = max(20, self.width - _INDENT) if self.width is not None else 0
        used = 0
        for word, code in words:
            size = _columns(word)
            if self.width is not None and lines[-1] and used + 1 + size > room:
                lines.append([])
                used = 0
            used += size + bool(lines[-1])
            lines[-1].append(self.paint(word, code))
        return f"\n{'':{_INDENT}}".join(" ".join(line) for line in lines)


def render(result: ScanResult, *, colour: bool, shown_root: PurePosixPath, width: int | None = None) -> str:
    """``shown_root`` stands in front of every path, so that a terminal can open them. Messages are folded at
    ``width``; without one each is a line.
    """
    pen = _Pen(colour, width)
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
    for finding, others in _alike(findings):
        words = [(f"{finding.rule}:", "")]
        if finding.bytes:
            words = [(f"{finding.rule},", ""), (f"{format_bytes(finding.bytes)}:".replace(" ", "\u00a0"), "1")]
        words += [(word, "") for word in _safe(finding.message).split(" ")]
        words += [(word, "") for word in _likewise(others).split()]
        remarks = [] if finding.confidence is Confidence.CERTAIN else [finding.confidence.value]
        remarks += [] if finding.fix is None else [_FIXES[finding.fix]]
        if remarks:
            words += [(word, "2") for word in f"({', '.join(remarks)})".split()]
        severity = pen.paint(f"{finding.severity.value:6}", _COLOURS[finding.severity])
        yield f"  {severity}  {pen.folded(words)}".replace("\u00a0", " ")


def _alike(findings: list[Finding]) -> Iterator[tuple[Finding, list[str]]]:
    """Each finding with the other services of which the very same is said."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        said = finding.message.replace(finding.service, "\0") if finding.service is not None else finding.message
        groups.setdefault((finding.rule, said, finding.bytes, finding.confidence, finding.fix), []).append(finding)
    for first, *rest in groups.values():
        yield first, [other.service for other in rest if other.service is not None]


def _likewise(services: list[str]) -> str:
    if not services:
        return ""
    more = len(services) - _MOST_LIKEWISE
    named = ", ".join(services[:_MOST_LIKEWISE]) + (f" and {more} more" if more > 0 else "")
    return f"- likewise for {named}"


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
        text, first, end = _cut(text, first, end, _WIDEST_LINE if pen.width is None else pen.width - width - 12)
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


def _cut(text: str, first: int, end: int, widest: int) -> tuple[str, int, int]:
    widest = max(30, min(widest, _WIDEST_LINE))
    if len(text) <= widest:
        return text, first, end
    start = max(0, min(first, len(text)) - widest // 2) if first > widest - 20 else 0
    piece = text[start : start + widest]
    front = "..." if start else ""
    back = "..." if start + widest < len(text) else ""
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
    least = (weights.image_bytes + weights.context_bytes) / _TOLD_SHARE
    told = [(topic, count) for topic, count in weights.by_topic[:4] if count >= least]
    shares = ", ".join(f"{topic.value} {format_bytes(count)}" for topic, count in told)
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
        yield f"{counted(len(findings), 'finding')} ({counts}) in {counted(files, 'file')}"
        fixes = Counter(finding.fix for finding in findings)
        repairs = [f"careen fix repairs {fixes[FixKind.SAFE]}"] if fixes[FixKind.SAFE] else []
        if fixes[FixKind.REVIEW]:
            repairs.append(f"careen fix --unsafe proposes a repair to look over for {fixes[FixKind.REVIEW]}")
        if repairs:
            yield "; ".join(repairs)
    elif result.unreadable and not result.services:
        yield pen.paint("nothing could be read", "31;1")
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
        f"{counted(services, 'service')}, {built} built here from {counted(images, 'image')}{silenced}{unread}",
        "2",
    )
