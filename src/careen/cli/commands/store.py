"""``careen store``: what careen keeps of earlier builds, and forgetting what nobody used for long."""

import json
import re
from collections.abc import Callable, Mapping

import click

from careen.cli.console import stdout_console
from careen.cli.options import output, output_options

_DAY_SECONDS = 86_400
_AGES = {"h": 3600, "d": _DAY_SECONDS, "w": 7 * _DAY_SECONDS}
_SIZES = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


Amount = Callable[[click.Context, click.Parameter, str], int]


def _amount(units: Mapping[str, int], example: str) -> Amount:
    """Reads a number with its unit: 30d, 5GB. Seconds or bytes come of it."""

    def read(_: click.Context, parameter: click.Parameter, text: str) -> int:
        match = re.fullmatch(r"(\d{1,9})\s*([A-Za-z]{1,2})", text)
        for unit, count in units.items():
            if match is not None and match[2].lower() == unit.lower():
                return int(match[1]) * count
        raise click.BadParameter(f"{text!r} is no amount such as {example}; units: {', '.join(units)}", param=parameter)

    return read


@click.command("store")
@click.argument("action", type=click.Choice(["size", "clean"]), default="size")
@click.option(
    "--older-than",
    callback=_amount(_AGES, "30d"),
    metavar="AGE",
    default="30d",
    show_default=True,
    help="clean: forget what was not used for so long.",
)
@click.option(
    "--keep",
    callback=_amount(_SIZES, "5GB"),
    metavar="SIZE",
    default="5GB",
    show_default=True,
    help="clean: then forget the longest unused until no more is left than this.",
)
@output_options("terminal", "json")
def command(action: str, older_than: int, keep: int, style: str, quiet: bool, no_color: bool) -> int:
    """Tell what the store of packed wheels and layers weighs, or forget what nobody used for long.

    Whatever is forgotten is made again when a build wants it. What was used in the last hour stays in any case, so
    builds may go on meanwhile. Wheels and packages that were downloaded are not in the store.
    """
    from careen.blobs.store import Store
    from careen.cli.surroundings import surroundings
    from careen.report.store_json import store_document
    from careen.text.units import format_bytes

    how = output(style=style, quiet=quiet, no_color=no_color)
    around = surroundings(offline=True)
    store = Store(around.cache / "store")
    gone = None
    if action == "clean":
        gone = store.collect(now=around.now().timestamp(), keep_for=older_than, keep_bytes=keep)
    weights = store.weights()
    total = sum(weight.bytes for weight in weights.values())
    if how.style == "json":
        click.echo(json.dumps(store_document(weights, gone), indent=2))
        return 0
    console = stdout_console(how)
    if gone is not None:
        console.print(f"forgotten: {gone.entries} entries, {format_bytes(gone.bytes)}", highlight=False, markup=False)
    for kind, weight in sorted(weights.items(), key=lambda item: -item[1].bytes):
        console.print(
            f"{kind:12} {weight.entries:6} entries {format_bytes(weight.bytes):>9}", highlight=False, markup=False
        )
    console.print(f"{store.folder}: {format_bytes(total)}", highlight=False, markup=False, soft_wrap=True)
    return 0
