"""The images for people: a row an image, a row a layer, what is shared."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from careen.app.building import Built, Change
from careen.app.delivery import Delivered
from careen.build.engine import BuildResult
from careen.plan.target import Plan
from careen.report.plan_terminal import show_notes, size
from careen.report.today import today_words
from careen.text.units import format_bytes, format_seconds

_DIGEST_LETTERS = 19
"""``sha256:`` and twelve digits, as docker shortens them."""

_LONGEST_NAME = 60


def show_build(console: Console, result: BuildResult, plan: Plan) -> None:
    table = _table("image", ">today", ">predicted", ">built", ">to pull", "digest")
    for image in result.images:
        service = plan.service(image.service)
        over = image.bytes > service.budget_bytes
        built = f"[red]{format_bytes(image.bytes)}[/]" if over else format_bytes(image.bytes)
        table.add_row(
            escape(image.reference),
            today_words(service),
            size(service.predicted_bytes),
            built,
            format_bytes(image.compressed_bytes),
            str(image.digest)[:_DIGEST_LETTERS],
        )
    console.print(table)
    console.print()
    table = _table(">bytes", ">to pull", "services", "layer")
    for layer in result.layers:
        everyone = len(layer.services) == len(result.images) > 1
        what = layer.what if len(layer.what) <= _LONGEST_NAME else layer.what[: _LONGEST_NAME - 1] + "…"
        table.add_row(
            format_bytes(layer.bytes),
            format_bytes(layer.compressed_bytes),
            "all" if everyone else escape(", ".join(layer.services)),
            escape(what),
        )
    console.print(table)
    console.print()
    console.print(
        f"{len(result.images)} images in {format_seconds(result.seconds)}; on a host "
        f"{format_bytes(result.unique_bytes)}, {format_bytes(result.unique_compressed_bytes)} to pull"
    )
    show_notes(console, [*result.notes, *(note for image in result.images for note in image.notes)])


def show_built(console: Console, built: Built) -> None:
    """Of the verb: every platform, what changed and why, and where the images went."""
    for plan, result in built.all:
        if built.others:
            console.print(f"[bold]{result.platform}[/]\n")
        show_build(console, result, plan)
        if built.others:
            console.print()
    if built.others:
        console.print("what each name leads to, an index of the platforms:")
        for name, digest in sorted(built.names.items()):
            console.print(f"  {escape(name)}  {digest}")
    _show_changes(console, built.changes)
    _show_delivered(console, built.delivered)


def _show_changes(console: Console, changes: Sequence[Change]) -> None:
    if changes:
        console.print("\nother images than before:")
    for change in changes:
        causes = change.because or ("nothing that is recorded",)
        console.print(f"  {escape(change.image)} ({change.platform}): {escape('; '.join(causes))}", soft_wrap=True)


def _show_delivered(console: Console, done: Delivered) -> None:
    if done.bills:
        console.print(f"\nbills of materials: {escape(', '.join(str(path) for path in done.bills))}", soft_wrap=True)
    if done.archive is not None:
        console.print(f"\nwritten to {escape(str(done.archive))}")
    if done.loaded:
        console.print(f"\nloaded into {done.engine}: {escape(', '.join(done.loaded))}", soft_wrap=True)
    for pushed in done.pushed:
        spared = format_bytes(pushed.mounted + pushed.present)
        console.print(
            f"pushed {escape(pushed.reference)}@{pushed.digest} "
            f"({format_bytes(pushed.uploaded)} sent, {spared} were there)",
            soft_wrap=True,
        )


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left", no_wrap=True)
    return table
