"""The end of an overhaul for people: before, after, and whether it was proven."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from careen.app.overhaul import Overhaul
from careen.prove.evidence import Verdict
from careen.report.plan_terminal import bar, show_notes, size
from careen.report.today import today_words
from careen.report.traced import show_traced
from careen.report.verdicts import summary
from careen.text.units import format_bytes, format_seconds


def show_overhaul(console: Console, done: Overhaul) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("image")
    for column in ("before", "after", "to pull", "start", "peak memory", "checks"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    largest = max((service.current_predicted_bytes or 0 for service in done.plan.services), default=0)
    for image in done.build.images:
        service, proof = done.plan.service(image.service), done.proof.service(image.service)
        passed = sum(1 for result in proof.checks if result.verdict is Verdict.PASS)
        counted = f"{passed}/{len(proof.checks)}"
        drawn = f"[green]{bar(image.bytes / largest, 20)}[/]" if largest else ""
        table.add_row(
            escape(image.reference),
            today_words(service),
            format_bytes(image.bytes),
            format_bytes(image.compressed_bytes),
            "" if proof.start_seconds is None else format_seconds(proof.start_seconds),
            size(proof.peak_memory_bytes) if proof.peak_memory_bytes is not None else "",
            counted if passed == len(proof.checks) else f"[yellow]{counted}[/]",
            drawn,
        )
    console.print(table)
    console.print()
    console.print(
        f"On a host {format_bytes(done.build.unique_bytes)}, every layer once; built in "
        f"{format_seconds(done.build.seconds)}. {len(done.scan.findings)} findings before."
    )
    word = "green" if done.succeeded else "bold red"
    console.print(f"[{word}]{summary(done.proof)}[/]")
    for proven in done.proof.services:
        for result in proven.failed:
            console.print(f"  [red]{escape(proven.name)}: {result.check}[/]: {escape(result.evidence.summary)}")
            for hint in result.evidence.hints:
                console.print(f"    hint: {escape(hint)}")
    for result in done.proof.stack:
        if result.verdict is Verdict.FAIL:
            console.print(f"  [red]{result.check}[/]: {escape(result.evidence.summary)}")
    for name in done.over_budget:
        console.print(f"  [red]{escape(name)} is over its budget[/]")
    if done.traced is not None:
        show_traced(console, done.traced)
    show_notes(console, done.patch.notes)
    console.print()
    into = done.into
    console.print(f"  {escape(str(into))}/stack        the repaired set-up, in a copy of the project")
    console.print(f"  {escape(str(into))}/setup.patch  the same as a patch: git apply")
    console.print(f"  {escape(str(into))}/images       the images, an OCI layout")
    console.print(f"  {escape(str(into))}/report.md    the report; report.html is the same to look at")
