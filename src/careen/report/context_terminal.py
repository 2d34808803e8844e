"""What build contexts send, for people: by cause, heaviest first, before and after."""

import os
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from careen.app.contexts import ContextReport
from careen.report.plan_terminal import bar, show_notes
from careen.text.units import counted, format_bytes


def show_contexts(console: Console, reports: Sequence[ContextReport]) -> None:
    for number, report in enumerate(reports):
        if number:
            console.print()
        _show(console, report)


def listed_paths(reports: Sequence[ContextReport]) -> bytes:
    """Every path that is sent, sorted, one a line, as the file system spells it.

    Relative to the context while there is one, and to the project where there are several.
    """
    lines = (
        file.path if len(reports) == 1 else str(report.path / file.path)
        for report in reports
        for file in sorted(report.before.sent)
    )
    return b"".join(os.fsencode(line) + b"\n" for line in dict.fromkeys(lines))


def _show(console: Console, report: ContextReport) -> None:
    before = report.before
    console.print(
        f"[bold]{escape(str(report.path))}[/] is sent to builds of {escape(', '.join(report.services))}: "
        f"{counted(before.sent_files, 'file')}, {format_bytes(before.sent_bytes)}"
    )
    spared = report.let_through.sent_files - before.sent_files
    if spared:
        count = format_bytes(report.let_through.sent_bytes - before.sent_bytes)
        console.print(f"[dim]{spared} files more, {count}, are let through, and no instruction takes them[/]")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("bytes", justify="right", no_wrap=True)
    table.add_column("files", justify="right", no_wrap=True)
    table.add_column("cause", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("heaviest")
    for weight in before.by_cause():
        share = weight.bytes / before.sent_bytes if before.sent_bytes else 0
        heaviest = ", ".join(file.path for file in weight.heaviest[:2])
        row = (format_bytes(weight.bytes), str(weight.files), weight.cause.value, bar(share, 16), escape(heaviest))
        table.add_row(*row)
    console.print(table)
    if report.proposed:
        verb = "added to" if report.has_ignore else "as a new"
        console.print()
        console.print(
            f"With these patterns {verb} {escape(str(report.ignore_path))}: "
            f"{counted(report.after.sent_files, 'file')}, {format_bytes(report.after.sent_bytes)}"
        )
        for pattern in report.proposed:
            console.print(f"  {escape(pattern)}")
    for fault in report.faults:
        place = f"{report.ignore_path}:{fault.pattern.line}"
        console.print(f"[yellow]{escape(place)}[/]: {escape(fault.explanation)}")
    show_notes(console, before.notes)
