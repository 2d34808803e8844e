"""Annotations of GitHub Actions: one workflow command a finding, then the summary as plain text.

::error file=docker/Dockerfile,line=3,endLine=3,col=5,endColumn=9,title=runs-as-root::message
(GitHub documentation, "Workflow commands for GitHub Actions"; the escapes are those of actions/toolkit)
"""

from pathlib import PurePosixPath

from careen.app.scanning import ScanResult
from careen.findings import Finding, Severity
from careen.report.scan_terminal import summary
from careen.text.units import format_bytes

_COMMANDS = {Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "notice"}


def render(result: ScanResult, *, shown_root: PurePosixPath) -> str:
    lines = [_annotation(finding, shown_root) for finding in result.findings]
    lines += [
        f"::error file={_property(str(shown_root / item.path))},line={item.line},title=not read::{_data(item.message)}"
        for item in result.unreadable
    ]
    return "\n".join([*lines, *summary(result)]) + "\n"


def _annotation(finding: Finding, shown_root: PurePosixPath) -> str:
    place = finding.place
    where = f"file={_property(str(shown_root / place.path))},line={place.line},endLine={place.end_line}"
    if place.column and place.line == place.end_line:
        where += f",col={place.column},endColumn={place.end_column}"
    weight = f" ({format_bytes(finding.bytes)})" if finding.bytes else ""
    return f"::{_COMMANDS[finding.severity]} {where},title={finding.rule}::{_data(finding.message + weight)}"


def annotation(command: str, path: str, line: int, title: str, message: str) -> str:
    """``command`` is error, warning or notice."""
    return f"::{command} file={_property(path)},line={line},title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
