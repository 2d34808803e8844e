"""Verdicts for people: a line a check, what failed with all its evidence."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from careen.prove.comparison import ServiceComparison
from careen.prove.evidence import CheckResult, ProofReport, Verdict
from careen.report.verdicts import summary
from careen.text.units import format_bytes, format_seconds

_MARKS = {Verdict.PASS: "[green]pass[/]", Verdict.FAIL: "[bold red]fail[/]", Verdict.SKIPPED: "[yellow]skipped[/]"}


def show_proof(console: Console, report: ProofReport, comparison: Sequence[ServiceComparison] = ()) -> None:
    for number, service in enumerate(report.services):
        if number:
            console.print()
        measured = []
        if service.start_seconds is not None:
            measured.append(f"healthy after {format_seconds(service.start_seconds)}")
        if service.peak_memory_bytes is not None:
            measured.append(f"peak memory {format_bytes(service.peak_memory_bytes)}")
        told = f" [dim]({', '.join(measured)})[/]" if measured else ""
        console.print(f"[bold]{escape(service.name)}[/]{told}")
        _show(console, service.checks)
    if report.stack:
        console.print()
        console.print("[bold]the stack together[/]")
        _show(console, report.stack)
    for compared in comparison:
        console.print()
        console.print(f"[bold]{escape(compared.name)}[/], compared with what it was")
        for both in compared.checks:
            if both.now is not both.before:
                now, before = (
                    _MARKS[verdict] if verdict is not None else "not made" for verdict in (both.now, both.before)
                )
                console.print(f"  {both.check}: {before} before, {now} now")
        _show(console, [compared.contract])
    console.print()
    console.print(summary(report))


def _show(console: Console, results: Sequence[CheckResult]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for result in results:
        table.add_row(f"  {_MARKS[result.verdict]}", result.check, escape(result.evidence.summary))
    console.print(table)
    for result in results:
        if result.verdict is Verdict.FAIL:
            evidence = result.evidence
            for hint in evidence.hints:
                console.print(f"    hint: {escape(hint)}")
            if evidence.command:
                console.print(f"    $ {escape(' '.join(evidence.command))}", style="dim")
            for line in evidence.output.splitlines():
                console.print(f"    {escape(line)}", style="dim")
