"""Findings as a Markdown document with a map of itself: bytes first, then each file with its lines."""

import itertools

from careen.app.scanning import ScanResult
from careen.findings import Confidence, Finding, FixKind
from careen.report.navigation import NavigableDocument
from careen.report.scan_terminal import summary
from careen.report.weights import weigh
from careen.text.units import format_bytes

_FIXES = {FixKind.SAFE: "safe", FixKind.REVIEW: "to review", None: ""}


def render(result: ScanResult) -> str:
    document = NavigableDocument("What careen found", "Findings with their lines and what they cost")
    document.write(*(f"- {line}" for line in summary(result)))
    weights = weigh(result.findings)
    if weights.by_topic:
        document.section(2, "By weight", "What each topic costs in images and build contexts")
        document.table(
            ("topic", " bytes"), [(f"`{topic.value}`", format_bytes(count)) for topic, count in weights.by_topic]
        )
    for path, group in itertools.groupby(result.findings, key=lambda finding: finding.place.path):
        findings = list(group)
        document.section(2, str(path), f"{len(findings)} findings")
        document.table(("line", "severity", "rule", "what it means", " bytes", "repair"), [*map(_row, findings)])
    if result.unreadable:
        document.section(2, "Not read", "Files that could not be read, and why")
        document.table(("file", "reason"), [(f"`{item.path}:{item.line}`", item.message) for item in result.unreadable])
    if result.silenced:
        document.section(2, "Silenced", "Findings that somebody chose not to hear of")
        document.table(
            ("place", "rule", "reason"),
            [
                (f"`{item.finding.place.path}:{item.finding.place.line}`", f"`{item.finding.rule}`", item.reason)
                for item in result.silenced
            ],
        )
    return document.render()


def _row(finding: Finding) -> tuple[str, ...]:
    doubt = "" if finding.confidence is Confidence.CERTAIN else f" ({finding.confidence})"
    return (
        str(finding.place.line),
        finding.severity.value,
        f"`{finding.rule}`",
        f"{finding.message}{doubt}",
        format_bytes(finding.bytes) if finding.bytes else "",
        _FIXES[finding.fix],
    )
