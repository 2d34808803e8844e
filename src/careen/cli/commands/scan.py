"""``careen scan``: what is wrong, with file, line and bytes. Needs nothing but the files."""

import gc
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from careen.cli.console import say, wants_colour
from careen.cli.options import Output, compose_option, named_files, output, output_options, path_argument
from careen.errors import ExitCode
from careen.findings import Severity

if TYPE_CHECKING:
    from careen.app.baseline import Baseline
    from careen.app.scanning import ScanResult

_MOST_NOTES = 8


def _rule_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """For completion alone."""
    from careen.rules.catalogue import RULES

    return [rule.slug for rule in RULES if rule.slug.startswith(incomplete)]


@click.command("scan")
@path_argument
@compose_option
@click.option(
    "--select",
    multiple=True,
    metavar="RULE",
    shell_complete=_rule_names,
    help="Only this rule or topic; may be given again.",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="RULE",
    shell_complete=_rule_names,
    help="Not this rule or topic; may be given again.",
)
@click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in reversed(Severity)]),
    help="The lowest severity that makes the exit status 1.  [default: fail-on of the configuration, else low]",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Findings that are known: a file that --write-baseline wrote.",
)
@click.option(
    "--write-baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what is found to this file, and exit with 0.",
)
@click.option(
    "--explain", metavar="RULE", shell_complete=_rule_names, help="Print the page of a rule; `list` names all."
)
@output_options("terminal", "json", "sarif", "github", "markdown")
def command(
    path: Path,
    compose_files: tuple[Path, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fail_on: str | None,
    baseline: Path | None,
    write_baseline: Path | None,
    explain: str | None,
    style: str,
    quiet: bool,
    no_color: bool,
) -> int:
    """Judge a stack: what is wrong, where, what it costs, and whether careen can repair it."""
    if explain is not None:
        return _explain(explain)
    gc.disable()  # a scan is short and keeps nearly all that it makes: collecting costs a fifth of its time
    from careen.app.scanning import ScanRequest, scan, split_names

    how = output(style=style, quiet=quiet, no_color=no_color)
    result = scan(
        ScanRequest(
            root=path,
            compose_files=named_files(path, compose_files),
            select=split_names(select),
            ignore=split_names(ignore),
            baseline=_read_baseline(baseline),
        )
    )
    if write_baseline is not None:
        return _write_baseline(result, write_baseline, how)
    click.echo(_rendered(result, how, _shown_root(path)), nl=False, color=True)
    for note in result.notes[:_MOST_NOTES]:
        say(how, f"note: {note}")
    if len(result.notes) > _MOST_NOTES:
        say(how, f"note: and {len(result.notes) - _MOST_NOTES} more of the kind")
    limit = Severity(fail_on) if fail_on is not None else result.config.fail_on or Severity.LOW
    if any(finding.severity.rank >= limit.rank for finding in result.findings):
        return ExitCode.FINDINGS
    return ExitCode.USAGE if result.unreadable else ExitCode.CLEAN


def _rendered(result: "ScanResult", how: Output, shown_root: PurePosixPath) -> str:
    match how.style:
        case "json":
            from careen.report import scan_json

            return scan_json.render(result)
        case "sarif":
            from careen.report import sarif

            return sarif.render(result, shown_root=shown_root)
        case "github":
            from careen.report import scan_github

            return scan_github.render(result, shown_root=shown_root)
        case "markdown":
            from careen.report import scan_markdown

            return scan_markdown.render(result)
        case _:
            import shutil
            import sys

            from careen.report import scan_terminal

            terminal = sys.stdout.isatty()
            return scan_terminal.render(
                result,
                colour=wants_colour(how, stream_is_terminal=terminal),
                shown_root=shown_root,
                width=shutil.get_terminal_size().columns if terminal else None,
            )


def _shown_root(path: Path) -> PurePosixPath:
    """What stands in front of paths, so that they can be opened from here; nothing when PATH is absolute."""
    return PurePosixPath() if path.is_absolute() else PurePosixPath(path.as_posix())


def _read_baseline(path: Path | None) -> "Baseline | None":
    if path is None:
        return None
    from careen.app.baseline import read_baseline
    from careen.text.source import Source

    return read_baseline(Source.decode(PurePosixPath(path.name), path.read_bytes()))


def _write_baseline(result: "ScanResult", path: Path, how: Output) -> int:
    from careen.app.baseline import baseline_of, write_baseline
    from careen.app.outputs import write_file
    from careen.text.units import counted

    known = [*result.findings, *(silenced.finding for silenced in result.silenced if silenced.from_baseline)]
    text = write_baseline(baseline_of(known, result.text))
    write_file(path, text.encode())
    say(how, f"{counted(len(known), 'finding')} written to {path}; scan with --baseline {path} tells only new ones")
    return ExitCode.CLEAN


def _explain(name: str) -> int:
    from careen.app.scanning import selected_rules
    from careen.report.rule_page import rule_page
    from careen.rules.catalogue import RULES

    if name == "list":
        width = max(len(rule.slug) for rule in RULES)
        for rule in RULES:
            click.echo(f"{rule.slug:{width}}  {rule.summary}")
        return ExitCode.CLEAN
    click.echo("\n\n".join(rule_page(rule).rstrip("\n") for rule in selected_rules((name,), (), where="--explain")))
    return ExitCode.CLEAN
